//! Search over the real store against brute force, with DynamoDB's own account of the work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_api::pages::StorePages;
use cellar_api::place::Place;
use cellar_api::search::{Limits, Search};
use cellar_api::store::{ReadCost, Store};
use cellar_api::world;
use geo_index::tree::{BoxQuery, NearbyQuery};
use geo_index::{BBox, Collection, Meters, Position, distance};

use crate::support::{TestStore, collection, fresh_store, place};

struct World {
    store: TestStore,
    search: Search,
    collection: Collection,
    places: Vec<Place>,
}

impl World {
    async fn of(places: Vec<Place>) -> Self {
        let store = fresh_store().await;
        let collection = collection("world");
        for chunk in places.chunks(2_000) {
            store.put_many(&collection, chunk).await.unwrap();
        }
        let search = Search::new(Arc::new(StorePages::new(Arc::new(store.clone()))), Limits::default());
        Self { store, search, collection, places }
    }

    fn brute_force(&self, query: &NearbyQuery) -> Vec<(String, f64)> {
        let mut found: Vec<_> = self
            .places
            .iter()
            .filter(|place| query.category.is_none() || place.properties.category() == query.category)
            .map(|place| (distance(query.origin, place.position).get(), place.id.as_str()))
            .filter(|(at, _)| *at <= query.radius.get())
            .collect();
        found.sort_by(|a, b| a.partial_cmp(b).unwrap());
        found.truncate(query.limit);
        found.into_iter().map(|(at, id)| (id.to_owned(), at)).collect()
    }

    async fn check(&self, query: NearbyQuery) -> ReadCost {
        let expected = self.brute_force(&query);
        let answer = self.search.nearby(&self.collection, query.clone(), in_time()).await.unwrap();
        let found: Vec<_> =
            answer.hits.iter().map(|hit| (hit.id().to_owned(), hit.distance().unwrap().get())).collect();
        assert_eq!(found, expected, "{query:?}");
        answer.work.cost
    }
}

fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn nearby(origin: Position, radius_m: f64, limit: usize) -> NearbyQuery {
    NearbyQuery { origin, radius: Meters::new(radius_m).unwrap(), limit, category: None, after: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_equal_brute_force_and_cost_little() {
    let world = World::of(world::places(12_000, 7).collect()).await;
    let mut cost = ReadCost::default();
    for (i, place) in world.places.iter().step_by(60).enumerate() {
        let from = Position::new(place.position.lat() + 0.003, place.position.lon()).unwrap();
        cost += world.check(nearby(from, 10_000.0, 20)).await;
        let radius_m = 10f64.powf((i % 51) as f64 / 10.0);
        let mut query = nearby(from, radius_m, 1 + i % 100);
        world.check(query.clone()).await;
        query.category = place.properties.category();
        world.check(query).await;
    }
    let per_search = |total: f64| total / 200.0;
    assert!((1.0..=4.0).contains(&per_search(f64::from(cost.queries))), "{cost:?}");
    assert!((0.5..=9.0).contains(&per_search(cost.read_units)), "{cost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_point_and_heavy_places() {
    let heavy = format!(r#"{{"text":"{}"}}"#, "x".repeat(9_000));
    let mut places: Vec<_> = (0..2_600).map(|i| place(&format!("p{i:04}"), 48.0, 11.0, "{}")).collect();
    places.extend((0..300).map(|i| place(&format!("h{i:03}"), 48.0 + f64::from(i) * 1e-3, 11.2, &heavy)));
    let world = World::of(places).await;
    for (lat, lon) in [(48.0, 11.0), (48.01, 11.01), (48.1, 11.2), (48.3, 11.2)] {
        for limit in [1, 20, 100] {
            let cost = world.check(nearby(Position::new(lat, lon).unwrap(), 50_000.0, limit)).await;
            assert!((1..=40).contains(&cost.queries), "{cost:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_or_removed_place_is_found_where_it_is() {
    let world = World::of(vec![place("a", 10.0, 10.0, "{}"), place("b", 10.001, 10.0, "{}")]).await;
    let here = Position::new(10.0, 10.0).unwrap();
    world.store.put(&world.collection, &place("a", -40.0, 100.0, "{}")).await.unwrap();
    world.store.delete(&world.collection, &"b".parse().unwrap()).await.unwrap();
    let near = world.search.nearby(&world.collection, nearby(here, 5_000.0, 10), in_time()).await.unwrap();
    assert!(near.hits.is_empty());
    let there = nearby(Position::new(-40.0, 100.0).unwrap(), 5_000.0, 10);
    let far = world.search.nearby(&world.collection, there, in_time()).await.unwrap();
    assert_eq!(far.hits.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_is_walked_to_the_end() {
    let world = World::of(world::places(3_000, 8).collect()).await;
    let bbox = BBox::new(-12.0, 34.0, 40.0, 62.0).unwrap();
    let mut query = BoxQuery { bbox, limit: 70, category: Some("cafe".into()), after: None };
    let mut walked = Vec::new();
    loop {
        let answer = world.search.items(&world.collection, query.clone(), in_time()).await.unwrap();
        walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    let wanted = |place: &&Place| {
        bbox.contains(place.position) && place.properties.category().as_deref() == Some("cafe")
    };
    let expected: BTreeSet<_> = world.places.iter().filter(wanted).map(|p| p.id.to_string()).collect();
    assert_eq!(walked.len(), expected.len());
    assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_has_passed_is_an_error() {
    let world = World::of(vec![place("a", 10.0, 10.0, "{}")]).await;
    let query = nearby(Position::new(10.0, 10.0).unwrap(), 100.0, 1);
    let late = Instant::now();
    assert!(world.search.nearby(&world.collection, query, late).await.is_err());
}
