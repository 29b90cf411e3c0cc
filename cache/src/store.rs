//! Keeping what was loaded: in memory, and in the remote tier under the fence and the lease that the load began with.
//!
//! Invariant: what was loaded in the time to settle after an invalidation is kept in memory no longer than that time,
//! and not in the remote tier: the source may still have returned the old value.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::envelope::{Stamp, seal};
use crate::fence::Begun;
use crate::load::{Found, Landed, LeadOf, Miss, RemoteUse, Start};
use crate::memory::{Kept, Standing, Ticks};
use crate::metrics::{self, Reject, Tier};
use crate::model::{Key, Loaded, Loader, Value};
use crate::remote::{Ask, Claim, Entry, Finished, Ticket};
use crate::tiered::Inner;
use crate::watch::millis;

/// First pause between looks for what another process loads; each is twice as long as the one before.
const FIRST_LOOK: Duration = Duration::from_millis(4);

/// The right to store what a load brings.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    ticket: Arc<Ticket>,
    /// The key whose lease is held.
    lease: Option<String>,
}

/// What a load brought, as it is kept.
pub(crate) struct Brought<K, V, C> {
    values: Vec<(K, Kept<V>, Keeping)>,
    cost: C,
    start: Start,
}

/// What became of a value in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    /// It may be kept everywhere.
    Admitted,
    /// It was loaded too soon after an invalidation.
    Settling,
    /// It was invalidated while it was loaded.
    Fenced,
}

