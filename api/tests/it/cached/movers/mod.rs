//! Places that keep moving, while others search: every answer is the state at an instant between its request and its
//! end, for all that its process has written itself.
//!
//! `CELLAR_TEST_SEARCHES` says how many searches each history makes; docs/adr/0016 has figures of the long form.

mod check;
mod herd;

use std::time::Duration;

use cellar_cache::Policy;
use cellar_store::DynamoStore;

use self::herd::{Herd, Pace, Ranges, Tally};
use super::bed::patient;
use super::process::Process;

/// Searches of a history, unless a variable says otherwise.
const SEARCHES: usize = 400;

fn searches() -> usize {
    std::env::var("CELLAR_TEST_SEARCHES").ok().and_then(|text| text.parse().ok()).unwrap_or(SEARCHES)
}

/// Lets a herd live over these processes for so many searches. No answer is untrue.
async fn live(
    ranges: Ranges,
    pace: Pace,
    searches: usize,
    processes: impl FnOnce(&DynamoStore) -> Vec<Process>,
) -> Tally {
    let tally = Herd::new(ranges, processes).await.live(searches, pace).await;
    println!("{ranges:?}, {pace:?}: {tally}");
    assert_eq!(tally.untrue, Vec::<String>::new());
    assert!(tally.writes >= 5, "hardly anything moved: {tally}");
    tally
}

/// One process, which writes and searches.
async fn alone(policy: Policy, ranges: Ranges, pace: Pace, searches: usize) {
    let process = |store: &DynamoStore| vec![Process::without_feed(store, policy, None).patient()];
    let tally = live(ranges, pace, searches, process).await;
    assert_eq!((tally.torn, tally.behind), (0, 0));
}

/// Histories in which most searches read the table are that much shorter.
const SLOWER: usize = 6;

/// 20 writes a second.
const STEADY: Pace = Pace::Every(Duration::from_millis(50));

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_kilometres_are_seen_whole() {
    alone(patient(), Ranges::Far, Pace::Fast, searches()).await;
    alone(patient().memory_bytes(0), Ranges::Far, STEADY, searches() / SLOWER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_forty_metres_are_seen_whole() {
    alone(patient(), Ranges::Near, Pace::Fast, searches()).await;
    alone(patient().memory_bytes(0), Ranges::Near, STEADY, searches() / SLOWER).await;
}

/// Two processes over one table, each with half of the places, and each with the table's stream: true for what the
/// process has written itself, and never a place twice. What the other one writes takes the stream's time.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_are_true_to_their_own_writes() {
    for ranges in [Ranges::Far, Ranges::Near] {
        let one = |store: &DynamoStore| Process::with_feed(store, patient(), None).patient();
        live(ranges, STEADY, searches() / SLOWER, |store| vec![one(store), one(store)]).await;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { searches, writes, repeated, torn, untrue, behind, took } = self;
        let per_second = *writes as f64 / took.as_secs_f64();
        write!(
            f,
            "{searches} searches and {writes} writes in {took:.1?} ({per_second:.0} writes/s); {repeated} went over \
             their pages again, {torn} marked as torn, {} untrue, {behind} of no instant for all processes together",
            untrue.len()
        )
    }
}
