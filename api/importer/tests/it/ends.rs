//! How jobs end: done, failed, dead letters; and what is left of them.

use cellar_http::imports::{Imports as _, JobState};
use cellar_test_kit::collection;
use reqwest::Method;

use crate::bed::{Bed, csv, one_chunk, whole};

#[tokio::test]
async fn a_file_is_stored_and_what_is_not_is_listed_with_its_line() {
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send("id,lat,lon\na,1,2\nb,,2\nc,3,4\na,5,6\n").await;
    assert_eq!(bed.drain(whole).await, 1);
    let job = bed.done(&sent.id).await;
    assert_eq!((job.read, job.stored, job.rejected, job.repeated), (4, 2, 1, 1));
    assert_eq!((job.read_bytes, job.resumed), (job.bytes, 0));
    assert!(job.recognised.unwrap().starts_with("read as CSV"));
    assert_eq!(job.findings.unwrap()["without_category"], 2);
    assert!(job.started_unix_ms.is_some() && job.ended_unix_ms < job.expires_unix_ms);
    let ids: Vec<_> = bed.places().await.iter().map(|place| place.id.to_string()).collect();
    assert_eq!(ids, ["a", "c"]);
    let lines: Vec<_> = bed.rejects(&sent.id).await.iter().map(|line| line["line"].clone()).collect();
    assert_eq!(lines, [3, 5]);
    assert_eq!(bed.aws.keys(), [format!("rejects/places/{}", sent.id)], "the file is not needed any more");
    assert_eq!((bed.files(), bed.aws.messages()), (0, 0));
}

#[tokio::test]
async fn options_count_and_a_dry_run_stores_nothing() {
    let bed = Bed::new(|_, _| {}).await;
    let file = "nr,lat,lon\na,1,2\nb,,2\n";
    let sent = bed.send_with(file, &[("id-column", "nr"), ("dry-run", "true")]).await;
    bed.drain(whole).await;
    let job = bed.done(&sent.id).await;
    assert_eq!((job.stored, job.rejected), (1, 1));
    assert!(bed.places().await.is_empty());
    assert_eq!(bed.rejects(&sent.id).await.len(), 1);
    let long = bed.send_with(&csv(30), &[("dry-run", "true")]).await;
    bed.drain(one_chunk).await;
    let job = bed.job(&long.id).await;
    assert!(job.state == JobState::Failed && job.error.unwrap().contains("dry run"));
}

#[tokio::test]
async fn what_is_no_file_of_places_fails_and_says_why() {
    let bed = Bed::new(|_, _| {}).await;
    let no_ids = bed.send("nr,lat,lon\na,1,2\n").await;
    let no_option = bed.send_with("id,lat,lon\na,1,2\n", &[("format", "shp")]).await;
    let empty = bed.send("id,lat,lon\n").await;
    assert_eq!(bed.drain(whole).await, 3);
    let no_ids = bed.job(&no_ids.id).await;
    assert_eq!(no_ids.state, JobState::Failed);
    let error = no_ids.error.unwrap();
    assert!(error.contains("--id-column") && !error.contains('/'), "{error}");
    let error = bed.job(&no_option.id).await.error.unwrap();
    assert!(error.contains("`format` cannot be `shp`"), "{error}");
    assert!(bed.job(&empty.id).await.state.is_end());
    assert!(
        bed.aws.keys().is_empty() && bed.aws.dead_letters().is_empty(),
        "nothing is wrong with the worker"
    );
}

#[tokio::test]
async fn a_list_of_rejected_records_does_not_grow_for_ever() {
    let bed = Bed::new(|settings, _| settings.config.max_rejects_bytes = 1_000).await;
    let sent = bed.send(&format!("id,lat,lon\n{}", "x\n".repeat(1_000))).await;
    bed.drain(whole).await;
    let job = bed.job(&sent.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("longer than 1000 bytes"));
    assert!(job.read < 50, "{} records", job.read);
}

#[tokio::test]
async fn a_collection_that_is_gone_is_not_made_again() {
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&csv(30)).await;
    assert!(bed.invoke(one_chunk()).await);
    let places = collection("places");
    bed.store.maintenance().begin_deletion(&places, 1).await.unwrap().unwrap();
    let before = bed.places().await.len();
    bed.drain(whole).await;
    let job = bed.job(&sent.id).await;
    assert_eq!(job.error.as_deref(), Some("the collection `places` is being deleted, or is gone"));
    assert_eq!(bed.places().await.len(), before);
}

#[tokio::test]
async fn a_file_that_is_gone_or_of_another_length_is_told() {
    let bed = Bed::new(|_, _| {}).await;
    let gone = bed.send("id,lat,lon\na,1,2\n").await;
    bed.aws.remove(&format!("uploads/places/{}", gone.id));
    bed.drain(whole).await;
    assert!(bed.job(&gone.id).await.error.unwrap().contains("not in the bucket any more"));
}

#[tokio::test]
async fn messages_that_nobody_can_read_become_dead_letters() {
    let bed = Bed::new(|_, _| {}).await;
    bed.aws.send("{\"hello\":1}");
    bed.aws.send(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"files"}"#);
    bed.drain(whole).await;
    assert_eq!(bed.aws.dead_letters(), ["{\"hello\":1}"]);
}

#[tokio::test]
async fn a_bucket_that_fails_is_asked_again_and_at_last_the_job_fails() {
    let bed = Bed::new(|_, _| {}).await;
    bed.aws.fail(Method::GET, "/files/uploads/", 503, 5);
    let sent = bed.send(&csv(30)).await;
    assert_eq!(bed.drain(whole).await, 2, "the first invocation gave up after four tries");
    bed.done(&sent.id).await;
    bed.aws.fail(Method::GET, "/files/uploads/", 403, 1_000);
    let sent = bed.send(&csv(30)).await;
    assert_eq!(bed.drain(whole).await, 5);
    let job = bed.job(&sent.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("begun 4 times"));
    let dead = bed.aws.dead_letters();
    assert!(dead.len() == 1 && dead[0].contains(&sent.id), "{dead:?}");
    assert!(!bed.aws.keys().contains(&format!("uploads/places/{}", sent.id)));
}

#[tokio::test]
async fn what_is_given_up_half_way_leaves_no_checkpoint() {
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&csv(30)).await;
    assert!(bed.invoke(one_chunk()).await);
    bed.lose_disk();
    bed.aws.fail(Method::GET, "/files/uploads/", 403, 1_000);
    bed.drain(whole).await;
    assert_eq!(bed.job(&sent.id).await.state, JobState::Failed);
    assert!(bed.checkpoints().await.is_empty());
}

#[tokio::test]
async fn a_job_that_never_gets_on_fails_and_its_message_is_a_dead_letter() {
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&csv(30)).await;
    let none = || {
        let now = std::time::Instant::now();
        cellar_importer::time::Time { hard: now, soft: now, ..whole() }
    };
    assert_eq!(bed.drain(none).await, 5);
    let job = bed.job(&sent.id).await;
    assert!(job.state == JobState::Failed && job.error.unwrap().contains("begun 4 times"));
    assert_eq!(bed.aws.dead_letters().len(), 1);
    assert_eq!(bed.uploads.list(&collection("places")).await.unwrap().len(), 1);
}
