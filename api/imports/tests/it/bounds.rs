//! What is bounded: bodies, what is kept of them, jobs that wait, lists, time.

use std::time::Duration;

use bytes::Bytes;
use cellar_http::imports::{Imports as _, JobState, Order, Refused};
use cellar_test_kit::collection;
use cellar_test_kit::memory::{Effect, End};
use futures::{StreamExt as _, stream};

use crate::bed::{Bed, csv, order};

#[tokio::test]
async fn no_more_jobs_wait_than_may() {
    let bed = Bed::new(|settings| settings.waiting = 2).await;
    bed.store.fail((bed.store.writes() + 1, Effect::None, End::Never));
    let running = bed.send(&csv(3)).await.unwrap();
    bed.store.died.notified().await;
    for _ in 0..2 {
        bed.send(&csv(1)).await.unwrap();
    }
    assert_eq!(bed.send(&csv(1)).await, Err(Refused::Busy { waiting: 2, retry_after_s: 30 }));
    bed.service().cancel(&collection("places"), &running.id).await.unwrap().unwrap();
    let waiting = || bed.jobs().iter().filter(|job| job.state == JobState::Queued).count();
    bed.until(&running.id, "room", |_| waiting() < 2).await;
    bed.send(&csv(1)).await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_coming_in_waits_too_and_leaves_nothing_when_it_breaks_off() {
    let bed = Bed::new(|settings| settings.waiting = 1).await;
    let (mut sender, receiver) = futures::channel::mpsc::unbounded();
    let service = bed.service().clone();
    let coming = tokio::spawn(async move { service.submit(order(Some("k"), &[]), receiver.boxed()).await });
    sender.unbounded_send(Ok(Bytes::from_static(b"id,lat,lon\n"))).unwrap();
    while bed.files().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bed.order("x", Some("k"), &[]).await, Err(Refused::KeyInUse));
    assert!(matches!(bed.send("x").await, Err(Refused::Busy { waiting: 1, .. })));
    sender.unbounded_send(Err("the connection is gone".into())).unwrap();
    assert_eq!(coming.await.unwrap(), Err(Refused::Broken("the connection is gone".into())));
    assert!(bed.files().is_empty(), "{:?}", bed.files());
    sender.disconnect();
    // A client that goes away: nobody waits for the answer.
    let service = bed.service().clone();
    let dropped =
        tokio::spawn(async move { service.submit(order(None, &[]), stream::pending().boxed()).await });
    while bed.path("").read_dir().unwrap().count() < 2 {
        tokio::task::yield_now().await;
    }
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    assert!(bed.files().is_empty(), "{:?}", bed.files());
    bed.send(&csv(1)).await.unwrap();
}

#[tokio::test]
async fn bodies_are_bounded_whether_their_length_is_told_or_not() {
    let bed = Bed::new(|settings| (settings.max_body_bytes, settings.max_kept_bytes) = (40, 60)).await;
    assert_eq!(bed.send(&"x".repeat(41)).await, Err(Refused::TooLong { most: 40 }));
    assert_eq!(bed.send("").await, Err(Refused::Empty));
    let told = |length| Order { length: Some(length), ..order(None, &[]) };
    let nothing_is_read = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, String>>> {
        unreachable!("the length says that it is too long")
    });
    let refused = bed.service().submit(told(41), nothing_is_read.boxed()).await;
    assert_eq!(refused, Err(Refused::TooLong { most: 40 }));
    bed.store.fail((bed.store.writes() + 1, Effect::None, End::Never));
    bed.send("id,lat,lon\na,1,2\nb,1,2\n").await.unwrap();
    bed.store.died.notified().await;
    let refused = bed.service().submit(told(40), stream::pending().boxed()).await;
    assert_eq!(refused, Err(Refused::NoRoom { retry_after_s: 30 }), "the other body is still there");
    assert!(bed.send("id,lat,lon\na,1,2\n").await.is_ok(), "a shorter one has room");
}

#[tokio::test]
async fn a_file_that_is_announced_would_be_awaited_in_vain() {
    let bed = Bed::new(|_| {}).await;
    let announced = Some(cellar_http::imports::Announced { bytes: 1, sha256: None });
    let order = Order { announced, ..order(None, &[]) };
    let refused = bed.service().submit(order, stream::iter([Ok("x".into())]).boxed()).await.unwrap_err();
    assert!(matches!(refused, Refused::Option { name: "bytes", .. }), "{refused:?}");
    assert!(bed.files().is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let bed = Bed::new(|settings| settings.idle = Duration::ZERO).await;
    let refused = bed.service().submit(order(None, &[]), stream::pending().boxed()).await;
    assert_eq!(refused, Err(Refused::TooSlow));
    assert!(bed.files().is_empty());
}

#[tokio::test]
async fn a_list_of_rejected_records_does_not_fill_the_disk() {
    let bed = Bed::new(|settings| settings.max_rejects_bytes = 1_000).await;
    let sent = bed.send(&format!("id,lat,lon\n{}", "x\n".repeat(1_000))).await.unwrap();
    let job = bed.ended(&sent.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("longer than 1000 bytes"));
    assert!(job.read < 20 && job.rejects_bytes < 2_000, "{} records", job.read);
}

#[tokio::test]
async fn a_key_makes_one_job_of_an_order_that_is_sent_again() {
    let bed = Bed::new(|_| {}).await;
    let first = bed.order(&csv(3), Some("k"), &[]).await.unwrap();
    bed.done(&first.id).await;
    let again = bed.order(&csv(3), Some("k"), &[]).await.unwrap();
    assert_eq!((again.id, again.state), (first.id, JobState::Done));
    assert_eq!(bed.order(&csv(4), Some("k"), &[]).await, Err(Refused::KeyReused));
    let otherwise = bed.order(&csv(3), Some("k"), &[("dry-run", "true")]).await;
    assert_eq!(otherwise, Err(Refused::KeyReused), "it is read differently");
    assert_eq!(bed.jobs().len(), 1);
}

#[tokio::test]
async fn what_has_ended_is_forgotten_after_a_while_or_behind_many_others() {
    let bed = Bed::new(|settings| (settings.ended, settings.waiting) = (2, 10)).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let sent = bed.send(&csv(1)).await.unwrap();
        bed.done(&sent.id).await;
        bed.clock.advance(Duration::from_secs(1));
        ids.push(sent.id);
    }
    assert!(bed.job(&ids[0]).is_none(), "two are kept");
    assert!(bed.job(&ids[1]).is_some());
    bed.clock.advance(bed.settings.keep.saturating_sub(Duration::from_secs(2)));
    assert!(bed.job(&ids[1]).is_none() && bed.job(&ids[2]).is_some());
    bed.clock.advance(Duration::from_secs(1));
    assert!(bed.job(&ids[2]).is_none());
    assert!(bed.files().is_empty(), "{:?}", bed.files());
}
