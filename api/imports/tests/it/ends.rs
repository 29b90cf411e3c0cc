//! How jobs end: done, failed, cancelled; and what is left of them.

use cellar_http::imports::{Imports as _, JobState, Refused};
use cellar_test_kit::collection;
use cellar_test_kit::memory::{Effect, End};

use crate::bed::{Bed, csv};

#[tokio::test]
async fn a_file_is_stored_and_what_is_not_is_listed_with_its_line() {
    let bed = Bed::new(|_| {}).await;
    let sent = bed.send("id,lat,lon\na,1,2\nb,,2\nc,3,4\na,5,6\n").await.unwrap();
    assert_eq!((sent.state, sent.bytes), (JobState::Queued, 34));
    let job = bed.done(&sent.id).await;
    assert_eq!((job.read, job.stored, job.rejected, job.repeated), (4, 2, 1, 1));
    assert_eq!((job.read_bytes, job.resumed), (job.bytes, 0));
    assert!(
        job.recognised.unwrap().starts_with("read as CSV"),
        "the name of the spool's file is nobody's business"
    );
    assert_eq!(job.findings.unwrap()["without_category"], 2);
    assert!(job.started_unix_ms.is_some() && job.ended_unix_ms < job.expires_unix_ms);
    assert_eq!(bed.store.places().keys().collect::<Vec<_>>(), ["a", "c"]);
    let lines: Vec<_> = bed.rejects(&sent.id).await.iter().map(|line| line["line"].clone()).collect();
    assert_eq!(lines, [3, 5]);
    assert_eq!(bed.files(), ["job.json", "rejects.jsonl"], "the body is not needed any more");
    assert!(bed.store.notes().is_empty(), "nor is the checkpoint");
}

#[tokio::test]
async fn options_count_and_a_dry_run_stores_nothing() {
    let bed = Bed::new(|_| {}).await;
    let options = [("id-column", "nr"), ("dry-run", "true"), ("format", "csv")];
    let sent = bed.order("nr,lat,lon\na,1,2\nb,,2\n", None, &options).await.unwrap();
    let job = bed.done(&sent.id).await;
    assert_eq!((job.stored, job.rejected), (1, 1));
    assert!(bed.store.places().is_empty());
    assert_eq!(bed.rejects(&sent.id).await.len(), 1);
    let wrong = bed.order("x", None, &[("format", "shp")]).await.unwrap_err();
    assert!(matches!(wrong, Refused::Option { name: "format", .. }), "{wrong:?}");
}

#[tokio::test]
async fn a_packed_file_is_read_as_it_is() {
    use std::io::Write as _;
    let bed = Bed::new(|_| {}).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"id,lat,lon\na,1,2\n").unwrap();
    let body = futures::stream::iter([Ok(packed.finish().unwrap().into())]);
    let sent = bed.service().submit(crate::bed::order(None, &[]), Box::pin(body)).await.unwrap();
    assert_eq!(bed.done(&sent.id).await.stored, 1);
}

#[tokio::test]
async fn what_is_no_file_of_places_fails_and_says_why() {
    let bed = Bed::new(|_| {}).await;
    let sent = bed.send("nr,lat,lon\na,1,2\n").await.unwrap();
    let job = bed.ended(&sent.id).await;
    assert_eq!(job.state, JobState::Failed);
    let error = job.error.unwrap();
    assert!(error.contains("--id-column") && !error.contains('/'), "{error}");
    assert_eq!(bed.files(), ["job.json"]);
}

#[tokio::test]
async fn a_table_that_fails_is_asked_again_and_at_last_the_job_fails() {
    let bed = Bed::new(|_| {}).await;
    bed.store.fail((4, Effect::Half, End::Error));
    let sent = bed.send(&csv(11)).await.unwrap();
    let job = bed.done(&sent.id).await;
    assert_eq!(job.read, 11);
    assert!(bed.store.mend(), "it did fail");
    let bed = Bed::new(|settings| settings.failures = 0).await;
    bed.store.fail((4, Effect::Half, End::Error));
    let sent = bed.send(&csv(11)).await.unwrap();
    let job = bed.ended(&sent.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(job.error.as_deref(), Some("the store did not answer for too long; send the file again"));
    assert!(bed.store.notes().is_empty(), "nobody will go on with it");
}

#[tokio::test]
async fn a_collection_that_is_gone_is_not_made_again() {
    let bed = Bed::new(|_| {}).await;
    let body = futures::stream::iter([Ok("id,lat,lon\na,1,2\n".into())]);
    let order = cellar_http::imports::Order {
        collection: collection("gone"),
        options: Vec::new(),
        length: None,
        key: None,
        announced: None,
    };
    let sent = bed.service().submit(order, Box::pin(body)).await.unwrap();
    let job = loop {
        let job = bed.service().get(&collection("gone"), &sent.id).await.unwrap().unwrap();
        if job.state.is_end() {
            break job;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(job.error.as_deref(), Some("the collection `gone` is being deleted, or is gone"));
    assert!(bed.store.places().is_empty());
    assert!(bed.job(&sent.id).is_none(), "it is of another collection");
}

#[tokio::test]
async fn a_job_is_cancelled_where_it_is_and_the_next_one_begins() {
    let bed = Bed::new(|_| {}).await;
    // The second chunk of the first job never comes to its end.
    bed.store.fail((bed.store.writes() + 2, Effect::None, End::Never));
    let first = bed.send(&csv(11)).await.unwrap();
    bed.store.died.notified().await;
    let (second, third) = (bed.send(&csv(3)).await.unwrap(), bed.send(&csv(2)).await.unwrap());
    let places = collection("places");
    let cancelled = bed.service().cancel(&places, &second.id).await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.read), (JobState::Cancelled, 0), "it has not begun");
    let cancelled = bed.service().cancel(&places, &first.id).await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.read), (JobState::Cancelled, 3), "what is stored stays");
    assert_eq!(bed.done(&third.id).await.read, 2);
    let again = bed.service().cancel(&places, &third.id).await.unwrap().unwrap();
    assert_eq!(again.state, JobState::Done, "it had ended");
    assert!(bed.service().cancel(&places, "nothing").await.unwrap().is_none());
    assert!(bed.store.notes().is_empty());
    let ids: Vec<_> = bed.jobs().into_iter().map(|job| job.id).collect();
    assert_eq!(ids.len(), 3);
    for id in &ids {
        assert!(bed.service().remove(&places, id).await.unwrap());
        assert!(!bed.service().remove(&places, id).await.unwrap(), "once");
    }
    assert!(bed.files().is_empty(), "{:?}", bed.files());
}

#[tokio::test]
async fn all_jobs_of_a_collection_end_with_it() {
    let bed = Bed::new(|_| {}).await;
    bed.store.fail((bed.store.writes() + 2, Effect::None, End::Never));
    let first = bed.send(&csv(11)).await.unwrap();
    bed.store.died.notified().await;
    let second = bed.send(&csv(3)).await.unwrap();
    bed.service().cancel_all(&collection("others")).await.unwrap();
    assert_eq!(bed.job(&first.id).unwrap().state, JobState::Running);
    bed.service().cancel_all(&collection("places")).await.unwrap();
    for job in [first, second] {
        assert_eq!(bed.job(&job.id).unwrap().state, JobState::Cancelled);
    }
}
