//! Which roots exist, through the caches: a new root is found by whoever has the list of the others in memory.

use std::sync::Arc;

use cellar_search::pages::CachedPages;
use cellar_search::{Limits, Search};
use cellar_store::{CollectionInfo, Store as _};
use geo_index::tree::{BoxQuery, NearbyQuery};
use geo_index::{BBox, HALF_CIRCUMFERENCE, Position};

use crate::cached::bed::{patient, until};
use crate::cached::process::Process;
use crate::fixture::{in_time, nearby};
use cellar_test_kit::{TestStore, collection, fresh_store, place};

const WORLD: BoxQuery = BoxQuery {
    bbox: BBox::WORLD,
    limit: std::num::NonZeroUsize::new(100).unwrap(),
    category: None,
    after: None,
};

/// Everything within half the globe of a position.
fn anywhere(lat: f64, lon: f64) -> NearbyQuery {
    nearby(Position::new(lat, lon).unwrap(), HALF_CIRCUMFERENCE.get(), 100)
}

async fn store_of_two() -> TestStore {
    let (store, c) = (fresh_store().await, collection("world"));
    store.put_collection(&CollectionInfo { name: c.clone(), title: None }).await.unwrap();
    store.put(&c, &place("paris", 48.8566, 2.3522, "{}")).await.unwrap();
    store.put(&c, &place("sydney", -33.87, 151.21, "{}")).await.unwrap();
    store
}

/// Ids that a search of the world and a scan of it find, and their Queries.
async fn everything(search: &Search) -> (Vec<String>, u32) {
    let c = collection("world");
    let nearest = search.nearby(&c, anywhere(10.0, 20.0), in_time()).await.unwrap();
    let scanned = search.items(&c, WORLD, in_time()).await.unwrap();
    let sorted = |hits: &[geo_index::tree::Hit]| {
        let mut ids: Vec<_> = hits.iter().map(|hit| hit.id().to_owned()).collect();
        ids.sort();
        ids
    };
    let (found, all) = (sorted(&nearest.hits), sorted(&scanned.hits));
    assert_eq!(found, all);
    assert!(nearest.next.is_none() && scanned.next.is_none());
    (found, nearest.work.cost.queries + scanned.work.cost.queries)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_places_in_the_world_are_a_few_queries() {
    let (store, c) = (store_of_two().await, collection("world"));
    let pages = cellar_search::pages::StorePages::new(Arc::new(store.clone()));
    let plain = Search::new(Arc::new(pages), Limits::default());
    assert_eq!(everything(&plain).await, (vec!["paris".to_owned(), "sydney".to_owned()], 6));

    let clock = Arc::new(cellar_cache::clock::SystemClock);
    let pages = CachedPages::new(Arc::new(store.clone()), patient(), None, clock);
    let cached = Search::new(Arc::new(pages), Limits::default());
    assert_eq!(everything(&cached).await.1, 3, "the list and two pages");
    assert_eq!(everything(&cached).await.1, 0);

    // A writer tells its own searches.
    let quito = place("quito", -0.18, -78.47, "{}");
    store.put(&c, &quito).await.unwrap();
    cached.changed(&c, &[quito.placement()]).await;
    assert_eq!(everything(&cached).await, (vec!["paris".into(), "quito".into(), "sydney".into()], 2));
    // A second place below a root that is known changes no list.
    let other = place("quito-2", -0.18, -78.48, "{}");
    store.put(&c, &other).await.unwrap();
    cached.changed(&c, &[other.placement()]).await;
    assert_eq!(everything(&cached).await.1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_is_told_by_the_feed() {
    let (store, c) = (store_of_two().await, collection("world"));
    let process = Process::with_feed(&store, patient(), None);
    until("it is attended", async || process.cache().is_trusted().then_some(())).await;
    let search = Search::new(Arc::new(process.tiers.pages.clone()), Limits::default());
    assert_eq!(everything(&search).await.0.len(), 2);
    // Another program writes, in a part of the world where nothing was.
    for (number, lat) in [(3, -70.0), (4, 71.0)] {
        store.put(&c, &place(&format!("p{number}"), lat, 100.0, "{}")).await.unwrap();
        let found = async || search.items(&c, WORLD, in_time()).await.unwrap().hits.len();
        until("the new place is found", async || (found().await == number).then_some(())).await;
        assert_eq!(everything(&search).await.0.len(), number);
    }
}

/// A collection from before there was a list: everything is found, and once there is a list it costs little.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_made_later_is_used() {
    let (store, c) = (fresh_store().await, collection("world"));
    store.put(&c, &place("paris", 48.8566, 2.3522, "{}")).await.unwrap();
    let pages = cellar_search::pages::StorePages::new(Arc::new(store.clone()));
    let search = Search::new(Arc::new(pages), Limits::default());
    let near = nearby(Position::new(48.0, 2.0).unwrap(), 400_000.0, 10);
    let before = search.nearby(&c, near.clone(), in_time()).await.unwrap();
    assert!(before.hits.len() == 1 && before.work.cost.queries > 10, "{:?}", before.work);
    store.register_all_roots(&c, std::time::Duration::ZERO).await.unwrap();
    let after = search.nearby(&c, near, in_time()).await.unwrap();
    assert_eq!((after.hits.len(), after.work.cost.queries), (1, 2));
}
