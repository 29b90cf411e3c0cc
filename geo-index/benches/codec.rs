//! A page of 128 places with payloads of 150 bytes, to bytes and back: what a hit in the shared cache costs.
//!
//! `cargo bench -p geo-index --bench codec`. `trigonometry` is the part of decoding that computes unit vectors.
//! `crowded leaf` builds the largest page there is, with a category of its own for each place.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use geo_index::tree::LEAF_MAX;
use geo_index::{GridCell, H3Cell, Leaf, Page, PlacesPage, Position, Row};

const PLACES: u32 = 128;
const PAYLOAD_BYTES: usize = 150;

/// Places spread over a cell of resolution 6, and the positions alone.
fn page() -> (H3Cell, Page, Vec<Position>) {
    let cell = Leaf::at(Position::new(48.8566, 2.3522).expect("a position")).ancestor(6).expect("coarser");
    let centre = cell.centre();
    let positions: Vec<Position> = (0..PLACES)
        .map(|i| {
            let (north, east) = (f64::from(i % 11) - 5.0, f64::from(i % 13) - 6.0);
            Position::new(centre.lat() + north * 1e-3, centre.lon() + east * 1e-3).expect("near the centre")
        })
        .filter(|position| cell.covers(Leaf::at(*position)))
        .collect();
    let rows = positions.iter().enumerate().map(|(i, position)| Row {
        leaf: Leaf::at(*position),
        id: format!("osm-{i:06}"),
        position: *position,
        category: Some(["bar", "café", "museum"][i % 3].to_owned()),
        payload: vec![b'x'; PAYLOAD_BYTES],
    });
    let page = Page::Places(PlacesPage::new(rows.collect()));
    (cell, page, positions)
}

/// As many places on one point as a leaf may hold.
fn crowd() -> Vec<Row> {
    let position = Position::new(48.8566, 2.3522).expect("a position");
    let row = |i: usize| Row {
        leaf: Leaf::at(position),
        id: format!("{i:05}"),
        position,
        category: Some(format!("category {i}")),
        payload: Vec::new(),
    };
    (0..LEAF_MAX).map(row).collect()
}

fn codec(criterion: &mut Criterion) {
    let (cell, page, positions) = page();
    let bytes = page.encode(cell);
    assert_eq!(positions.len(), PLACES as usize, "all places are below the cell");
    println!("{} places, {} bytes encoded, {} in memory", positions.len(), bytes.len(), page.weight());
    let mut group = criterion.benchmark_group("codec");
    group.bench_function("encode", |bench| bench.iter(|| black_box(&page).encode(cell)));
    group.bench_function("decode", |bench| bench.iter(|| Page::decode(cell, black_box(&bytes))));
    group.bench_function("trigonometry", |bench| {
        bench.iter(|| black_box(&positions).iter().map(|position| position.unit().x).sum::<f64>());
    });
    group.bench_function("crowded leaf", |bench| {
        bench.iter_batched(crowd, |rows| black_box(PlacesPage::new(rows)), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
