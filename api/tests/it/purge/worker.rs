//! What is sent when, on a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::ManualClock;
use cellar_coordination::CoordinationStore;
use cellar_coordination::fake::FakeCoordination;
use cellar_purge::{Purge, PurgeSettings};

use super::fake::{Bed, SECOND, settings, tags};

#[tokio::test]
async fn changes_are_collected_and_sent_once() {
    let bed = Bed::new(settings());
    assert_eq!(bed.purges.step().await, None, "nothing waits");
    bed.change(&["a:1", "b:1"]);
    bed.change(&["a:1"]);
    assert_eq!(bed.purges.step().await, Some(10 * SECOND));
    bed.pass(9).await;
    assert_eq!((bed.edge.purges(), bed.shown("waiting")), (vec![], 2));
    bed.pass(60).await;
    assert_eq!(bed.edge.purges(), [tags(&["a:1", "b:1"])]);
    let shown = ["queued_total", "coalesced_total", "requests_total", "sent_total", "waiting", "month_spent"];
    assert_eq!(shown.map(|name| bed.shown(name)), [3, 1, 1, 2, 0, 2]);
}

#[tokio::test]
async fn a_change_during_a_purge_is_purged_again() {
    let bed = Bed::new(settings());
    bed.change(&["a:1"]);
    bed.edge.set_open(false);
    bed.clock.advance(10 * SECOND);
    let purges = bed.purges.clone();
    let sending = tokio::spawn(async move { purges.step().await });
    tokio::task::yield_now().await;
    // The feed waits for nothing while the edge keeps quiet.
    bed.change(&["a:1"]);
    bed.edge.set_open(true);
    assert_eq!(sending.await.unwrap(), Some(Duration::ZERO));
    bed.pass(20).await;
    assert_eq!(bed.edge.purges(), [tags(&["a:1"]), tags(&["a:1"])]);
}

#[tokio::test]
async fn missed_changes_purge_everything() {
    let bed = Bed::new(settings());
    bed.change(&["a:1", "b:1"]);
    bed.purges.everything();
    bed.change(&["c:1"]);
    bed.pass(15).await;
    assert_eq!(bed.edge.purges(), [Purge::everything()]);
    assert_eq!(bed.shown("coalesced_total"), 1);
}

#[tokio::test]
async fn a_refused_purge_is_tried_again_as_the_same_one() {
    let bed = Bed::new(settings());
    bed.edge.refuse(true);
    bed.change(&["a:1"]);
    bed.pass(60).await;
    let refusals = bed.edge.refusals();
    assert!((4..=8).contains(&refusals.len()), "the pauses double: {}", refusals.len());
    bed.change(&["a:2"]);
    bed.edge.refuse(false);
    bed.pass(70).await;
    assert_eq!(bed.edge.purges(), [tags(&["a:1"]), tags(&["a:2"])]);
    let first = bed.edge.taken.lock().unwrap()[0].1.clone();
    assert!(refusals.iter().all(|reference| *reference == first), "CloudFront bills a reference once");
    assert_eq!((bed.shown("failures_total"), bed.shown("given_up_total")), (refusals.len() as u64, 0));
}

#[tokio::test]
async fn what_the_edge_has_forgotten_by_itself_is_given_up() {
    let bed = Bed::new(settings());
    bed.edge.refuse(true);
    bed.change(&["a:1", "a:2"]);
    bed.pass(500).await;
    assert_eq!((bed.shown("given_up_total"), bed.shown("waiting")), (2, 0));
    bed.edge.refuse(false);
    bed.pass(100).await;
    assert_eq!(bed.edge.purges(), []);
}

#[tokio::test]
async fn the_rate_holds_back_and_loses_nothing() {
    let bed = Bed::new(PurgeSettings { rate: 6, window: Duration::ZERO, ..settings() });
    for round in 0..40 {
        bed.change(&[&format!("a:{round}")]);
        bed.pass(1).await;
    }
    let early = bed.shown("sent_total");
    assert!((6..=20).contains(&early), "{early}");
    bed.pass(600).await;
    assert_eq!((bed.shown("sent_total"), bed.shown("over_budget_total")), (40, 0));
}

#[tokio::test]
async fn a_budget_that_ends_makes_purges_coarser_and_then_none() {
    let bed = Bed::new(PurgeSettings { budget: 5, ..settings() });
    bed.change(&["a:1", "a:2"]);
    bed.pass(10).await;
    bed.change(&["a:1", "a:2", "b:1", "b:2"]);
    bed.pass(10).await;
    bed.change(&["a:1", "b:1", "c:1"]);
    bed.pass(10).await;
    bed.change(&["a:1", "b:1"]);
    bed.pass(10).await;
    let collections = Purge { collections: ["a".to_owned(), "b".to_owned()].into(), ..Purge::default() };
    assert_eq!(bed.edge.purges(), [tags(&["a:1", "a:2"]), collections, Purge::everything()]);
    assert_eq!(["sent_total", "over_budget_total", "waiting"].map(|name| bed.shown(name)), [5, 2, 0]);
    // Another month.
    bed.clock.advance(Duration::from_hours(24 * 31));
    bed.change(&["a:1"]);
    bed.pass(10).await;
    assert_eq!((bed.edge.purges().len(), bed.shown("month_spent")), (4, 1));
}

#[tokio::test]
async fn processes_with_a_coordination_store_share_the_budget_and_restarts_remember_it() {
    let clock: Arc<ManualClock> = Arc::default();
    let store = Arc::new(FakeCoordination::new(clock.clone()));
    let bed = || {
        let coordination = Arc::clone(&store) as Arc<dyn CoordinationStore>;
        Bed::with_coordination(PurgeSettings { budget: 3, ..settings() }, Some(coordination), clock.clone())
    };
    let (first, second) = (bed(), bed());
    first.change(&["a:1", "a:2"]);
    first.pass(10).await;
    second.change(&["a:3"]);
    second.pass(10).await;
    let third = bed();
    third.change(&["a:4"]);
    third.pass(10).await;
    let taken = [&first, &second, &third].map(|bed| bed.edge.purges().len());
    assert_eq!((taken, third.shown("over_budget_total"), third.shown("month_spent")), ([1, 1, 0], 1, 3));
}

#[tokio::test]
async fn a_stop_sends_what_waits() {
    let bed = Bed::new(PurgeSettings { settle: Duration::ZERO, ..settings() });
    bed.change(&["a:1"]);
    bed.purges.finish().await;
    assert_eq!(bed.edge.purges(), [tags(&["a:1"])]);
    // An edge that says nothing does not hold up the stop for long, and one that refuses not at all.
    bed.change(&["a:2"]);
    bed.edge.refuse(true);
    bed.purges.finish().await;
    bed.edge.set_open(false);
    bed.purges.finish().await;
    assert_eq!((bed.edge.purges().len(), bed.edge.refusals().len()), (1, 1));
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_purge_sends_it_again() {
    let bed = Bed::new(PurgeSettings { settle: Duration::ZERO, window: Duration::ZERO, ..settings() });
    bed.edge.set_open(false);
    bed.change(&["a:1"]);
    let purges = bed.purges.clone();
    let sending = tokio::spawn(async move { purges.run().await });
    tokio::task::yield_now().await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    bed.edge.set_open(true);
    bed.purges.finish().await;
    assert_eq!(bed.edge.purges(), [tags(&["a:1"])]);
}
