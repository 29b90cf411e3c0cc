//! Box scans against brute force, walked to the end.

use geo_index::tree::{BoxKey, BoxQuery, SearchLimits};
use geo_index::{BBox, H3Cell};
use proptest::prelude::*;

use crate::support::{Index, Keep, Point, clustered, real_or_generated};

/// Ids in the order of leaf and id.
fn brute_force(points: &[Point], query: &BoxQuery) -> Vec<String> {
    let mut found: Vec<_> = points
        .iter()
        .filter(|point| query.bbox.contains(point.position))
        .filter(|point| query.category.is_none() || point.category == query.category)
        .map(|point| (H3Cell::leaf(point.position), point.id.clone()))
        .collect();
    found.sort();
    found.into_iter().map(|(_, id)| id).collect()
}

/// Follows cursors to the end; returns the ids and the number of answers.
fn walk(index: &Index, first: &BoxQuery, limits: SearchLimits) -> (Vec<String>, usize) {
    let (mut query, mut walked, mut answers) = (first.clone(), Vec::new(), 0);
    loop {
        let answer = index.scan(&query, limits).unwrap();
        assert!(answer.hits.len() <= query.limit);
        walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
        answers += 1;
        let Some(next) = answer.next else { return (walked, answers) };
        let fingerprint = query.fingerprint(&"places".parse().unwrap());
        query.after = Some(BoxKey::decode(&next.encode(fingerprint), fingerprint).unwrap());
    }
}

fn query(edges: [f64; 4], limit: usize) -> BoxQuery {
    let [west, south, east, north] = edges;
    BoxQuery { bbox: BBox::new(west, south, east, north).unwrap(), limit, category: None, after: None }
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
                query.category = points[i].category.clone();
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
    let (walked, answers) = walk(&index, &query, SearchLimits { page_budget: 40, fan_out: 4 });
    assert_eq!(walked, brute_force(&points, &query));
    assert!(answers > walked.len() / 100 + 5, "{answers} answers: the budget never mattered");
}

#[test]
fn a_cursor_may_stand_in_the_middle_of_a_crowd() {
    let points: Vec<_> = (0..300).map(|i| Point::new(format!("{i:03}"), 52.52, 13.405)).collect();
    let query = query([13.0, 52.0, 14.0, 53.0], 100);
    let (walked, _) = walk(&Index::new(&points), &query, SearchLimits::default());
    assert_eq!(walked, brute_force(&points, &query));
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
        let limits = SearchLimits { page_budget: 100_000, fan_out: 16 };
        let (walked, answers) = walk(&index, &query, limits);
        prop_assert!(answers <= walked.len() / limit + 2, "{} answers for {}", answers, walked.len());
        prop_assert_eq!(walked, brute_force(&points, &query));
    }
}
