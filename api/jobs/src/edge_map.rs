//! Makes the density map of a collection: one pass over its places, in memory bounded by where they are.

use std::time::Duration;

use cellar_cache::clock::Clock;
use cellar_model::Collection;
use cellar_model::grouped;
use cellar_model::key::density_row_key;
use cellar_search::edge_map::{self, Made, Next, Progress, StoredMap};
use cellar_store::{Store, StoreError};
use comfy_table::{CellAlignment, Table, presets};
use geo_index::edge::{DensityMap, MapRules, PRECISIONS};
use serde::Serialize;
use serde_json::json;

/// What the job found.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Places counted.
    pub places: u64,
    /// Cells of geohash precision 7 that hold places.
    pub occupied: usize,
    /// Rows of the map.
    pub rows: usize,
    /// Parts of the map by their precision: the coarsest cells that have one precision.
    pub cells: Vec<CellsOf>,
    /// How long it took to read the places, in seconds.
    pub read_s: f64,
    /// How long it took to make the map of them, in seconds.
    pub map_s: f64,
    /// Whether the map is in the table.
    pub stored: bool,
}

/// How many parts of the map have a precision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CellsOf {
    /// The precision.
    pub precision: u8,
    /// Parts.
    pub cells: usize,
}

/// Reads a collection and makes its map; `progress` is told how many places have been read.
pub async fn make(
    store: &dyn Store,
    collection: &Collection,
    rules: MapRules,
    clock: &dyn Clock,
    mut progress: impl FnMut(u64),
) -> Result<(StoredMap, Summary), StoreError> {
    let on = |done: Progress| {
        progress(done.places);
        Next::After(Duration::ZERO)
    };
    let made = edge_map::make(store, collection, rules, clock, on).await?;
    let Made { stored, occupied, read, made } = made.expect("it is never told to stop");
    let summary = Summary::new(&stored.map, (stored.places, occupied), (read, made));
    Ok((stored, summary))
}

/// The map in the form that CloudFront's `KeyValueStore` imports.
///
/// ```
/// use cellar_jobs::edge_map::key_value_store;
/// use geo_index::edge::DensityMap;
///
/// let mut map = DensityMap::default();
/// map.set("u09".parse()?, 5);
/// assert_eq!(
///     key_value_store(&"wineries".parse()?, &map),
///     r#"{"data":[{"key":"wineries:u0","value":"00000000050000000000000000000000"}]}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn key_value_store(collection: &Collection, map: &DensityMap) -> String {
    let row = |(geohash, row): (String, &str)| json!({ "key": density_row_key(collection, &geohash), "value": row });
    json!({ "data": map.entries().map(row).collect::<Vec<_>>() }).to_string()
}

impl Summary {
    fn new(map: &DensityMap, (places, occupied): (u64, usize), (read, made): (Duration, Duration)) -> Self {
        let cells_of = |precision| {
            let cells = map.cells().filter(|&(_, its)| its == precision).count();
            CellsOf { precision, cells }
        };
        Self {
            places,
            occupied,
            rows: map.entries().count(),
            cells: PRECISIONS.map(cells_of).collect(),
            read_s: read.as_secs_f64(),
            map_s: made.as_secs_f64(),
            stored: false,
        }
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["precision", "parts of the map"]);
        for CellsOf { precision, cells } in &self.cells {
            table.add_row([precision.to_string(), grouped(*cells as u64)]);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let Self { places, rows, read_s, map_s, .. } = self;
        let stored = if self.stored { "stored" } else { "not stored" };
        let places = grouped(*places);
        format!(
            "{table}\n{places} places read in {read_s:.1} s; map of {rows} rows made in {map_s:.1} s, {stored}"
        )
    }
}
