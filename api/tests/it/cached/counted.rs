//! Work, counted: Queries of many that miss at once, and round trips to Redis.

use std::sync::Arc;

use cellar_cache::clock::ManualClock;
use cellar_cache::metrics::{Outcome, Tier};
use cellar_cache::remote::Remote;
use cellar_cache::trace::Trace;
use cellar_search::pages::{CachedPages, PageSource};
use cellar_store::Store;
use futures::future::join_all;
use geo_index::{GridCell as _, H3Cell, Leaf, Page, Position};

use super::bed::{PATIENCE, counted, patient, until};
use super::watched::Watched;
use crate::fixture::{Fixture, in_time, nearby};
use crate::redis::RedisServer;
use cellar_test_kit::{TestStore, collection, fresh_store, place};

/// Requests that miss at once.
const MISSES: usize = 1_000;

/// Three places in the page of a leaf's cell of resolution 9.
async fn one_page() -> (TestStore, H3Cell) {
    let store = fresh_store().await;
    let places: Vec<_> = (0..3).map(|i| place(&format!("p{i}"), 48.0, 11.0, "{}")).collect();
    store.put_many(&collection("c"), &places).await.unwrap();
    let leaf = Leaf::at(Position::new(48.0, 11.0).unwrap());
    (store, leaf.ancestor(9).unwrap())
}

fn process(store: &Arc<Watched>, remote: Option<Arc<dyn Remote>>) -> CachedPages {
    let store: Arc<dyn Store> = store.clone();
    let patience = patient().remote.lease(PATIENCE).lease_wait(PATIENCE);
    let policy = patient().remote(patience);
    CachedPages::new(store, policy, remote, Arc::new(ManualClock::default()))
}

/// Lets so many ask these processes for one page while the store is held up, and then lets it answer. What the answers
/// say that it cost.
async fn stampede(store: &Arc<Watched>, processes: &[CachedPages], cell: H3Cell) -> u32 {
    store.set_open(false);
    let each = MISSES / processes.len();
    let requests = processes.iter().flat_map(|pages| (0..each).map(move |_| pages.clone()));
    let requests: Vec<_> = requests
        .map(|pages| {
            tokio::spawn(async move {
                let mut trace = Trace::default();
                let fetched =
                    pages.fetch(&collection("c").into(), &[cell], in_time(), &mut trace).await.unwrap();
                let page = fetched.pages.iter().find(|(of, _)| *of == cell).expect("the page");
                assert!(!page.1.is_empty());
                fetched.cost.queries
            })
        })
        .collect();
    until("all of them miss", async || {
        let misses =
            |pages: &CachedPages| pages.cache().metrics().lookups(Tier::Memory, Outcome::Miss) as usize;
        processes.iter().all(|pages| misses(pages) == each).then_some(())
    })
    .await;
    store.set_open(true);
    join_all(requests).await.into_iter().map(Result::unwrap).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_misses_on_a_page_are_one_query() {
    let (store, cell) = one_page().await;
    let store = Watched::new(Arc::new(store.clone()));
    let told = stampede(&store, &[process(&store, None)], cell).await;
    assert_eq!((store.queries(), told), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_two_processes_they_are_at_most_two() {
    let (store, cell) = one_page().await;
    let redis = RedisServer::start(&[]);
    let store = Watched::new(Arc::new(store.clone()));
    let processes = [(); 2].map(|()| process(&store, Some(counted(&redis))));
    let told = stampede(&store, &processes, cell).await;
    assert_eq!(store.queries(), told);
    assert!((1..=2).contains(&told), "{told} queries");
    println!("two processes, {MISSES} misses, {told} queries");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_asked_once_a_round_and_memory_saves_that() {
    let fixture = Fixture::metros(600, 600).await;
    let redis = RedisServer::start(&[]);
    let store = Watched::new(Arc::new(fixture.store.clone()));
    let origins: Vec<_> = fixture.places.iter().step_by(20).map(|place| place.position).collect();
    let walk = async |pages: &CachedPages| {
        let search = fixture.search(pages.clone());
        let mut works = Vec::new();
        for origin in &origins {
            let query = nearby(*origin, 20_000.0, 20);
            works.push(search.nearby(&fixture.collection, query, in_time()).await.unwrap().work);
        }
        works
    };
    let first = process(&store, Some(counted(&redis)));
    walk(&first).await;
    first.cache().drain().await;

    let (read, client) = (store.queries(), counted(&redis));
    let second = process(&store, Some(client.clone()));
    let works = walk(&second).await;
    for work in &works {
        assert_eq!(work.trace.remote.trips as usize, work.tree.rounds, "{work:?}");
    }
    let rounds: usize = works.iter().map(|work| work.tree.rounds).sum();
    assert!(rounds > 0);
    assert_eq!(client.round_trips(), rounds as u64);
    for work in walk(&second).await {
        assert_eq!((work.tree.rounds, work.trace.remote.trips, work.cost.queries), (0, 0, 0), "{work:?}");
    }
    assert_eq!(client.round_trips(), rounds as u64, "a warm search asks nobody");
    assert_eq!(store.queries(), read, "everything was in Redis");
    println!("{} searches, {rounds} rounds, {rounds} round trips", works.len());
}

/// 4,900 places in a town: a load that begins in its middle has the page there after one Query.
#[tokio::test]
async fn a_load_begins_where_it_is_told_to() {
    let store = fresh_store().await;
    let at = |i: i32| (48.0 + f64::from(i / 70) / 700.0, 11.0 + f64::from(i % 70) / 700.0);
    let places: Vec<_> = (0..4_900).map(|i| place(&format!("p{i}"), at(i).0, at(i).1, "{}")).collect();
    store.put_many(&collection("c"), &places).await.unwrap();
    let inner: Arc<dyn Store> = Arc::new(store.clone());
    let middle = Leaf::at(Position::new(48.05, 11.05).unwrap());
    // Its six siblings follow, so that their parent is known to be a split.
    let (cell, begin) = (middle.ancestor(4).unwrap(), middle.ancestor(7).unwrap().children()[0]);
    let within = places.iter().filter(|place| begin.covers(Leaf::at(place.position))).count();
    let tree = collection("c").into();
    for is_told in [true, false] {
        let pages = CachedPages::new(Arc::clone(&inner), patient(), None, Arc::new(ManualClock::default()));
        if is_told {
            pages.begin_loads_at(&tree, &[(cell, begin)]);
        }
        let fetched = pages.fetch(&tree, &[cell], in_time(), &mut Trace::default()).await.unwrap();
        assert_eq!(fetched.cost.queries, 1);
        let has = |cell: H3Cell| pages.get_if_present(&tree, cell, &mut Trace::default());
        assert!(matches!(has(cell).as_deref(), Some(Page::Split(_))));
        let found = has(begin).map(|page| matches!(&*page, Page::Places(page) if page.len() == within));
        assert_eq!(found, is_told.then_some(true), "{within} places");
    }
}
