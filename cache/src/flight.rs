//! Single flight: of many that miss a key at the same time, one loads it and all get what it brought.
//!
//! A flight is carried out by a task of its own, so a request that gives up strands nobody. Whatever ends the task
//! takes its flights off the board.
//!
//! Invariant: nobody joins a flight that began before the last invalidation of its key.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::Shared;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::fence::{Begun, Fence};

/// What followers wait for. It fails when the task ended without an outcome.
pub(crate) type Landing<O> = Shared<oneshot::Receiver<O>>;

/// All flights.
#[derive(Debug)]
pub(crate) struct Flights<K, O> {
    board: Arc<Mutex<Board<K, O>>>,
}

#[derive(Debug)]
struct Board<K, O> {
    flights: FxHashMap<K, Flight<O>>,
    next: u64,
}

#[derive(Debug)]
struct Flight<O> {
    number: u64,
    begun: Begun,
    landing: Landing<O>,
}

/// The place of a key's load: whoever holds this carries it out.
#[derive(Debug)]
pub(crate) struct Lead<K: Eq + Hash, O> {
    pub(crate) key: K,
    /// Where the load began in the order of invalidations.
    pub(crate) begun: Begun,
    number: u64,
    outcome: Option<oneshot::Sender<O>>,
    board: Arc<Mutex<Board<K, O>>>,
}

/// How a request takes part in a flight.
pub(crate) enum Joined<K: Eq + Hash, O> {
    /// It has to have it carried out.
    Lead(Lead<K, O>, Landing<O>),
    /// It only waits.
    Follow(Landing<O>),
}

impl<K: Clone + Eq + Hash, O: Clone> Default for Flights<K, O> {
    fn default() -> Self {
        Self { board: Arc::new(Mutex::new(Board { flights: FxHashMap::default(), next: 0 })) }
    }
}

impl<K: Clone + Eq + Hash, O: Clone> Flights<K, O> {
    /// Joins the flight of a key, or begins one.
    pub(crate) fn join(&self, key: &K, fence: &Fence) -> Joined<K, O> {
        let mut board = lock(&self.board);
        if let Some(flight) = board.flights.get(key)
            && fence.holds(key, flight.begun)
        {
            return Joined::Follow(flight.landing.clone());
        }
        let (outcome, landing) = oneshot::channel();
        let (begun, landing) = (fence.begin(), landing.shared());
        board.next += 1;
        let number = board.next;
        board.flights.insert(key.clone(), Flight { number, begun, landing: landing.clone() });
        let lead =
            Lead { key: key.clone(), begun, number, outcome: Some(outcome), board: Arc::clone(&self.board) };
        Joined::Lead(lead, landing)
    }

    /// Begins a flight unless there is one.
    pub(crate) fn begin(&self, key: &K, fence: &Fence) -> Option<Lead<K, O>> {
        match self.join(key, fence) {
            Joined::Lead(lead, _) => Some(lead),
            Joined::Follow(_) => None,
        }
    }
}

impl<K: Eq + Hash, O> Lead<K, O> {
    /// Hands the outcome to all that wait, and ends the flight.
    pub(crate) fn land(mut self, outcome: O) {
        self.leave();
        if let Some(waiting) = self.outcome.take() {
            // All may have given up by now.
            let _ = waiting.send(outcome);
        }
    }

    fn leave(&self) {
        let mut board = lock(&self.board);
        if board.flights.get(&self.key).is_some_and(|flight| flight.number == self.number) {
            board.flights.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, O> Drop for Lead<K, O> {
    fn drop(&mut self) {
        if self.outcome.is_some() {
            self.leave();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(joined: Joined<&'static str, u8>) -> (Lead<&'static str, u8>, Landing<u8>) {
        match joined {
            Joined::Lead(lead, landing) => (lead, landing),
            Joined::Follow(_) => panic!("nobody leads yet"),
        }
    }

    fn follow(joined: Joined<&'static str, u8>) -> Landing<u8> {
        match joined {
            Joined::Follow(landing) => landing,
            Joined::Lead(..) => panic!("there is a flight"),
        }
    }

    #[tokio::test]
    async fn one_leads_and_all_get_the_outcome() {
        let (flights, fence) = (Flights::default(), Fence::default());
        let (leading, first) = lead(flights.join(&"a", &fence));
        let second = follow(flights.join(&"a", &fence));
        assert!(flights.begin(&"a", &fence).is_none());
        assert!(flights.begin(&"b", &fence).is_some());
        leading.land(7);
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
        assert!(flights.begin(&"a", &fence).is_some(), "it has landed");
    }

    #[tokio::test]
    async fn a_flight_that_is_lost_fails_those_that_wait_and_nobody_after() {
        let (flights, fence) = (Flights::<_, u8>::default(), Fence::default());
        let (leading, waiting) = lead(flights.join(&"a", &fence));
        drop(leading);
        assert!(waiting.await.is_err());
        assert!(flights.begin(&"a", &fence).is_some());
    }

    #[tokio::test]
    async fn nobody_joins_a_flight_from_before_an_invalidation() {
        let (flights, fence) = (Flights::default(), Fence::default());
        let (old, old_landing) = lead(flights.join(&"a", &fence));
        fence.invalidate(&"a", 0, || ());
        let (new, new_landing) = lead(flights.join(&"a", &fence));
        old.land(1);
        assert!(
            matches!(flights.join(&"a", &fence), Joined::Follow(_)),
            "the old one leaves the new one alone"
        );
        new.land(2);
        assert_eq!((old_landing.await, new_landing.await), (Ok(1), Ok(2)));
    }
}
