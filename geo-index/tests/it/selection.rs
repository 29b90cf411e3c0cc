//! Searches of selections against brute force, walked to their ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use geo_index::tree::{
    BoxQuery, BoxScan, NearbyQuery, NearbySearch, PAGE_MAX, Pace, PlaceFilter, PlaceView, SearchLimits,
    Selection,
};
use geo_index::{BBox, Leaf, distance};
use proptest::prelude::*;

use crate::support::{Index, Point, at_most, brute_force, clustered, found, nearby, real_or_generated};

/// Places whose ids have one of so many remainders.
#[derive(Debug)]
struct OneOf(u64);

fn number(id: &str) -> u64 {
    id.bytes().fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
}

impl PlaceFilter for OneOf {
    fn allows(&self, place: &PlaceView<'_>) -> bool {
        assert_eq!(place.payload(), place.id().as_bytes());
        number(place.id()).is_multiple_of(self.0)
    }
}

fn one_of(count: u64) -> Selection {
    Selection { filter: Some(Arc::new(OneOf(count))), region: None }
}

fn selected(points: &[Point], count: u64) -> Vec<Point> {
    points.iter().filter(|point| number(&point.id).is_multiple_of(count)).cloned().collect()
}

const fn limits(pages: usize) -> SearchLimits {
    let (page_budget, fan_out) = (at_most_const(pages), at_most_const(4));
    SearchLimits { page_budget, fan_out }
}

const fn at_most_const(count: usize) -> std::num::NonZeroUsize {
    std::num::NonZeroUsize::new(count).expect("not zero")
}

/// Follows keys to the end: what was found, and the pages that each answer took.
fn walk(
    index: &Index,
    first: &NearbyQuery,
    count: u64,
    limits: SearchLimits,
) -> (Vec<(String, f64)>, Vec<usize>) {
    let (mut query, mut walked, mut pages) = (first.clone(), Vec::new(), Vec::new());
    loop {
        let search = NearbySearch::new(query.clone(), limits).selecting(one_of(count)).ending_early();
        let answer = index.drive(search).unwrap();
        assert!(answer.hits.len() <= query.limit.get());
        walked.extend(found(&answer));
        pages.push(answer.work.pages);
        let Some(next) = answer.next else { return (walked, pages) };
        let before = query.after.as_ref().map(|key| (key.distance.get(), key.id.clone()));
        assert!(before < Some((next.distance.get(), next.id.clone())), "{before:?}, {next:?}");
        query.after = Some(next);
    }
}

#[test]
fn selections_of_real_places_equal_brute_force() {
    let points = real_or_generated("breweries.csv", 3);
    let index = Index::new(&points);
    for (i, lat, lon) in
        [(0, 51.5, -0.1), (1, 39.7, -105.0), (2, -41.0, 174.0), (3, 0.0, 180.0), (4, 90.0, 0.0)]
    {
        for count in [2, 50, 3_000, u64::MAX] {
            let wanted = selected(&points, count);
            let query = NearbyQuery { limit: at_most(1 + 20 * i), ..nearby(lat, lon, 2_000_000.0, 1) };
            let all = NearbyQuery { limit: at_most(usize::MAX), ..query.clone() };
            let (walked, _) = walk(&index, &query, count, limits(50));
            assert_eq!(walked, brute_force(&wanted, &all), "{lat}, {lon}, one of {count}");
        }
    }
}

/// Many places on one spot and beside it, of which the wanted ones are few: each answer is bounded all the same.
#[test]
fn a_rare_place_in_a_crowd_is_found_in_bounded_steps() {
    let id = |i: u64| format!("{:05}", i * 7_919 % 40_000);
    let place = |i: u64| Point::new(id(i), 52.52, 13.405);
    let mut points: Vec<_> = (0..40_000).map(place).collect();
    points.extend((0..2_000).map(|i| Point::new(format!("n{i}"), 52.52 + f64::from(i) * 1e-6, 13.406)));
    let index = Index::new(&points);
    for (lat, lon) in [(52.52, 13.405), (52.5, 13.4)] {
        for count in [20_011, u64::MAX] {
            let query = nearby(lat, lon, 5_000.0, 20);
            let all = NearbyQuery { limit: at_most(usize::MAX), ..query.clone() };
            let (walked, pages) = walk(&index, &query, count, limits(30));
            assert_eq!(walked, brute_force(&selected(&points, count), &all), "{lat}, {lon}, one of {count}");
            assert!(pages.len() > 2, "{pages:?}: the budget never mattered");
            // The budget, and the pages that lie to both sides of where an answer begins.
            assert!(pages.iter().all(|&pages| pages <= 60), "{pages:?}");
        }
    }
}

#[test]
fn a_scan_of_a_selection_may_find_nothing_and_goes_on() {
    let points = clustered(6_000, 9);
    let index = Index::new(&points);
    for count in [3, 2_000, u64::MAX] {
        let wanted = selected(&points, count);
        let mut expected: Vec<_> =
            wanted.iter().map(|point| (Leaf::at(point.position), point.id.clone())).collect();
        expected.sort();
        let mut query = BoxQuery { bbox: BBox::WORLD, limit: at_most(100), category: None, after: None };
        let (mut walked, mut answers) = (Vec::new(), 0);
        loop {
            let scan = BoxScan::new(query.clone(), limits(20)).selecting(one_of(count));
            let answer = index.drive_scan(scan);
            // One page beyond, where a base cell's list of roots was the last.
            assert!(answer.work.pages <= 21, "{} pages", answer.work.pages);
            walked.extend(answer.hits.iter().map(|hit| (hit.leaf(), hit.id().to_owned())));
            answers += 1;
            let Some(next) = answer.next else { break };
            assert_ne!(query.after.as_ref(), Some(&next));
            query.after = Some(next);
        }
        assert_eq!(walked, expected, "one of {count}");
        assert!(answers > 3, "{answers} answers: the budget never mattered");
    }
}

