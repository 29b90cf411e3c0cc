//! What a process leaves when it dies, and what the next one makes of it.

use cellar_http::imports::JobState;
use cellar_imports::StartError;
use cellar_test_kit::memory::{Effect, End};

use crate::bed::{Bed, csv};

#[tokio::test]
async fn a_job_that_was_cut_off_anywhere_is_completed_after_a_restart() {
    let clean = Bed::new(|_| {}).await;
    let first = clean.store.writes();
    let sent = clean.send(&csv(11)).await.unwrap();
    let expected = clean.done(&sent.id).await;
    for write in first..clean.store.writes() {
        for effect in [Effect::None, Effect::Half, Effect::All] {
            let mut bed = Bed::new(|_| {}).await;
            bed.store.fail((write, effect, End::Never));
            let sent = bed.send(&csv(11)).await.unwrap();
            bed.store.died.notified().await;
            bed.kill();
            bed.start();
            let job = bed.done(&sent.id).await;
            let counts = |job: &cellar_http::imports::Job| {
                (job.read, job.stored, job.rejected, job.repeated, job.rejects_bytes)
            };
            assert_eq!(counts(&job), counts(&expected), "write {write}, {effect:?}");
            assert_eq!(job.resumed, 1, "write {write}, {effect:?}");
            assert_eq!(bed.store.places(), clean.store.places(), "write {write}, {effect:?}");
            assert_eq!(bed.rejects(&sent.id).await, clean.rejects(&expected.id).await);
            assert!(bed.store.notes().is_empty(), "write {write}, {effect:?}");
        }
    }
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let mut bed = Bed::new(|_| {}).await;
    // Two chunks and their checkpoints, then no more.
    bed.store.fail((bed.store.writes() + 4, Effect::None, End::Never));
    let sent = bed.send(&csv(11)).await.unwrap();
    bed.store.died.notified().await;
    bed.kill();
    let written = bed.store.places_written();
    bed.start();
    assert_eq!(bed.done(&sent.id).await.read, 11);
    assert!(bed.store.places_written() - written <= 5, "only the rest is written");
}

#[tokio::test]
async fn jobs_keep_their_order_and_what_has_ended_stays_ended() {
    let mut bed = Bed::new(|_| {}).await;
    let done = bed.send(&csv(2)).await.unwrap();
    bed.done(&done.id).await;
    bed.store.fail((bed.store.writes() + 1, Effect::None, End::Never));
    let mut sent = Vec::new();
    for rows in 3..6 {
        bed.clock.advance(std::time::Duration::from_millis(1));
        sent.push(bed.send(&csv(rows)).await.unwrap());
    }
    bed.store.died.notified().await;
    bed.kill();
    bed.start();
    let mut ended = Vec::new();
    for job in &sent {
        ended.push(bed.done(&job.id).await);
    }
    assert_eq!(ended.iter().map(|job| job.resumed).collect::<Vec<_>>(), [1, 0, 0], "one had begun");
    let began: Vec<_> = ended.iter().map(|job| job.started_unix_ms).collect();
    assert!(began.is_sorted(), "{began:?}");
    assert_eq!(bed.job(&done.id).unwrap().state, JobState::Done);
    assert_eq!(bed.job(&done.id).unwrap().resumed, 0);
}

#[tokio::test]
async fn a_body_that_came_in_only_in_part_is_swept_away_and_what_is_not_ours_stays() {
    let mut bed = Bed::new(|_| {}).await;
    bed.kill();
    let part = "0123456789abcdef0123456789abcdef";
    std::fs::create_dir(bed.path(part)).unwrap();
    std::fs::write(bed.path(part).join("body"), "id,l").unwrap();
    std::fs::create_dir(bed.path("mine")).unwrap();
    std::fs::write(bed.path("mine").join("body"), "mine").unwrap();
    bed.start();
    assert_eq!(bed.files(), ["body"]);
    assert!(bed.path("mine").exists());
    assert!(bed.jobs().is_empty());
}

#[tokio::test]
async fn a_directory_has_one_process_and_is_private() {
    let bed = Bed::new(|_| {}).await;
    assert!(matches!(bed.try_start(), Err(StartError::Taken(_))));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let sent = bed.send(&csv(1)).await.unwrap();
        assert_eq!((mode(bed.path("")), mode(bed.path(&sent.id))), (0o700, 0o700));
    }
}
