//! Sharing loads with other processes: each key is loaded by the one that holds its lease, and the others wait for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};

use super::lookup::{Found, Miss};
use crate::backoff::Backoff;
use crate::inner::Inner;
use crate::memory::{Cached, Freshness};
use crate::model::{Key, Loader, Value};
use crate::outcome::RemoteUse;
use crate::remote::{Ask, Claim, RemoteError, Ticket};
use crate::store::Fill;

/// First pause before asking again for what another process loads.
const FIRST_PAUSE: Duration = Duration::from_millis(4);

/// Misses by who loads them.
struct Sorted<K: Key, V, L: Loader<K, V>> {
    /// This process, with the right to store what comes.
    ours: Vec<(Miss<K, V, L>, Option<Fill>)>,
    /// Other processes.
    theirs: Vec<Miss<K, V, L>>,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Loads misses of one group; without a group the remote tier is left out.
    pub(super) async fn load_group(
        &self,
        group: Option<String>,
        misses: Vec<Miss<K, V, L>>,
        mut used: RemoteUse,
    ) {
        let (Some(group), Some(shared)) = (group, &self.shared) else {
            return self.load_all(misses.into_iter().map(|miss| (miss, None)), used).await;
        };
        let started = Instant::now();
        let begun = shared.begin(&group, &asks(&misses), used.waited).await;
        used.trips += 1;
        used.waited += started.elapsed();
        let (ticket, claims) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                // A server that refuses a write may still answer reads.
                used.failed = !matches!(error, RemoteError::Refused(_));
                return self.load_all(misses.into_iter().map(|miss| (miss, None)), used).await;
            }
        };
        let ticket = Arc::new(ticket);
        let Sorted { ours, theirs } = self.sort_claims(misses, &ticket, claims, used);
        futures::join!(self.load_all(ours, used), self.wait_for_others(ticket, theirs, used));
    }

    /// Completes loads whose values have been stored meanwhile; sorts the rest by who loads it.
    fn sort_claims(
        &self,
        misses: Vec<Miss<K, V, L>>,
        ticket: &Arc<Ticket>,
        claims: Vec<Claim>,
        used: RemoteUse,
    ) -> Sorted<K, V, L> {
        let fill = |lease| Some(Fill { ticket: Arc::clone(ticket), lease });
        let mut sorted = Sorted { ours: Vec::new(), theirs: Vec::new() };
        for (miss, claim) in misses.into_iter().zip(claims) {
            match claim {
                Claim::Lease => {
                    let lease = Some(miss.remote_key.clone());
                    sorted.ours.push((miss, fill(lease)));
                }
                Claim::Busy => sorted.theirs.push(miss),
                Claim::Found(bytes) => {
                    let left = self.complete_if_fresh(miss, &bytes, used);
                    sorted.ours.extend(left.map(|miss| (miss, fill(None))));
                }
            }
        }
        sorted
    }

    /// Completes a load with what another process has stored since, if that is fresh.
    fn complete_if_fresh(
        &self,
        mut miss: Miss<K, V, L>,
        bytes: &[u8],
        used: RemoteUse,
    ) -> Option<Miss<K, V, L>> {
        let old = miss.fallback.as_ref().map(|cached| cached.loaded_unix_ms);
        let is_new = |cached: &Cached<V>| {
            cached.freshness(self.ticks(), true, &self.policy, || 1.0) == Freshness::Fresh
                && old.is_none_or(|old| cached.loaded_unix_ms > old)
        };
        match self.open(&miss.leader.key, bytes) {
            Found::Value(cached) if is_new(&cached) => {
                self.complete(miss.leader, &cached, used, true);
                return None;
            }
            Found::Settling => miss.settling = true,
            Found::Value(_) | Found::Useless => {}
        }
        Some(miss)
    }

    /// Waits for what other processes load, for a while, and asks again and again whether it is there or nobody loads it
    /// any more. What nobody brings is loaded here. A load with a stale value does not wait.
    async fn wait_for_others(
        &self,
        mut ticket: Arc<Ticket>,
        misses: Vec<Miss<K, V, L>>,
        mut used: RemoteUse,
    ) {
        let Some(shared) = &self.shared else { return };
        let mut theirs = self.complete_stale(misses, used);
        let (started, before, limit) = (tokio::time::Instant::now(), used.waited, shared.policy.lease_wait);
        let backoff = Backoff { first: FIRST_PAUSE, longest: limit };
        let (mut loads, mut round) = (FuturesUnordered::new(), 0);
        while !theirs.is_empty() && started.elapsed() < limit {
            round += 1;
            let pause = backoff.after(round).min(limit.saturating_sub(started.elapsed()));
            let asked = async {
                tokio::time::sleep(pause).await;
                shared.begin(&ticket.group, &asks(&theirs), Duration::ZERO).await
            };
            let answer = beside(&mut loads, asked).await;
            used.trips += 1;
            used.waited = before + started.elapsed();
            used.failed = answer.is_err();
            let Ok((newer, claims)) = answer else { break };
            ticket = Arc::new(newer);
            let sorted = self.sort_claims(theirs, &ticket, claims, used);
            // A lease that has come free is taken up at once, whatever becomes of the other keys.
            loads.extend(sorted.ours.into_iter().map(|(miss, fill)| self.load_one(miss, fill, used)));
            theirs = sorted.theirs;
        }
        let fill = || Some(Fill { ticket: Arc::clone(&ticket), lease: None });
        loads.extend(theirs.into_iter().map(|miss| self.load_one(miss, fill(), used)));
        loads.collect::<()>().await;
    }

    /// Completes loads with the stale values that there are.
    fn complete_stale(&self, misses: Vec<Miss<K, V, L>>, used: RemoteUse) -> Vec<Miss<K, V, L>> {
        let mut left = Vec::with_capacity(misses.len());
        for miss in misses {
            match miss.fallback {
                Some(cached) => self.complete(miss.leader, &cached, used, false),
                None => left.push(miss),
            }
        }
        left
    }
}

/// Waits for one thing while others go on.
async fn beside<T>(
    others: &mut FuturesUnordered<impl Future<Output = ()>>,
    awaited: impl Future<Output = T>,
) -> T {
    let mut awaited = std::pin::pin!(awaited);
    loop {
        tokio::select! {
            done = &mut awaited => return done,
            Some(()) = others.next() => {}
        }
    }
}

fn asks<K: Key, V, L: Loader<K, V>>(misses: &[Miss<K, V, L>]) -> Vec<Ask> {
    misses.iter().map(|miss| Ask { key: miss.remote_key.clone(), absent: miss.absent }).collect()
}
