//! The sink and the edge: the rest is tested from outside (`tests/it/cached`, `tests/it/purge`).

use std::sync::Mutex;

use async_trait::async_trait;
use cellar_cache::remote::RemoteError;
use cellar_cache::remote::fake::{FakeRemote, Fault, Operation};
use cellar_changes::Sink as _;
use cellar_model::{Collection, PageKey};
use cellar_purge::{Purge, PurgeError};
use cellar_store::{Embedded, StoreConfig};
use geo_index::{Leaf, Position};

use super::*;

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Purge>>>);

#[async_trait]
impl EdgeInvalidator for Told {
    async fn purge(&self, purge: &Purge, _: &str) -> Result<(), PurgeError> {
        self.0.lock().unwrap().push(purge.clone());
        Ok(())
    }
}

#[tokio::test]
async fn the_edge_hears_of_changes_and_of_missed_ones() {
    let engine = Embedded::memory().await.unwrap();
    let store = engine.store(&StoreConfig::new("tiers")).await.unwrap();
    let (none, day) = (Duration::ZERO, Duration::from_hours(24));
    let settings = PurgeSettings { window: none, settle: none, give_up: day, rate: 1_000, budget: 1_000 };
    let told = Told::default();
    let tiers =
        Tiers::new(Arc::new(store), Policy::default(), None).with_edge(Box::new(told.clone()), settings);
    let (sink, edge) = (tiers.sink(), tiers.edge.clone().unwrap());
    sink.invalidate(&[], &["a:1".to_owned()]).await.unwrap();
    while edge.step().await.is_some() {}
    sink.invalidate_everything();
    while edge.step().await.is_some() {}
    let tags = Purge { tags: ["a:1".to_owned()].into(), ..Purge::default() };
    assert_eq!(*told.0.lock().unwrap(), [tags, Purge::everything()]);
}

/// What the edge fetches again comes from the tiers below: while they may still have what is old, it must not be told.
#[tokio::test]
async fn the_edge_hears_nothing_before_the_tiers_below_have_forgotten() {
    let engine = Embedded::memory().await.unwrap();
    let store = Arc::new(engine.store(&StoreConfig::new("tiers")).await.unwrap());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let remote = Arc::new(FakeRemote::new(Arc::clone(&clock)));
    let pages = CachedPages::new(store, Policy::default(), Some(remote.clone()), Arc::clone(&clock));
    let tiers = Tiers { pages, hot: Arc::new(HotCells::new(clock)), coordination: None, edge: None };
    let (none, day) = (Duration::ZERO, Duration::from_hours(24));
    let settings = PurgeSettings { window: none, settle: none, give_up: day, rate: 1_000, budget: 1_000 };
    let told = Told::default();
    let tiers = tiers.with_edge(Box::new(told.clone()), settings);
    let (sink, edge) = (tiers.sink(), tiers.edge.clone().unwrap());
    let root = Leaf::at(Position::new(48.0, 11.0).unwrap()).ancestor(3).unwrap();
    let (pages, tags) =
        ([PageKey::new("a".parse::<Collection>().unwrap(), root).unwrap()], ["a:1".to_owned()]);

    remote.set_fault_on(Operation::Invalidate, Fault::Fail(RemoteError::TimedOut));
    assert!(sink.invalidate(&pages, &tags).await.is_err());
    while edge.step().await.is_some() {}
    assert_eq!(*told.0.lock().unwrap(), []);

    remote.set_fault(None);
    sink.invalidate(&pages, &tags).await.unwrap();
    while edge.step().await.is_some() {}
    assert_eq!(*told.0.lock().unwrap(), [Purge { tags: tags.into(), ..Purge::default() }]);
}
