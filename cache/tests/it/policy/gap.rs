//! A read in the middle of an invalidation: it must not bring the old value back from the remote tier.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use cellar_cache::clock::ManualClock;
use cellar_cache::model::{Key, Loaded, Loader, Value};
use cellar_cache::remote::fake::FakeRemote;
use cellar_cache::{Cache, Trace};

use super::fixture::{exact, in_time};

type Interruption = Box<dyn FnOnce() + Send>;

/// Does something once, in the middle of whatever asks for the name of the key.
static INTERRUPTION: Mutex<Option<Interruption>> = Mutex::new(None);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Only;

impl Key for Only {
    fn remote(&self) -> String {
        let interruption = INTERRUPTION.lock().unwrap().take();
        if let Some(interrupt) = interruption {
            interrupt();
        }
        "test:{g}:only".to_owned()
    }

    fn group(&self) -> String {
        "g".to_owned()
    }

    fn parse_remote(_: &str) -> Option<Self> {
        Some(Self)
    }
}

#[derive(Debug, PartialEq)]
struct Number(u64);

impl Value<Only> for Number {
    fn weight(&self) -> usize {
        8
    }

    fn is_negative(&self) -> bool {
        false
    }

    fn encode(&self, _: &Only) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn decode(_: &Only, bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(u64::from_le_bytes(bytes)))
    }
}

struct Load(Arc<AtomicU64>);

#[async_trait]
impl Loader<Only, Number> for Load {
    type Error = Infallible;
    type Cost = u32;

    async fn load(&self, _: &Only, _: Instant) -> Result<Loaded<Only, Number, u32>, Infallible> {
        Ok(Loaded { value: Number(self.0.load(Ordering::SeqCst)), others: Vec::new(), cost: 1 })
    }
}

async fn read(cache: &Cache<Only, Number, Load>) -> u64 {
    cache.get_or_load(&Only, in_time(), &mut Trace::default()).await.unwrap().0
}

#[tokio::test]
async fn a_read_during_an_invalidation_keeps_nothing_old() {
    let clock = Arc::new(ManualClock::default());
    let source = Arc::new(AtomicU64::new(1));
    let remote = Arc::new(FakeRemote::new(clock.clone()));
    let cache = Cache::builder(Load(source.clone())).policy(exact()).remote(remote).clock(clock).build();
    assert_eq!(read(&cache).await, 1);
    cache.drain().await;

    source.store(2, Ordering::SeqCst);
    let reader = cache.clone();
    let interrupt = move || {
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(read(&reader))
        });
        thread.join().unwrap();
    };
    *INTERRUPTION.lock().unwrap() = Some(Box::new(interrupt));
    cache.invalidate(&[Only]).await.unwrap();
    assert!(INTERRUPTION.lock().unwrap().is_none(), "nobody read in between");
    assert_eq!(cache.get_if_present(&Only, &mut Trace::default()).as_deref(), None);
    assert_eq!(read(&cache).await, 2);
}
