//! What the API tells and does while a worker carries imports out.

use std::time::Duration;

use cellar_http::imports::{Imports as _, JobState, Refused};
use cellar_test_kit::collection;
use futures::{StreamExt as _, stream};

use crate::bed::{Bed, csv, one_chunk, order, put, whole};

#[tokio::test]
async fn a_file_has_to_be_announced_and_does_not_come_in_the_body() {
    let bed = Bed::new(|_, config| config.max_bytes = 100).await;
    let body = || stream::iter([Ok("id,lat,lon\n".into())]).boxed();
    let refused = bed.uploads.submit(order(None, None, &[]), body()).await.unwrap_err();
    assert!(refused.to_string().contains("?bytes="), "{refused}");
    let announced = Some(cellar_http::imports::Announced { bytes: 1, sha256: None });
    let refused = bed.uploads.submit(order(announced, None, &[]), body()).await.unwrap_err();
    assert!(matches!(refused, Refused::NotHere { .. }) && refused.to_string().contains("no body"));
    assert_eq!(bed.order(101, None, &[]).await, Err(Refused::TooLong { most: 100 }));
    assert!(bed.uploads.list(&collection("places")).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_more_jobs_wait_than_may() {
    let bed = Bed::new(|_, config| config.waiting = 2).await;
    let first = bed.order(1, None, &[]).await.unwrap();
    bed.order(1, None, &[]).await.unwrap();
    let busy = Err(Refused::Busy { waiting: 2, retry_after_s: 60 });
    assert_eq!(bed.order(1, None, &[]).await, busy);
    bed.uploads.cancel(&collection("places"), &first.id).await.unwrap();
    bed.order(1, None, &[]).await.unwrap();
    assert_eq!(bed.order(1, None, &[]).await, busy);
    bed.clock.advance(Duration::from_hours(7));
    bed.order(1, None, &[]).await.expect("files that did not come wait for nothing");
}

#[tokio::test]
async fn jobs_are_listed_the_newest_first_and_a_file_that_does_not_come_has_failed() {
    let bed = Bed::new(|_, _| {}).await;
    let first = bed.order(1, None, &[]).await.unwrap();
    assert_eq!((first.state, first.bytes), (JobState::Uploading, 1));
    bed.clock.advance(Duration::from_hours(7));
    let second = bed.order(2, None, &[("skip", "1")]).await.unwrap();
    let jobs = bed.uploads.list(&collection("places")).await.unwrap();
    assert_eq!(jobs.iter().map(|job| &job.id).collect::<Vec<_>>(), [&second.id, &first.id]);
    assert_eq!(jobs[1].state, JobState::Failed);
    assert!(jobs[1].error.as_deref().unwrap().contains("did not come in time"));
    assert!(jobs.iter().all(|job| job.upload.is_none()), "a list lets nobody write");
    assert!(bed.uploads.list(&collection("others")).await.unwrap().is_empty());
    assert_eq!(bed.uploads.get(&collection("others"), &first.id).await.unwrap(), None);
    assert_eq!(bed.uploads.get(&collection("places"), "../../x").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_makes_one_job() {
    let bed = Bed::new(|_, config| config.waiting = 1).await;
    let first = bed.order(5, Some("k"), &[]).await.unwrap();
    let again = bed.order(5, Some("k"), &[]).await.unwrap();
    assert_eq!((&again.id, again.state), (&first.id, JobState::Uploading));
    assert!(again.upload.is_some(), "who lost the answer can still send the file");
    assert_eq!(bed.order(6, Some("k"), &[]).await, Err(Refused::KeyReused));
    assert_eq!(bed.order(5, Some("k"), &[("skip", "1")]).await, Err(Refused::KeyReused));
    let file = "id,lat,lon\n";
    assert_eq!(put(&again, &file[..5]).await.status(), 200);
    bed.drain(whole).await;
    let ended = bed.order(5, Some("k"), &[]).await.unwrap();
    assert!(ended.id == first.id && ended.state.is_end() && ended.upload.is_none());
    assert_eq!(bed.uploads.list(&collection("places")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_that_nobody_works_on_is_cancelled_at_once() {
    let bed = Bed::new(|_, _| {}).await;
    let job = bed.send(&csv(30)).await;
    let cancelled = bed.uploads.cancel(&collection("places"), &job.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(bed.drain(whole).await, 1);
    assert!(bed.places().await.is_empty());
    assert!(bed.aws.keys().is_empty(), "the file goes when its message comes");
    assert_eq!(bed.uploads.cancel(&collection("places"), &"0".repeat(32)).await.unwrap(), None);
}

#[tokio::test]
async fn between_two_workers_a_job_is_cancelled_at_once_too_and_what_is_stored_stays() {
    let bed = Bed::new(|_, _| {}).await;
    let job = bed.send(&csv(30)).await;
    assert!(bed.invoke(one_chunk()).await);
    let before = bed.places().await.len();
    assert!(before > 0 && bed.job(&job.id).await.state == JobState::Running);
    assert_eq!(bed.checkpoints().await.len(), 1);
    let cancelled = bed.uploads.cancel(&collection("places"), &job.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    bed.drain(whole).await;
    assert_eq!((bed.places().await.len(), bed.aws.keys().len()), (before, 1), "the list stays");
    assert!(bed.checkpoints().await.is_empty(), "who would have gone on has seen to it");
}

#[tokio::test]
async fn a_job_that_is_removed_is_forgotten() {
    let bed = Bed::new(|_, _| {}).await;
    let job = bed.send(&csv(3)).await;
    bed.drain(whole).await;
    bed.done(&job.id).await;
    assert!(bed.uploads.remove(&collection("places"), &job.id).await.unwrap());
    assert!(!bed.uploads.remove(&collection("places"), &job.id).await.unwrap(), "once");
    assert_eq!(bed.uploads.get(&collection("places"), &job.id).await.unwrap(), None);
    assert!(bed.uploads.list(&collection("places")).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_has_ended_is_forgotten_after_a_while() {
    let bed = Bed::new(|_, _| {}).await;
    let job = bed.send(&csv(3)).await;
    bed.drain(whole).await;
    bed.clock.advance(Duration::from_hours(23));
    bed.done(&job.id).await;
    bed.clock.advance(Duration::from_hours(2));
    assert_eq!(bed.uploads.get(&collection("places"), &job.id).await.unwrap(), None);
    assert!(bed.uploads.list(&collection("places")).await.unwrap().is_empty());
}

#[tokio::test]
async fn jobs_end_with_their_collection() {
    let bed = Bed::new(|_, _| {}).await;
    let places = collection("places");
    let running = bed.send(&csv(30)).await;
    assert!(bed.invoke(one_chunk()).await);
    let waiting = bed.order(1, None, &[]).await.unwrap();
    bed.uploads.cancel_all(&places).await.unwrap();
    for id in [&running.id, &waiting.id] {
        assert_eq!(bed.job(id).await.state, JobState::Cancelled);
    }
}
