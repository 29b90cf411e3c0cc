//! The sink and the edge: the rest is tested from outside (`tests/it/cached`, `tests/it/purge`).

use std::sync::Mutex;

use super::*;
use crate::purge::{Purge, PurgeError};
use crate::store::{Embedded, StoreConfig};

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
    sink.distrust();
    while edge.step().await.is_some() {}
    let tags = Purge { tags: ["a:1".to_owned()].into(), ..Purge::default() };
    assert_eq!(*told.0.lock().unwrap(), [tags, Purge::everything()]);
}