/// One in so many, each as dear as a payload of 1,000 bytes.
#[derive(Debug)]
struct Dear(OneOf, AtomicUsize);

impl PlaceFilter for Dear {
    fn allows(&self, place: &PlaceView<'_>) -> bool {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.allows(place)
    }

    fn weight(&self) -> usize {
        250
    }
}

/// Ids, and so payloads, of four bytes.
fn dear_places() -> Vec<Point> {
    clustered(5_000, 4)
        .into_iter()
        .enumerate()
        .map(|(i, point)| Point { id: format!("{i:04}"), ..point })
        .collect()
}

#[test]
fn a_dear_filter_ends_an_answer_early_and_pauses() {
    let points = dear_places();
    let index = Index::new(&points);
    let pace = Pace { budget: 600_000, pause: 200_000 };
    let expected: Vec<_> = brute_force(
        &selected(&points, 40),
        &NearbyQuery { limit: at_most(usize::MAX), ..nearby(48.0, 11.0, 20_000_000.0, 1) },
    );
    let mut query = nearby(48.0, 11.0, 20_000_000.0, 1_000);
    let (mut walked, mut answers) = (Vec::new(), 0);
    loop {
        let filter = Arc::new(Dear(OneOf(40), AtomicUsize::new(0)));
        let selection = Selection { filter: Some(filter.clone()), region: None };
        let before = index.pauses.get();
        let search = NearbySearch::new(query.clone(), SearchLimits::default());
        let answer = index.drive(search.selecting(selection).ending_early().at_pace(pace)).unwrap();
        walked.extend(found(&answer));
        answers += 1;
        let asked = filter.1.load(Ordering::Relaxed);
        // The budget, the page that exceeds it, and those that lie to both sides of where an answer begins.
        assert!(asked <= 600 + 12 * PAGE_MAX, "{asked}");
        assert!(index.pauses.get() - before + 1 >= asked / (200 + PAGE_MAX), "{asked}");
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    assert_eq!(walked, expected);
    assert!(answers > 4 && index.pauses.get() > answers, "{answers} answers: the budget never mattered");
}

#[test]
fn a_scan_with_a_dear_filter_ends_early_and_pauses() {
    let points = dear_places();
    let index = Index::new(&points);
    let pace = Pace { budget: 600_000, pause: 200_000 };
    let mut query = BoxQuery { bbox: BBox::WORLD, limit: at_most(1_000), category: None, after: None };
    let (mut walked, mut answers) = (Vec::new(), 0);
    loop {
        let filter = Arc::new(Dear(OneOf(40), AtomicUsize::new(0)));
        let selection = Selection { filter: Some(filter.clone()), region: None };
        let scan = BoxScan::new(query.clone(), SearchLimits::default());
        let answer = index.drive_scan(scan.selecting(selection).at_pace(pace));
        walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
        answers += 1;
        let asked = filter.1.load(Ordering::Relaxed);
        assert!(asked <= 600 + 2 * PAGE_MAX, "{asked}");
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    let mut expected: Vec<_> = selected(&points, 40).into_iter().map(|point| point.id).collect();
    walked.sort();
    expected.sort();
    assert_eq!(walked, expected);
    assert!(answers > 4 && index.pauses.get() > answers, "{answers} answers: the budget never mattered");
}

/// A search that is told that its time is short ends with a cursor at once.
#[test]
fn a_search_in_a_hurry_ends_with_a_cursor() {
    let points = dear_places();
    let index = Index::new(&points);
    let search = NearbySearch::new(nearby(48.0, 11.0, 20_000_000.0, 1_000), SearchLimits::default());
    let mut search = search.selecting(one_of(40)).ending_early();
    search.hurry();
    let answer = index.drive(search).unwrap();
    assert!(answer.next.is_some() && answer.work.pages < 20, "{:?}", answer.work);
}

/// A filter sees the distance that the answer has.
#[test]
fn distances_are_those_of_the_answer() {
    #[derive(Debug)]
    struct Beyond(f64);
    impl PlaceFilter for Beyond {
        fn allows(&self, place: &PlaceView<'_>) -> bool {
            place.distance().is_some_and(|at| at.get() > self.0)
        }
    }
    let points = clustered(2_000, 5);
    let index = Index::new(&points);
    let query = nearby(points[0].position.lat(), points[0].position.lon(), 3_000_000.0, 50);
    let (all, least) = (brute_force(&points, &query), 1_000.0);
    let selection = Selection { filter: Some(Arc::new(Beyond(least))), region: None };
    let answer =
        index.drive(NearbySearch::new(query.clone(), SearchLimits::default()).selecting(selection)).unwrap();
    let beyond: Vec<_> =
        points.iter().filter(|point| distance(query.origin, point.position).get() > least).cloned().collect();
    assert!(all.iter().any(|(_, at)| *at <= least));
    assert_eq!(found(&answer), brute_force(&beyond, &query));
}

proptest! {
    #[test]
    fn any_selection_equals_brute_force(
        lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64, radius in 1.0..8e6_f64, limit in 1..=40_usize,
        count in prop_oneof![1..10_u64, 100..1_000_u64], budget in 1..60_usize, seed in 0..4_u64,
    ) {
        let points = clustered(1_500, seed);
        let index = Index::new(&points);
        let query = nearby(lat, lon, radius, limit);
        let all = NearbyQuery { limit: at_most(usize::MAX), ..query.clone() };
        let (walked, _) = walk(&index, &query, count, limits(budget));
        prop_assert_eq!(walked, brute_force(&selected(&points, count), &all));
    }
}
