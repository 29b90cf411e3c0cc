//! Single flight: of many requests that miss a key at the same time, one leads the load and all get its outcome.
//!
//! A task of its own carries out the load, so a request that gives up strands nobody. Whatever ends the task takes its
//! loads out of the register.
//!
//! Invariant: nobody joins a load that began before the last invalidation of its key.

use std::hash::Hash;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::Shared;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::fence::{Begun, Fence};

/// What followers wait for. It fails if the task ended without an outcome.
pub(crate) type PendingOutcome<O> = Shared<oneshot::Receiver<O>>;

/// All loads in flight, by key.
#[derive(Debug)]
pub(crate) struct InFlightLoads<K, O> {
    register: Arc<Mutex<Register<K, O>>>,
}

#[derive(Debug)]
struct Register<K, O> {
    loads: FxHashMap<K, InFlightLoad<O>>,
    next: u64,
}

#[derive(Debug)]
struct InFlightLoad<O> {
    number: u64,
    begun: Begun,
    pending: PendingOutcome<O>,
}

/// The duty to carry out the load of a key.
#[derive(Debug)]
pub(crate) struct Leader<K: Eq + Hash, O> {
    pub(crate) key: K,
    /// Where the load began in the order of invalidations.
    pub(crate) begun: Begun,
    number: u64,
    outcome: Option<oneshot::Sender<O>>,
    register: Arc<Mutex<Register<K, O>>>,
}

/// How a request takes part in the load of a key.
pub(crate) enum Joined<K: Eq + Hash, O> {
    /// It has to have the load carried out.
    Leader(Leader<K, O>, PendingOutcome<O>),
    /// It only waits.
    Follower(PendingOutcome<O>),
}

impl<K: Clone + Eq + Hash, O: Clone> Default for InFlightLoads<K, O> {
    fn default() -> Self {
        Self { register: Arc::new(Mutex::new(Register { loads: FxHashMap::default(), next: 0 })) }
    }
}

impl<K: Clone + Eq + Hash, O: Clone> InFlightLoads<K, O> {
    /// Joins the load of a key, or begins one.
    pub(crate) fn join(&self, key: &K, fence: &Fence) -> Joined<K, O> {
        let mut register = self.register.lock();
        if let Some(load) = register.loads.get(key)
            && fence.holds(key, load.begun)
        {
            return Joined::Follower(load.pending.clone());
        }
        let (sender, receiver) = oneshot::channel();
        let (begun, pending) = (fence.begin(), receiver.shared());
        register.next += 1;
        let number = register.next;
        register.loads.insert(key.clone(), InFlightLoad { number, begun, pending: pending.clone() });
        let (key, register) = (key.clone(), Arc::clone(&self.register));
        Joined::Leader(Leader { key, begun, number, outcome: Some(sender), register }, pending)
    }

    /// Begins a load unless one is in flight.
    pub(crate) fn begin(&self, key: &K, fence: &Fence) -> Option<Leader<K, O>> {
        match self.join(key, fence) {
            Joined::Leader(leader, _) => Some(leader),
            Joined::Follower(_) => None,
        }
    }
}

impl<K: Eq + Hash, O> Leader<K, O> {
    /// Ends the load and hands its outcome to all that wait.
    pub(crate) fn complete(mut self, outcome: O) {
        self.deregister();
        if let Some(sender) = self.outcome.take() {
            // All may have given up by now.
            let _ = sender.send(outcome);
        }
    }

    fn deregister(&self) {
        let mut register = self.register.lock();
        if register.loads.get(&self.key).is_some_and(|load| load.number == self.number) {
            register.loads.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, O> Drop for Leader<K, O> {
    fn drop(&mut self) {
        if self.outcome.is_some() {
            self.deregister();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(joined: Joined<&'static str, u8>) -> (Leader<&'static str, u8>, PendingOutcome<u8>) {
        match joined {
            Joined::Leader(leader, pending) => (leader, pending),
            Joined::Follower(_) => panic!("nobody leads yet"),
        }
    }

    fn follow(joined: Joined<&'static str, u8>) -> PendingOutcome<u8> {
        match joined {
            Joined::Follower(pending) => pending,
            Joined::Leader(..) => panic!("there is a load in flight"),
        }
    }

    #[tokio::test]
    async fn one_leads_and_all_get_the_outcome() {
        let (loads, fence) = (InFlightLoads::default(), Fence::default());
        let (leader, first) = lead(loads.join(&"a", &fence));
        let second = follow(loads.join(&"a", &fence));
        assert!(loads.begin(&"a", &fence).is_none());
        assert!(loads.begin(&"b", &fence).is_some());
        leader.complete(7);
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
        assert!(loads.begin(&"a", &fence).is_some(), "it is complete");
    }

    #[tokio::test]
    async fn a_load_that_is_lost_fails_those_that_wait_and_nobody_after() {
        let (loads, fence) = (InFlightLoads::<_, u8>::default(), Fence::default());
        let (leader, waiting) = lead(loads.join(&"a", &fence));
        drop(leader);
        assert!(waiting.await.is_err());
        assert!(loads.begin(&"a", &fence).is_some());
    }

    #[tokio::test]
    async fn nobody_joins_a_load_from_before_an_invalidation() {
        let (loads, fence) = (InFlightLoads::default(), Fence::default());
        let (old, old_outcome) = lead(loads.join(&"a", &fence));
        fence.invalidate(&"a", 0, || ());
        let (new, new_outcome) = lead(loads.join(&"a", &fence));
        old.complete(1);
        assert!(
            matches!(loads.join(&"a", &fence), Joined::Follower(_)),
            "the old one leaves the new one alone"
        );
        new.complete(2);
        assert_eq!((old_outcome.await, new_outcome.await), (Ok(1), Ok(2)));
    }
}
