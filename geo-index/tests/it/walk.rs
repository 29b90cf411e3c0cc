//! The pages of a walk are all that searches from within its area need.

use std::sync::Arc;

use geo_index::tree::{AreaWalk, NearbySearch, Progress, SearchLimits};
use geo_index::{Area, BBox, Cell, Grid, H3Cell, Meters, Page, Polygon, Position};
use proptest::prelude::*;
use rustc_hash::FxHashMap;

use crate::support::{Index, Point, at_most, brute_force, clustered, destination, found, nearby};

/// The pages that a walk comes upon.
fn walked(index: &Index, area: &Area, margin_m: f64) -> FxHashMap<H3Cell, Arc<Page>> {
    let mut walk = AreaWalk::new(area, Meters::new(margin_m).unwrap());
    let mut pages = FxHashMap::default();
    while let Some(visit) = walk.next() {
        let (cell, page) = index.load(visit.cell).swap_remove(0);
        assert_eq!(cell, visit.cell);
        if let Page::Split(split) = &*page {
            walk.below(&visit, split);
        }
        assert!(pages.insert(cell, page).is_none(), "{cell} comes twice");
    }
    pages
}

/// Places around one position, in clumps, so that the tree is deep there.
fn places_around(origin: Position, seed: u64) -> Vec<Point> {
    let mut points = clustered(600, seed);
    points.extend((0..3_000).map(|i| {
        let away = 10f64.powf(f64::from(i % 97) / 97.0 * 5.0);
        let position = destination(origin, away, f64::from(i));
        Point::new(format!("o{i}"), position.lat(), position.lon())
    }));
    points
}

/// A cell, a box or a polygon that holds a position, or a box of the position alone: nothing but the margin makes
/// up for that one.
#[derive(Clone, Copy, Debug)]
enum Around {
    Cell(Grid, u8),
    Box,
    Polygon,
    Alone,
}

fn area_around(origin: Position, around: Around, size: f64) -> Area {
    let mut area = Area::default();
    let (lat, lon) = (origin.lat(), origin.lon());
    let (south, north) = ((lat - size / 3.0).max(-90.0), (lat + size).min(90.0));
    match around {
        Around::Cell(grid, level) => area.add_cell(Cell::at(grid, origin, level).unwrap()),
        Around::Box => {
            let turned = |lon: f64| (lon + 540.0).rem_euclid(360.0) - 180.0;
            area.add_box(BBox::new(turned(lon - size), south, turned(lon + size / 2.0), north).unwrap());
        }
        Around::Alone => area.add_box(BBox::new(lon, lat, lon, lat).unwrap()),
        Around::Polygon => {
            let ring = vec![[lon - size, south], [lon + size, south], [lon, north]];
            Polygon::readings(&[ring]).unwrap().into_iter().for_each(|polygon| area.add_polygon(polygon));
        }
    }
    area
}

fn around() -> impl Strategy<Value = Around> {
    prop_oneof![
        (4..9_u8).prop_map(|level| Around::Cell(Grid::H3, level)),
        (3..7_u8).prop_map(|level| Around::Cell(Grid::Geohash, level)),
        Just(Around::Box),
        Just(Around::Polygon),
        Just(Around::Alone),
    ]
}

/// Share of the margin that is the radius, and limit. One in four looks as far as it may.
fn search() -> impl Strategy<Value = (f64, usize)> {
    (prop_oneof![Just(1.0), 0.0..=1.0_f64], prop_oneof![Just(10_000), 1..50_usize])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_search_from_within_needs_another_page(
        lat in prop_oneof![-90.0..=90.0, 89.5..=90.0, Just(-90.0)],
        lon in prop_oneof![-180.0..=180.0, 179.9..=180.0, Just(-180.0)],
        around in around(), size in 0.001..0.5_f64, margin_m in prop_oneof![Just(0.0), 1.0..60_000.0],
        searches in proptest::collection::vec(search(), 5), seed in 0..20_u64,
    ) {
        let origin = Position::new(lat, lon).unwrap();
        let points = places_around(origin, seed);
        let index = Index::new(&points);
        let pages = walked(&index, &area_around(origin, around, size), margin_m);
        for (share, limit) in searches {
            let query = nearby(lat, lon, margin_m * share, limit);
            let limits = SearchLimits { page_budget: at_most(100_000), ..SearchLimits::default() };
            let mut search = NearbySearch::new(query.clone(), limits);
            prop_assert_eq!(search.advance(|cell| pages.get(&cell).cloned()), Ok(Progress::Done));
            prop_assert_eq!(found(&search.finish()), brute_force(&points, &query));
        }
    }
}

/// The walk takes what is near, not the world, and goes down where places are dense.
#[test]
fn a_walk_stays_near_its_area() {
    let origin = Position::new(48.8566, 2.3522).unwrap();
    let points = places_around(origin, 1);
    let area: Area = [Cell::at(Grid::H3, origin, 6).unwrap()].into_iter().collect();
    let pages = walked(&Index::new(&points), &area, 10_000.0);
    assert!((50..400).contains(&pages.len()), "{}", pages.len());
    assert!(pages.keys().all(|cell| {
        use geo_index::GridCell;
        cell.min_distance(origin).get() <= 10_000.0 + 8_000.0
    }));
    assert!(walked(&Index::new(&points), &Area::default(), 10_000.0).is_empty());
}
