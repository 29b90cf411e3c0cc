//! A source whose loads the test holds up or fails, and processes that cache it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::clock::ManualClock;
use cellar_cache::model::{Key, Loaded, Loader, Value};
use cellar_cache::remote::fake::FakeRemote;
use cellar_cache::{Cache, CacheBuilder, CacheError, Policy, Trace};
use tokio::sync::{Notify, Semaphore};

/// A key; ten of them share a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(pub(super) u32);

impl Key for Id {
    fn remote(&self) -> String {
        format!("test:{{{}}}:{}", self.group(), self.0)
    }

    fn group(&self) -> String {
        format!("g{}", self.0 / 10)
    }

    fn parse_remote(key: &str) -> Option<Self> {
        key.strip_prefix("test:{g")?.split_once("}:")?.1.parse().ok().map(Self)
    }
}

/// A value: the version of its key, 0 for none, and some weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version(pub(super) u64, pub(super) usize);

impl Value<Id> for Version {
    fn weight(&self) -> usize {
        self.1
    }

    fn is_negative(&self) -> bool {
        self.0 == 0
    }

    fn encode(&self, _: &Id) -> Vec<u8> {
        let mut bytes = self.0.to_le_bytes().to_vec();
        bytes.extend(std::iter::repeat_with(|| fastrand::u8(..)).take(self.1));
        bytes
    }

    fn decode(_: &Id, bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        Some(Self(u64::from_le_bytes(*version), rest.len()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source is down")]
pub(super) struct Down;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Fails,
    Panics,
}

/// Where values come from.
pub(super) struct Source {
    versions: Mutex<HashMap<u32, u64>>,
    trouble: Mutex<Option<Trouble>>,
    /// One permit for each load that may end. A load has read its value before it asks for one.
    pub(super) gate: Semaphore,
    /// Told of each load that has read its value.
    pub(super) read: Notify,
    pub(super) loads: AtomicU32,
    pub(super) bytes: AtomicU32,
}

impl Source {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            versions: Mutex::default(),
            trouble: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            read: Notify::new(),
            loads: AtomicU32::new(0),
            bytes: AtomicU32::new(0),
        })
    }

    pub(super) fn write(&self, key: u32) -> u64 {
        let mut versions = self.versions.lock().unwrap();
        let version = versions.entry(key).or_default();
        *version += 1;
        *version
    }

    pub(super) fn version(&self, key: u32) -> u64 {
        self.versions.lock().unwrap().get(&key).copied().unwrap_or(0)
    }

    pub(super) fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    pub(super) fn loads(&self) -> u32 {
        self.loads.load(Ordering::SeqCst)
    }

    /// Holds up loads once they have read their values.
    pub(super) fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn open(&self) {
        self.gate.add_permits(1_000_000);
    }
}

pub(super) struct Load(pub(super) Arc<Source>);

#[async_trait]
impl Loader<Id, Version> for Load {
    type Error = Down;
    type Cost = u32;

    async fn load(&self, key: &Id, _: Instant) -> Result<Loaded<Id, Version, u32>, Down> {
        let source = &self.0;
        source.loads.fetch_add(1, Ordering::SeqCst);
        let weight = source.bytes.load(Ordering::SeqCst) as usize;
        let value = Version(source.version(key.0), weight);
        let trouble = *source.trouble.lock().unwrap();
        source.read.notify_one();
        source.gate.acquire().await.unwrap().forget();
        match trouble {
            Some(Trouble::Fails) => return Err(Down),
            Some(Trouble::Panics) => panic!("as the test wishes"),
            None => {}
        }
        // A key that ends in 5 brings its neighbour along.
        let others = (key.0 % 10 == 5).then(|| (Id(key.0 + 1), Version(source.version(key.0 + 1), weight)));
        Ok(Loaded { value, others: others.into_iter().collect(), cost: 1 })
    }
}

pub(super) type TestCache = Cache<Id, Version, Load>;

/// A process with its cache and its handle to the remote tier.
pub(super) struct Process {
    pub(super) cache: TestCache,
    pub(super) remote: Arc<FakeRemote>,
}

/// What the processes of a test share: source, clock, policy and remote tier.
pub(super) struct Fixture {
    pub(super) source: Arc<Source>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) policy: Policy,
    remote: FakeRemote,
}

/// Without jitter and early refreshes, so that times are exact.
pub(super) fn exact() -> Policy {
    Policy::default().jitter(0.0).early_refresh(0.0)
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(exact())
    }

    pub(super) fn with(policy: Policy) -> Self {
        let clock = Arc::new(ManualClock::default());
        Self { source: Source::new(), remote: FakeRemote::new(clock.clone()), clock, policy }
    }

    fn builder(&self) -> CacheBuilder<Id, Version, Load> {
        Cache::builder(Load(self.source.clone())).policy(self.policy.clone()).clock(self.clock.clone())
    }

    /// A cache without a remote tier.
    pub(super) fn alone(&self) -> TestCache {
        self.builder().build()
    }

    /// A process that shares the remote tier with the others. It listens to nothing.
    pub(super) fn process(&self) -> Process {
        let remote = Arc::new(self.remote.peer());
        let cache = self.builder().remote(remote.clone()).build();
        Process { cache, remote }
    }

    /// A process that listens to the bus.
    pub(super) async fn listener(&self) -> Process {
        let process = self.process();
        let cache = process.cache.clone();
        tokio::spawn(async move { cache.run().await });
        until(|| process.cache.metrics().memory_invalidations.get() > 0).await;
        process
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(super) fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// The version that a read returns.
pub(super) async fn get(cache: &TestCache, key: u32) -> Result<u64, CacheError<Down>> {
    read(cache, key).await.0
}

pub(super) async fn read(cache: &TestCache, key: u32) -> (Result<u64, CacheError<Down>>, Trace) {
    let mut trace = Trace::default();
    let value = cache.get_or_load(&Id(key), in_time(), &mut trace).await;
    (value.map(|version| version.0), trace)
}

/// What memory has.
pub(super) fn get_if_present(cache: &TestCache, key: u32) -> Option<u64> {
    cache.get_if_present(&Id(key), &mut Trace::default()).map(|version| version.0)
}

/// Lets other tasks go on until something holds.
pub(super) async fn until(holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "waited too long");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
