//! How often a client may ask: a token bucket each, by the generic cell rate algorithm (ITU-T I.371), which keeps one
//! instant of each.
//!
//! Invariant: memory is bounded, however many clients there are. A bucket is forgotten when it is full again; before
//! that only if more clients ask at a time than there is room for, and then in favour of the client.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_cache::striped::BusyCounter;
use parking_lot::Mutex;

/// Parts of the table, so that requests seldom wait for each other.
const SHARDS: usize = 16;

/// Buckets of a generation in one of the parts: twice as many, 131,072, are kept in all, in some 10 MB.
const GENERATION: usize = 4_096;

/// How often a client may ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests in a second, over a long time.
    pub per_second: f64,
    /// Requests at once, after a while without any.
    pub burst: u32,
}

/// Whom a bucket is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// Whoever has this key.
    Key(Arc<str>),
    /// Whoever is at this address.
    Address(IpAddr),
    /// All whose address is not known.
    Unknown,
}

/// What is left in a bucket after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How long to wait for the next token, if there was none for this request.
    pub wait: Option<Duration>,
    /// Requests that are left.
    pub remaining: u64,
    /// When the bucket is full again.
    pub full_in: Duration,
}

/// The buckets.
pub struct RateLimiter {
    clock: Arc<dyn Clock>,
    started: Instant,
    /// Nanoseconds to fill in a token.
    token: u64,
    /// Nanoseconds to fill a bucket.
    full: u64,
    hasher: RandomState,
    shards: [Mutex<Generations>; SHARDS],
    limited: BusyCounter,
    policy: String,
}

/// When each bucket will be full again, in nanoseconds since the start: those asked for lately, and those from before.
#[derive(Default)]
struct Generations {
    young: HashMap<Client, u64>,
    old: HashMap<Client, u64>,
    turned: u64,
}

impl RateLimiter {
    /// Full buckets for everybody.
    pub fn new(rate: Rate, clock: Arc<dyn Clock>) -> Self {
        let token = (1e9 / rate.per_second).max(1.0) as u64;
        let full = token.saturating_mul(u64::from(rate.burst));
        Self {
            started: clock.now(),
            clock,
            token,
            full,
            hasher: RandomState::new(),
            shards: Default::default(),
            limited: BusyCounter::default(),
            policy: format!("\"client\";q={};w={}", rate.burst, seconds(Duration::from_nanos(full))),
        }
    }

    /// Takes a token, if there is one.
    pub fn take(&self, client: Client) -> Quota {
        let now = self.clock.now().saturating_duration_since(self.started);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let shard = self.hasher.hash_one(&client) as usize % SHARDS;
        let mut shard = self.shards[shard].lock();
        shard.turn(now, self.full);
        let full_at = shard.full_at(&client).max(now);
        let after = full_at.saturating_add(self.token);
        let missing = after - now;
        if missing > self.full {
            drop(shard);
            self.limited.inc();
            let wait = Some(Duration::from_nanos(missing - self.full));
            return Quota { wait, remaining: 0, full_in: Duration::from_nanos(full_at - now) };
        }
        shard.young.insert(client, after);
        Quota {
            wait: None,
            remaining: (self.full - missing) / self.token,
            full_in: Duration::from_nanos(missing),
        }
    }

    /// Requests that found no token.
    pub fn limited(&self) -> &BusyCounter {
        &self.limited
    }

    /// The rate, as the header `RateLimit-Policy` has it.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    #[cfg(test)]
    fn buckets(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock()).map(|shard| shard.young.len() + shard.old.len()).sum()
    }
}

impl Generations {
    /// Forgets the old ones when there is no room, or when all of them are full.
    fn turn(&mut self, now: u64, full: u64) {
        if self.young.len() >= GENERATION || now - self.turned >= full {
            self.old = std::mem::take(&mut self.young);
            self.turned = now;
        }
    }

    fn full_at(&mut self, client: &Client) -> u64 {
        self.young.get(client).or_else(|| self.old.get(client)).copied().unwrap_or(0)
    }
}

/// Whole seconds that are enough.
pub fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use cellar_cache::clock::ManualClock;
    use proptest::prelude::*;

    use super::*;

    fn limiter(per_second: f64, burst: u32) -> (RateLimiter, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::default());
        (RateLimiter::new(Rate { per_second, burst }, clock.clone()), clock)
    }

    fn address(n: u32) -> Client {
        Client::Address(IpAddr::V4(n.into()))
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (limiter, clock) = limiter(2.0, 3);
        assert_eq!(limiter.policy(), "\"client\";q=3;w=2");
        let left: Vec<_> = (0..3).map(|_| limiter.take(address(1)).remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = limiter.take(address(1));
        assert_eq!((refused.wait, refused.remaining), (Some(Duration::from_millis(500)), 0));
        assert!(limiter.take(address(2)).wait.is_none() && limiter.take(Client::Unknown).wait.is_none());
        clock.advance(Duration::from_millis(500));
        assert!(limiter.take(address(1)).wait.is_none());
        assert!(limiter.take(address(1)).wait.is_some());
        clock.advance(Duration::from_mins(1));
        assert_eq!(limiter.take(address(1)).remaining, 2, "never more than the burst");
        assert_eq!(limiter.limited().get(), 2);
    }

    #[test]
    fn a_million_addresses_do_not_grow_it() {
        let (limiter, clock) = limiter(1.0, 10);
        for n in 0..1_000_000 {
            limiter.take(address(n));
        }
        assert!(limiter.buckets() <= 2 * SHARDS * GENERATION, "{}", limiter.buckets());
        clock.advance(Duration::from_secs(10));
        for _ in 0..2 {
            (0..10_000).map(address).for_each(|client| assert!(limiter.take(client).wait.is_none()));
            clock.advance(Duration::from_secs(10));
        }
        (0..1_000).map(address).for_each(|client| assert!(limiter.take(client).wait.is_none()));
        assert!(limiter.buckets() <= 11_000, "what is full is forgotten: {}", limiter.buckets());
    }

    proptest! {
        /// Compared with a bucket of tokens that is filled in at every step.
        #[test]
        fn a_client_gets_what_its_bucket_holds(
            pauses in proptest::collection::vec((0u64..5_000, 0u32..3), 1..200), rate in 1u32..20, burst in 1u32..20,
        ) {
            let (limiter, clock) = limiter(f64::from(rate), burst);
            let mut tokens = [f64::from(burst); 3];
            for (pause_ms, client) in pauses {
                clock.advance(Duration::from_millis(pause_ms));
                for held in &mut tokens {
                    *held = (*held + pause_ms as f64 / 1e3 * f64::from(rate)).min(f64::from(burst));
                }
                let held = &mut tokens[client as usize];
                let allowed = limiter.take(address(client)).wait.is_none();
                // A token is whole or it is not, but for the last bit.
                if (*held - 1.0).abs() > 1e-4 {
                    prop_assert_eq!(allowed, *held >= 1.0, "{} tokens", held);
                }
                if allowed {
                    *held -= 1.0;
                }
            }
        }
    }
}
