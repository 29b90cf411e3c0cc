//! Search over the real store against brute force, with DynamoDB's own account of the work.

use std::time::Instant;

use cellar_store::{ReadCost, Store};
use geo_index::Position;

use crate::fixture::{Fixture, in_time, nearby};
use cellar_test_kit::place;

#[tokio::test(flavor = "multi_thread")]
async fn searches_equal_brute_force_and_cost_little() {
    let fixture = Fixture::metros(12_000, 60).await;
    let works = fixture.check(&fixture.plain()).await;
    let mut cost = ReadCost::default();
    works.iter().step_by(3).for_each(|work| cost += work.cost);
    let per_search = |total: f64| total / 200.0;
    assert!((1.0..=4.0).contains(&per_search(f64::from(cost.queries))), "{cost:?}");
    assert!((0.5..=10.0).contains(&per_search(cost.read_units)), "{cost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_point_and_heavy_places() {
    let fixture = Fixture::crowded().await;
    for work in fixture.check(&fixture.plain()).await {
        assert!((1..=40).contains(&work.cost.queries), "{work:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poles_and_the_antimeridian() {
    let fixture = Fixture::edges().await;
    fixture.check(&fixture.plain()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_or_removed_place_is_found_where_it_is() {
    let fixture = Fixture::of(vec![place("a", 10.0, 10.0, "{}"), place("b", 10.001, 10.0, "{}")]).await;
    let search = fixture.plain();
    let here = Position::new(10.0, 10.0).unwrap();
    fixture.store.put(&fixture.collection, &place("a", -40.0, 100.0, "{}")).await.unwrap();
    fixture.store.delete(&fixture.collection, &"b".parse().unwrap()).await.unwrap();
    let near = search.nearby(&fixture.collection, nearby(here, 5_000.0, 10), in_time()).await.unwrap();
    assert!(near.hits.is_empty());
    let there = nearby(Position::new(-40.0, 100.0).unwrap(), 5_000.0, 10);
    let far = search.nearby(&fixture.collection, there, in_time()).await.unwrap();
    assert_eq!(far.hits.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_is_walked_to_the_end() {
    for fixture in [Fixture::metros(3_000, 3_000).await, Fixture::edges().await] {
        let steps = fixture.check_walks(&fixture.plain()).await;
        assert!(steps.len() > 1, "one answer holds it all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_has_passed_is_an_error() {
    let fixture = Fixture::of(vec![place("a", 10.0, 10.0, "{}")]).await;
    let query = nearby(Position::new(10.0, 10.0).unwrap(), 100.0, 1);
    let late = Instant::now();
    assert!(fixture.plain().nearby(&fixture.collection, query, late).await.is_err());
}
