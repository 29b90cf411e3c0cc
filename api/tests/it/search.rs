//! Search over the real store against brute force, with DynamoDB's own account of the work.

use std::time::Instant;

use cellar_api::store::{ReadCost, Store};
use geo_index::Position;

use crate::support::place;
use crate::world::{World, in_time, nearby};

#[tokio::test(flavor = "multi_thread")]
async fn searches_equal_brute_force_and_cost_little() {
    let world = World::metros(12_000, 60).await;
    let works = world.check(&world.plain()).await;
    let mut cost = ReadCost::default();
    works.iter().step_by(3).for_each(|work| cost += work.cost);
    let per_search = |total: f64| total / 200.0;
    assert!((1.0..=4.0).contains(&per_search(f64::from(cost.queries))), "{cost:?}");
    assert!((0.5..=9.0).contains(&per_search(cost.read_units)), "{cost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_point_and_heavy_places() {
    let world = World::crowded().await;
    for work in world.check(&world.plain()).await {
        assert!((1..=40).contains(&work.cost.queries), "{work:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poles_and_the_antimeridian() {
    let world = World::edges().await;
    world.check(&world.plain()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_or_removed_place_is_found_where_it_is() {
    let world = World::of(vec![place("a", 10.0, 10.0, "{}"), place("b", 10.001, 10.0, "{}")]).await;
    let search = world.plain();
    let here = Position::new(10.0, 10.0).unwrap();
    world.store.put(&world.collection, &place("a", -40.0, 100.0, "{}")).await.unwrap();
    world.store.delete(&world.collection, &"b".parse().unwrap()).await.unwrap();
    let near = search.nearby(&world.collection, nearby(here, 5_000.0, 10), in_time()).await.unwrap();
    assert!(near.hits.is_empty());
    let there = nearby(Position::new(-40.0, 100.0).unwrap(), 5_000.0, 10);
    let far = search.nearby(&world.collection, there, in_time()).await.unwrap();
    assert_eq!(far.hits.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_is_walked_to_the_end() {
    for world in [World::metros(3_000, 3_000).await, World::edges().await] {
        let steps = world.check_walks(&world.plain()).await;
        assert!(steps.len() > 1, "one answer holds it all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_has_passed_is_an_error() {
    let world = World::of(vec![place("a", 10.0, 10.0, "{}")]).await;
    let query = nearby(Position::new(10.0, 10.0).unwrap(), 100.0, 1);
    let late = Instant::now();
    assert!(world.plain().nearby(&world.collection, query, late).await.is_err());
}
