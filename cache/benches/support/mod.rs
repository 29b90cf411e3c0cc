//! A cache of small values that cost nothing to load.

#![allow(dead_code, reason = "shared by the benchmarks, each of which uses a part")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::clock::ManualClock;
use cellar_cache::model::{Key, Loaded, Loader, Value};
use cellar_cache::{Cache, Policy, Trace};

/// How long values are fresh, and how long they are of some use after that.
pub(crate) const FRESH: Duration = Duration::from_hours(1);

/// A key as long as a page's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(u64, [u64; 2]);

impl Id {
    pub(crate) fn new(number: u64) -> Self {
        Self(number, [0; 2])
    }
}

impl Key for Id {
    fn remote(&self) -> String {
        format!("{{ids}}:{}", self.0)
    }

    fn group(&self) -> String {
        "ids".to_owned()
    }

    fn parse_remote(key: &str) -> Option<Self> {
        key.strip_prefix("{ids}:")?.parse().ok().map(Self::new)
    }
}

/// A value of eight bytes.
#[derive(Debug)]
pub(crate) struct Small(pub(crate) u64);

impl Value<Id> for Small {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }

    fn is_negative(&self) -> bool {
        false
    }

    fn encode(&self, _: &Id) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn decode(_: &Id, bytes: &[u8]) -> Option<Self> {
        Some(Self(u64::from_le_bytes(bytes.try_into().ok()?)))
    }
}

/// Loads at once.
pub(crate) struct AtOnce;

#[async_trait]
impl Loader<Id, Small> for AtOnce {
    type Error = Infallible;
    type Cost = u32;

    async fn load(&self, id: &Id, _: Instant) -> Result<Loaded<Id, Small, u32>, Infallible> {
        Ok(Loaded { value: Small(id.0), others: Vec::new(), cost: 1 })
    }
}

pub(crate) type Ids = Cache<Id, Small, AtOnce>;

/// A cache of so many bytes in memory, and the clock that its values age by.
pub(crate) fn cache(memory_bytes: u64) -> (Ids, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let policy = Policy::default()
        .fresh(FRESH)
        .jitter(0.0)
        .early_refresh(0.0)
        .stale_while_revalidate(Duration::ZERO)
        .stale_if_error(Duration::ZERO)
        .untrusted_ttl(2 * FRESH)
        .memory_bytes(memory_bytes);
    (Cache::builder(AtOnce).policy(policy).clock(clock.clone()).build(), clock)
}

/// What one entry counts for.
pub(crate) async fn entry_weight() -> u64 {
    let (cache, _) = cache(1 << 20);
    let deadline = Instant::now() + FRESH;
    cache.get_or_load(&Id::new(0), deadline, &mut Trace::default()).await.expect("a value");
    cache.run_pending_tasks();
    cache.memory_size().1
}