impl<K: Clone, V, C: Copy> Brought<K, V, C> {
    /// For those who wait; the first value is the one that was asked for.
    pub(crate) fn landed(&self, remote: RemoteUse, took: Duration) -> Landed<K, V, C> {
        let (_, first, _) = &self.values[0];
        let others = self.values[1..].iter().map(|(key, kept, _)| (key.clone(), Arc::clone(&kept.value)));
        Landed {
            value: Arc::clone(&first.value),
            others: others.collect(),
            cost: self.cost,
            ttl_ms: None,
            load: Some(took),
            settled: self.values.iter().all(|(_, _, keeping)| *keeping == Keeping::Admitted),
            elsewhere: false,
            remote,
        }
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Keeps a value in memory, unless it was invalidated since.
    pub(crate) fn keep(&self, key: &K, begun: Begun, started: Ticks, kept: &Kept<V>) -> bool {
        self.keep_or_not(key, begun, started, kept) != Keeping::Fenced
    }

    fn keep_or_not(&self, key: &K, begun: Begun, started: Ticks, kept: &Kept<V>) -> Keeping {
        let mut keeping = Keeping::Fenced;
        self.fence.admit(key, begun, |settles| {
            let settling = settles > started;
            keeping = if settling { Keeping::Settling } else { Keeping::Admitted };
            if !settling {
                self.memory.insert(key.clone(), kept, kept.value.weight());
            } else if settles > self.ticks() {
                self.memory.insert(key.clone(), &kept.until(settles), kept.value.weight());
            }
        });
        keeping
    }

    /// Keeps what a load brought.
    pub(crate) fn keep_loaded(
        &self,
        key: &K,
        loaded: Loaded<K, V, L::Cost>,
        start: Start,
    ) -> Brought<K, V, L::Cost> {
        let Loaded { value, others, cost } = loaded;
        let load_us = u32::try_from(start.at.elapsed().as_micros()).unwrap_or(u32::MAX);
        let all = std::iter::once((key.clone(), value)).chain(others);
        let values = all.map(|(key, value)| {
            let fresh = millis(self.policy.fresh_for(value.is_negative(), fastrand::f64()));
            let now = self.ticks();
            let kept =
                Kept::new(Arc::new(value), start.unix_ms, load_us, now, start.ticks + fresh, &self.policy);
            let keeping = self.keep_or_not(&key, start.begun, start.ticks, &kept);
            match keeping {
                Keeping::Admitted => {}
                Keeping::Settling => self.metrics.reject(Reject::Settling),
                Keeping::Fenced => self.metrics.reject(Reject::Fenced),
            }
            (key, kept, keeping)
        });
        Brought { values: values.collect(), cost, start }
    }

    /// Stores what a load brought in the remote tier, and gives the lease back.
    pub(crate) async fn fill(&self, fill: Option<Fill>, brought: &Brought<K, V, L::Cost>) {
        let (Some(Fill { ticket, lease }), Some(shared)) = (fill, &self.shared) else { return };
        let entries: Vec<_> =
            brought.values.iter().filter_map(|value| self.entry(value, &ticket, brought.start)).collect();
        let leases: Vec<_> = lease.into_iter().collect();
        match shared.finish(&ticket, &entries, &leases).await {
            Ok(Finished::Stored(count)) => {
                self.metrics.stored.inc_by(count as u64);
            }
            Ok(Finished::Fenced) => entries.iter().for_each(|_| self.metrics.reject(Reject::Fenced)),
            Err(error) => tracing::debug!(%error, "a value is not in the remote cache"),
        }
    }

    fn entry(&self, value: &(K, Kept<V>, Keeping), ticket: &Ticket, start: Start) -> Option<Entry> {
        let (key, kept, keeping) = value;
        let shared = self.shared.as_ref()?;
        match keeping {
            Keeping::Admitted if self.fence.holds(key, start.begun) => {}
            Keeping::Admitted => return self.reject(Reject::Fenced),
            Keeping::Settling | Keeping::Fenced => return None,
        }
        let remote_key = key.remote();
        if key.group() != ticket.group || shared.pending.holds(&remote_key, self.clock.now()) {
            return None;
        }
        let bytes = envelope(key, kept, start);
        if bytes.len() > shared.policy.max_value_bytes {
            return self.reject(Reject::TooLarge);
        }
        let left = kept.usable_until.saturating_sub(self.ticks());
        (left > 0).then(|| Entry { key: remote_key, bytes, ttl: Duration::from_millis(left) })
    }

    fn reject(&self, reason: Reject) -> Option<Entry> {
        self.metrics.reject(reason);
        None
    }

    /// Gives a lease back after a load that failed.
    pub(crate) async fn give_back(&self, fill: Option<Fill>) {
        let (Some(Fill { ticket, lease: Some(lease) }), Some(shared)) = (fill, &self.shared) else { return };
        if let Err(error) = shared.finish(&ticket, &[], &[lease]).await {
            tracing::debug!(%error, "a lease was not given back");
        }
    }

    /// Lands what has come meanwhile; parts the rest into what is ours to load and what others load.
    #[expect(clippy::type_complexity, reason = "two lists of the same")]
    pub(crate) fn sort_claims(
        &self,
        misses: Vec<Miss<K, V, L>>,
        ticket: &Arc<Ticket>,
        claims: Vec<Claim>,
        used: RemoteUse,
    ) -> (Vec<(Miss<K, V, L>, Option<Fill>)>, Vec<(Miss<K, V, L>, Fill)>) {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for (miss, claim) in misses.into_iter().zip(claims) {
            let fill = |lease| Fill { ticket: Arc::clone(ticket), lease };
            match claim {
                Claim::Lease => {
                    let lease = Some(miss.remote_key.clone());
                    mine.push((miss, Some(fill(lease))));
                }
                Claim::Busy => theirs.push((miss, fill(None))),
                Claim::Found(bytes) => {
                    if let Some(miss) = self.land_found(miss, &bytes, used) {
                        mine.push((miss, Some(fill(None))));
                    }
                }
            }
        }
        (mine, theirs)
    }

    /// Lands a flight with what another process has stored since, if it is fresh.
    fn land_found(&self, mut miss: Miss<K, V, L>, bytes: &[u8], used: RemoteUse) -> Option<Miss<K, V, L>> {
        let old = miss.fallback.as_ref().map(|kept| kept.loaded_unix_ms);
        let is_new = |kept: &Kept<V>| {
            kept.standing(self.ticks(), true, &self.policy, || 1.0) == Standing::Fresh
                && old.is_none_or(|old| kept.loaded_unix_ms > old)
        };
        match self.open(&miss.lead.key, bytes) {
            Found::Value(kept) if is_new(&kept) => {
                self.land_elsewhere(miss.lead, &kept, used);
                None
            }
            Found::Settling => {
                miss.settling = true;
                Some(miss)
            }
            _ => Some(miss),
        }
    }

    fn land_elsewhere(&self, lead: LeadOf<K, V, L>, kept: &Kept<V>, used: RemoteUse) {
        self.metrics.count(Tier::Remote, metrics::Outcome::Hit, 1);
        self.keep(&lead.key, lead.begun, self.ticks(), kept);
        lead.land(Ok(Landed {
            value: Arc::clone(&kept.value),
            others: Arc::default(),
            cost: L::Cost::default(),
            ttl_ms: Some(kept.ttl_ms(self.ticks())),
            load: None,
            settled: true,
            elsewhere: true,
            remote: used,
        }));
    }

    /// Waits for what other processes load, for a while, and asks each time whether it is there or nobody loads it any
    /// more. What nobody brings is loaded here. Who has a stale value does not wait.
    pub(crate) async fn wait_for_others(
        self: &Arc<Self>,
        group: &str,
        theirs: Vec<(Miss<K, V, L>, Fill)>,
        mut used: RemoteUse,
    ) {
        let Some(shared) = &self.shared else { return };
        let (started, before, mut pause) = (tokio::time::Instant::now(), used.waited, FIRST_LOOK);
        let mut theirs = self.land_stale(theirs, used);
        let mut ours = Vec::new();
        while !theirs.is_empty() && started.elapsed() < shared.policy.lease_wait {
            let left = shared.policy.lease_wait.saturating_sub(started.elapsed());
            tokio::time::sleep(pause.min(left)).await;
            pause *= 2;
            let asks =
                theirs.iter().map(|(miss, _)| Ask { key: miss.remote_key.clone(), absent: miss.absent });
            let answer = shared.begin(group, &asks.collect::<Vec<_>>(), Duration::ZERO).await;
            used.trips += 1;
            used.waited = before + started.elapsed();
            used.failed = answer.is_err();
            let Ok((ticket, claims)) = answer else { break };
            let misses = theirs.into_iter().map(|(miss, _)| miss).collect();
            let (mine, busy) = self.sort_claims(misses, &Arc::new(ticket), claims, used);
            ours.extend(mine);
            theirs = busy;
        }
        ours.extend(theirs.into_iter().map(|(miss, fill)| (miss, Some(fill))));
        self.load_all(ours, used).await;
    }

    /// Lands the flights of keys that others are loading with the stale values that there are.
    fn land_stale(&self, theirs: Vec<(Miss<K, V, L>, Fill)>, used: RemoteUse) -> Vec<(Miss<K, V, L>, Fill)> {
        let mut left = Vec::with_capacity(theirs.len());
        for (miss, fill) in theirs {
            match miss.fallback {
                Some(kept) => self.land_remote(miss.lead, &kept, used),
                None => left.push((miss, fill)),
            }
        }
        left
    }
}

fn envelope<K, V: Value<K>>(key: &K, kept: &Kept<V>, start: Start) -> Bytes {
    let stamp = Stamp {
        loaded_unix_ms: kept.loaded_unix_ms,
        fresh_until_unix_ms: start.unix_ms + kept.fresh_until.saturating_sub(start.ticks),
        load_us: kept.load_us,
        negative: kept.value.is_negative(),
    };
    seal(stamp, &kept.value.encode(key))
}
