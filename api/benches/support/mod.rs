//! Real places behind a store, and where their users are.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use cellar_jobs::import::{Import, Input, Silent, import};
use cellar_model::Collection;
use cellar_model::demo;
use cellar_store::{DynamoStore, Embedded, StoreConfig};
use geo_index::Position;
use tempfile::TempDir;

/// Places of the demo data, where the real ones are absent.
const GENERATED: usize = 150_000;
/// Users are this far from a town at most, in degrees of latitude and of longitude: some 3 km.
const SPREAD_DEG: f64 = 0.03;

/// The places of cities.csv, or generated ones.
pub(crate) struct Places {
    csv: PathBuf,
    towns: Vec<(Position, f64)>,
    _folder: Option<TempDir>,
}

pub(crate) fn collection() -> Collection {
    "cities".parse().expect("a valid name")
}

impl Places {
    /// `$CELLAR_TEST_DATA/cities.csv`, or the demo data.
    pub(crate) fn read() -> Self {
        let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
        let csv = std::env::var_os("CELLAR_TEST_DATA").map_or(beside, PathBuf::from).join("cities.csv");
        let (csv, folder) = if csv.is_file() { (csv, None) } else { generated() };
        let towns = towns(&csv);
        Self { csv, towns, _folder: folder }
    }

    pub(crate) const fn len(&self) -> usize {
        self.towns.len()
    }

    /// Where the places are.
    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        self.towns.iter().map(|(position, _)| *position)
    }

    /// Where users are: towns drawn by population, and some way off in any direction.
    pub(crate) fn users(&self, count: usize, seed: u64) -> Vec<Position> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut sum = 0.0;
        let sums: Vec<f64> = self.towns.iter().map(|(_, weight)| (sum += weight, sum).1).collect();
        let mut user = || {
            let at = random.f64() * sum;
            let (town, _) = self.towns[sums.partition_point(|end| *end < at).min(sums.len() - 1)];
            let mut off = || SPREAD_DEG * (2.0 * random.f64() - 1.0);
            Position::new(town.lat() + off(), town.lon() + off()).ok()
        };
        (0..count).filter_map(|_| user()).collect()
    }

    /// The places in an embedded engine in memory.
    pub(crate) async fn store(&self) -> (Embedded, Arc<DynamoStore>) {
        let engine = Embedded::memory().await.expect("an engine in memory");
        let store = engine.store(&StoreConfig::default()).await.expect("its table");
        let job = Import::new(collection(), Input::File(self.csv.clone()));
        let summary = import(job, &store, &Silent).await.expect("an import");
        assert_eq!(summary.rejected, 0);
        (engine, Arc::new(store))
    }
}

fn generated() -> (PathBuf, Option<TempDir>) {
    eprintln!("cities.csv is not there: the demo data stands in for it");
    let mut text = "id,lat,lon,category\n".to_owned();
    for place in demo::places(GENERATED, 1) {
        let (lat, lon) = (place.position.lat(), place.position.lon());
        let category = place.properties.category().unwrap_or_default();
        writeln!(text, "{},{lat},{lon},{category}", place.id).expect("writing to a string");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = folder.path().join("cities.csv");
    std::fs::write(&csv, text).expect("a temporary file");
    (csv, Some(folder))
}

/// Where each place is, and how many people live there.
fn towns(csv: &PathBuf) -> Vec<(Position, f64)> {
    let mut reader = csv::Reader::from_path(csv).expect("a readable CSV");
    let headers = reader.headers().expect("a header").clone();
    let column = |name| headers.iter().position(|header| header == name);
    let (lat, lon) = (column("lat").expect("a latitude"), column("lon").expect("a longitude"));
    let population = column("population");
    let town = |row: csv::StringRecord| {
        let weight = population.and_then(|index| row[index].parse().ok()).unwrap_or(1.0);
        Some((Position::new(row[lat].parse().ok()?, row[lon].parse().ok()?).ok()?, weight))
    };
    reader.records().filter_map(|row| town(row.ok()?)).collect()
}

/// The middle of some figures, and their range.
pub(crate) fn middle(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}
