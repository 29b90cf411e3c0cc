//! Box scans against brute force, walked to the end.

use geo_index::tree::{BoxQuery, SearchLimits};
use geo_index::{BBox, Leaf};
use proptest::prelude::*;

use crate::support::{Index, Keep, Point, at_most, clustered, real_or_generated};

/// Ids in the order of leaf and id.
fn brute_force(points: &[Point], query: &BoxQuery) -> Vec<String> {
    let mut found: Vec<_> = points
        .iter()
        .filter(|point| query.bbox.contains(point.position))
        .filter(|point| query.category.as_ref().is_none_or(|filter| filter.allows(point.category.as_deref())))
        .map(|point| (Leaf::at(point.position), point.id.clone()))
        .collect();
    found.sort();
    found.into_iter().map(|(_, id)| id).collect()
}

/// Follows cursors to the end; returns the ids and the number of answers.
fn walk(index: &Index, first: &BoxQuery, limits: SearchLimits) -> (Vec<String>, usize) {
    let (mut query, mut walked, mut answers) = (first.clone(), Vec::new(), 0);
    loop {
        let answer = index.scan(&query, limits);
        assert!(answer.hits.len() <= query.limit.get());
        assert!(!answer.hits.is_empty() || answer.next.is_none(), "an empty answer says that there is more");
        walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
        answers += 1;
        let Some(next) = answer.next else { return (walked, answers) };
        query.after = Some(next);
    }
}

fn query(edges: [f64; 4], limit: usize) -> BoxQuery {
    let [west, south, east, north] = edges;
    let bbox = BBox::new(west, south, east, north).unwrap();
    BoxQuery { bbox, limit: at_most(limit), category: None, after: None }
}

#[test]
fn boxes_on_real_places() {
    for file in ["breweries.csv", "navaids.csv"] {
        let points = real_or_generated(file, 3);
        for keep in [Keep::Nothing, Keep::All] {
            let index = Index::keeping(&points, keep);
            for (i, edges) in [
                [-10.0, 35.0, 30.0, 60.0],
                [-125.0, 24.0, -66.0, 50.0],
                [170.0, -50.0, -160.0, 10.0],
                [-180.0, 80.0, 180.0, 90.0],
                [-180.0, -90.0, 180.0, -60.0],
                [2.3, 48.8, 2.4, 48.9],
                [12.5, 55.6, 12.5, 55.6],
            ]
            .into_iter()
            .enumerate()
            {
                let mut query = query(edges, 1 + 33 * (i % 4));
                let (walked, _) = walk(&index, &query, SearchLimits::default());
                assert_eq!(walked, brute_force(&points, &query), "{edges:?}");
                query.category = points[i].category.as_deref().map(Into::into);
                let (walked, _) = walk(&index, &query, SearchLimits::default());
                assert_eq!(walked, brute_force(&points, &query), "{edges:?} {:?}", query.category);
            }
        }
    }
}

#[test]
fn a_small_budget_only_makes_more_answers() {
    let points = clustered(3_000, 4);
    let index = Index::new(&points);
    let query = query([-30.0, -30.0, 30.0, 30.0], 100);
    let (walked, answers) =
        walk(&index, &query, SearchLimits { page_budget: at_most(3), fan_out: at_most(4) });
    assert_eq!(walked, brute_force(&points, &query));
    assert!(answers > walked.len() / 100 + 1, "{answers} answers: the budget never mattered");
}

#[test]
fn a_cursor_may_stand_in_the_middle_of_a_crowd() {
    let points: Vec<_> = (0..300).map(|i| Point::new(format!("{i:03}"), 52.52, 13.405)).collect();
    let query = query([13.0, 52.0, 14.0, 53.0], 100);
    let (walked, _) = walk(&Index::new(&points), &query, SearchLimits::default());
    assert_eq!(walked, brute_force(&points, &query));
}

#[test]
fn the_world_over_two_places_is_a_few_reads() {
    let points = [Point::new("a", 48.8566, 2.3522), Point::new("b", -33.87, 151.21)];
    let world = query([-180.0, -90.0, 180.0, 90.0], 10);
    for keep in [Keep::Nothing, Keep::All] {
        let index = Index::keeping(&points, keep);
        let (walked, answers) = walk(&index, &world, SearchLimits::default());
        assert_eq!((walked, answers), (brute_force(&points, &world), 1));
        assert_eq!(index.queries.get(), 3, "which roots exist, and two pages");
    }
    let mut unknowing = Index::keeping(&points, Keep::Nothing);
    unknowing.knows_roots = false;
    let (walked, _) = walk(&unknowing, &world, SearchLimits::default());
    assert_eq!(walked, brute_force(&points, &world));
    assert!(unknowing.queries.get() >= 41_162, "{} reads", unknowing.queries.get());
}

#[test]
fn a_crowd_beyond_a_page_is_walked_to_its_end() {
    let id = |i: usize| format!("{:05}", i * 7_919 % 20_000);
    let place = |i: usize| Point::new(id(i), 52.52 + (i % 3) as f64 * 1e-7, 13.405);
    let mut points: Vec<_> = (0..20_000).map(place).collect();
    points.extend((0..50).map(|i| Point::new(format!("n{i}"), 52.52 + f64::from(i) * 1e-5, 13.405)));
    let index = Index::new(&points);
    for edges in [[13.0, 52.0, 14.0, 53.0], [13.0, 52.0, 14.0, 52.520_000_05]] {
        let query = query(edges, 777);
        let (walked, answers) = walk(&index, &query, SearchLimits::default());
        let expected = brute_force(&points, &query);
        assert_eq!(walked, expected);
        assert_eq!(answers, expected.len().div_ceil(777));
    }
}

proptest! {
    #[test]
    fn any_box_equals_brute_force(
        west in -180.0..=180.0_f64, width in 0.0..=360.0_f64, south in -90.0..=90.0_f64,
        height in 0.0..=40.0_f64, limit in 1..=100_usize, seed in 0..4_u64,
    ) {
        let points = clustered(400, seed);
        let index = Index::new(&points);
        let east = (west + width + 180.0).rem_euclid(360.0) - 180.0;
        let query = query([west, south, east, (south + height).min(90.0)], limit);
        let limits = SearchLimits { page_budget: at_most(100_000), fan_out: at_most(16) };
        let (walked, answers) = walk(&index, &query, limits);
        prop_assert!(answers <= walked.len() / limit + 2, "{} answers for {}", answers, walked.len());
        prop_assert_eq!(walked, brute_force(&points, &query));
    }
}
