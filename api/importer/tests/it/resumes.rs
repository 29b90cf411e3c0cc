//! Imports that take several invocations, that die on the way, and whose messages come twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cellar_http::imports::{Imports as _, Job, JobState};
use cellar_test_kit::collection;
use reqwest::Method;

use crate::bed::{Bed, csv, one_chunk, whole};

/// What a clean import of the same file would leave behind.
async fn expected(file: &str) -> (Vec<String>, Vec<serde_json::Value>, Job) {
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(file).await;
    assert_eq!(bed.drain(whole).await, 1);
    let job = bed.done(&sent.id).await;
    (features(&bed).await, bed.rejects(&sent.id).await, job)
}

async fn features(bed: &Bed) -> Vec<String> {
    bed.places().await.iter().map(cellar_model::place::Place::feature).collect()
}

/// That the end is that of a clean import.
async fn is_as_expected(bed: &Bed, id: &str, file: &str) -> Job {
    let job = bed.done(id).await;
    let (places, rejects, clean) = expected(file).await;
    assert_eq!(features(bed).await, places);
    assert_eq!(bed.rejects(id).await, rejects);
    let counts = |job: &Job| (job.read, job.stored, job.rejected, job.repeated, job.rejects_bytes);
    assert_eq!(counts(&job), counts(&clean));
    assert!(bed.aws.dead_letters().is_empty());
    assert_eq!(bed.checkpoints().await, [""; 0], "nothing is left of how it came there");
    job
}

#[tokio::test]
async fn an_import_goes_on_over_many_invocations() {
    let file = csv(95);
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&file).await;
    let mut read = Vec::new();
    while bed.invoke(one_chunk()).await {
        let job = bed.job(&sent.id).await;
        read.push(job.read);
        // Each invocation is in an environment of its own.
        bed.lose_disk();
    }
    assert!(read.len() >= 9 && read.is_sorted(), "{read:?}");
    let job = is_as_expected(&bed, &sent.id, &file).await;
    assert_eq!(job.resumed as usize, read.len() - 1);
    assert!(job.notices.is_empty(), "{:?}", job.notices);
}

/// Dies after so many tells, wherever it is then; the message comes again after the lease.
async fn dies_and_goes_on(bed: &Bed, id: &str, after_read: u64) {
    let worker = std::sync::Arc::clone(&bed.worker);
    let batch = bed.aws.receive().unwrap();
    let running = tokio::spawn(async move { worker.handle_within(&batch, whole()).await });
    let end = Instant::now() + Duration::from_mins(1);
    while bed.job(id).await.read < after_read && !running.is_finished() {
        assert!(Instant::now() < end, "it does not get there");
        tokio::task::yield_now().await;
    }
    running.abort();
    let _ = running.await;
    bed.lose_disk();
}

#[tokio::test]
async fn an_import_goes_on_after_the_death_of_its_worker() {
    let file = csv(400);
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&file).await;
    dies_and_goes_on(&bed, &sent.id, 60).await;
    let job = bed.job(&sent.id).await;
    assert_eq!(job.state, JobState::Running, "nobody was told");
    assert!(!bed.invoke(whole()).await, "the message is hidden as long as the dead worker might live");
    bed.drain(whole).await;
    let job = is_as_expected(&bed, &sent.id, &file).await;
    assert_eq!(job.resumed, 1);
}

#[tokio::test]
async fn a_list_that_was_not_in_the_bucket_costs_no_record() {
    let file = csv(400);
    let bed = Bed::new(|settings, _| settings.list_every = Duration::from_hours(1)).await;
    let sent = bed.send(&file).await;
    dies_and_goes_on(&bed, &sent.id, 60).await;
    bed.drain(whole).await;
    is_as_expected(&bed, &sent.id, &file).await;
    assert!(bed.aws.puts("rejects/") <= 4, "it is written as a whole, and not with each of forty chunks");
}

#[tokio::test]
async fn a_list_that_is_gone_from_the_bucket_begins_anew() {
    let file = csv(95);
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&file).await;
    assert!(bed.invoke(one_chunk()).await && bed.invoke(one_chunk()).await);
    bed.lose_disk();
    bed.aws.remove(&format!("rejects/places/{}", sent.id));
    bed.drain(whole).await;
    is_as_expected(&bed, &sent.id, &file).await;
}

