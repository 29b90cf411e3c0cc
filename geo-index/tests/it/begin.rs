//! Loads that begin in the middle of a cell: the same pages, whatever is there.

use geo_index::tree::{PAGE_MAX, ROOT_RESOLUTION};
use geo_index::{GridCell, H3Cell, Leaf, Page, Position};
use proptest::prelude::*;

use crate::support::{Index, Keep, Point, anywhere, clustered, in_clusters, rng};

/// Ids of the places below a cell, in order of leaf and id.
fn below(index: &Index, cell: H3Cell) -> Vec<&str> {
    let leaves = cell.leaves();
    let within = index.rows.iter().filter(|(leaf, _)| leaves.contains(leaf));
    within.map(|(_, point)| point.id.as_str()).collect()
}

/// Loads the page of a cell from some cell within on; what it says is compared with what is there.
fn check(index: &Index, cell: H3Cell, begin: H3Cell) {
    let pages = index.load_from(cell, Some(begin));
    assert_eq!(pages[0].0, cell);
    for (at, page) in pages {
        let truth = below(index, at);
        assert!(cell.covers(at));
        match &*page {
            Page::Places(places) => {
                assert_eq!((0..places.len()).map(|row| places.id(row)).collect::<Vec<_>>(), truth, "{at}");
            }
            Page::Split(split) => {
                assert!(truth.len() > PAGE_MAX, "{at} of {} places is split", truth.len());
                assert!(split.estimate() > 0.0);
            }
            Page::Crowd(crowd) => assert_eq!(crowd.places(), truth.len() as u64),
            Page::Roots(_) => panic!("{at} is not above the roots"),
        }
    }
}

proptest! {
    #[test]
    fn pages_are_the_same(
        count in 1..3_000_usize, seed in 0..8_u64, at in 0..3_000_usize, level in 1..14_u8, down in 1..12_u8,
        elsewhere in any::<bool>(),
    ) {
        // Few clusters are dense.
        let points = if seed % 2 == 0 { clustered(count, seed) } else { in_clusters(count, 2, seed) };
        let index = Index::keeping(&points, Keep::Nothing);
        let leaf = Leaf::at(points[at % count].position);
        let cell = leaf.ancestor(level).unwrap();
        let finest = (level + down).min(14);
        let other = Leaf::at(anywhere(&mut rng(at as u64)));
        let mut begin = leaf.ancestor(finest).unwrap();
        if elsewhere {
            // Any other way down.
            begin = cell;
            while begin.level() < finest {
                let children = begin.children();
                let digit = (other.index() >> (3 * (15 - begin.level() - 1)) & 7) as usize;
                begin = children[digit % children.len()];
            }
        }
        check(&index, cell, begin);
    }
}

/// Of 50,000 places below one root, a load that begins at a page of them has that page after one read.
#[test]
fn one_read_has_the_page_in_the_middle() {
    let mut rng = rng(31);
    let points: Vec<Point> = (0..50_000)
        .map(|i| {
            let (lat, lon) = (48.4 + rng.random_range(0.0..1.0), 2.0 + rng.random_range(0.0..1.0));
            Point::new(format!("{i:05}"), lat, lon)
        })
        .collect();
    let index = Index::keeping(&points, Keep::Nothing);
    let leaf = Leaf::at(Position::new(48.9, 2.5).unwrap());
    let root = leaf.ancestor(ROOT_RESOLUTION).unwrap();
    // 26 places in each of the seven.
    let begin = leaf.ancestor(6).unwrap().children()[0];
    let pages = index.load_from(root, Some(begin));
    assert_eq!(index.queries.get(), 1);
    let has = |cell: H3Cell| pages.iter().find(|(at, _)| *at == cell).map(|(_, page)| &**page);
    for level in ROOT_RESOLUTION..=6 {
        assert!(matches!(has(leaf.ancestor(level).unwrap()), Some(Page::Split(_))), "level {level}");
    }
    let places = points.iter().filter(|point| begin.covers(Leaf::at(point.position))).count();
    assert!(matches!(has(begin), Some(Page::Places(page)) if page.len() == places), "{places} places");
    check(&index, root, begin);
}

/// Where there is nothing behind, the rest is read, too.
#[test]
fn a_mistake_costs_one_read() {
    let points: Vec<Point> = (0..100).map(|i| Point::new(format!("{i:03}"), 48.8, 2.3)).collect();
    let index = Index::keeping(&points, Keep::Nothing);
    let leaf = Leaf::at(points[0].position);
    let root = leaf.ancestor(ROOT_RESOLUTION).unwrap();
    for begin in root.children().into_iter().flat_map(GridCell::children).skip(1) {
        let before = index.queries.get();
        check(&index, root, begin);
        assert_eq!(index.queries.get() - before, 2);
    }
}