#[tokio::test]
async fn a_message_that_comes_twice_does_no_harm() {
    let file = csv(95);
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&file).await;
    let body = serde_json::json!({ "import": { "collection": "places", "id": sent.id } }).to_string();
    bed.aws.send(&body);
    // While the first is being carried out, the second finds the lease; then it finds that all is done.
    let first = bed.aws.receive().unwrap();
    let second = bed.aws.receive().unwrap();
    let (one, two) =
        tokio::join!(bed.worker.handle_within(&first, whole()), bed.worker.handle_within(&second, whole()));
    let failed = [&one, &two].map(|report| report.batch_item_failures.len());
    assert_eq!(failed.iter().sum::<usize>(), 1, "one has the lease: {failed:?}");
    bed.aws.acknowledge(if failed[0] == 0 { &first } else { &second });
    bed.aws.send(&body);
    bed.drain(whole).await;
    let job = is_as_expected(&bed, &sent.id, &file).await;
    assert_eq!(job.resumed, 0);
    assert_eq!(bed.aws.messages(), 0);
}

#[tokio::test]
async fn one_who_works_on_it_ends_it_between_two_chunks_when_that_is_wished() {
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&csv(50_000)).await;
    let worker = std::sync::Arc::clone(&bed.worker);
    let batch = bed.aws.receive().unwrap();
    let running = tokio::spawn(async move { worker.handle_within(&batch, whole()).await });
    while bed.job(&sent.id).await.read == 0 {
        tokio::task::yield_now().await;
    }
    let cancelled = bed.uploads.cancel(&collection("places"), &sent.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    let report = running.await.unwrap();
    assert!(report.batch_item_failures.is_empty() && cancelled.read < 50_000);
    let stored = bed.places().await.len();
    assert!(stored >= cancelled.stored as usize && stored < 40_000, "{stored}");
}

#[tokio::test]
async fn who_has_lost_the_job_writes_its_record_no_more() {
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&csv(50_000)).await;
    let worker = std::sync::Arc::clone(&bed.worker);
    let batch = bed.aws.receive().unwrap();
    let running = tokio::spawn(async move { worker.handle_within(&batch, whole()).await });
    while bed.job(&sent.id).await.read == 0 {
        tokio::task::yield_now().await;
    }
    let ledger = cellar_uploads::Ledger::new(std::sync::Arc::clone(&bed.store));
    ledger.forget(&collection("places"), &sent.id).await.unwrap();
    let report = running.await.unwrap();
    assert_eq!(report.batch_item_failures.len(), 1);
    assert_eq!(bed.uploads.get(&collection("places"), &sent.id).await.unwrap(), None);
    bed.drain(whole).await;
    assert!(!bed.aws.keys().contains(&format!("uploads/places/{}", sent.id)), "its file goes");
}

#[tokio::test]
async fn a_queue_that_does_not_take_the_message_leaves_the_old_one() {
    let file = csv(35);
    let bed = Bed::new(|_, _| {}).await;
    let sent = bed.send(&file).await;
    // Hiding the message, then sending the next.
    bed.aws.fail(Method::POST, "/", 500, 8);
    assert!(bed.invoke(one_chunk()).await);
    assert_eq!(bed.aws.messages(), 1);
    bed.drain(whole).await;
    is_as_expected(&bed, &sent.id, &file).await;
}

/// Whatever the sizes of file and chunks, and wherever workers die.
#[tokio::test]
async fn ends_are_those_of_a_clean_import() {
    let mut seen = BTreeMap::new();
    for (rows, chunk, die) in [(1, 1, 0), (23, 7, 8), (64, 16, 32), (100, 3, 50)] {
        let file = csv(rows);
        let bed = Bed::new(|settings, _| settings.chunk_records = chunk).await;
        let sent = bed.send(&file).await;
        dies_and_goes_on(&bed, &sent.id, die).await;
        let mut times = 0;
        bed.drain(|| {
            times += 1;
            if times % 2 == 0 { whole() } else { one_chunk() }
        })
        .await;
        is_as_expected(&bed, &sent.id, &file).await;
        seen.insert(rows, times);
    }
    assert_eq!(seen.len(), 4);
}
