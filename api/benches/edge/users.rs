//! Users as docs/EDGE.md draws them: people of the United States, as likely as the population of their town and normally
//! distributed around it.

use std::path::PathBuf;

use geo_index::Position;
use geo_index::edge::synthetic::{self, PopulationCentre};

/// A file of the test data, whether it is there or not.
pub(crate) fn data(name: &str) -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("CELLAR_TEST_DATA").map_or(beside, PathBuf::from).join(name)
}

/// So many users. Where the towns are not known, users are at places.
pub(crate) fn draw(count: usize, places: &[Position]) -> Vec<Position> {
    let towns = towns().unwrap_or_else(|| {
        println!("cities.csv is not there: users are where the places are");
        places.iter().map(|&position| PopulationCentre { position, population: 50_000.0 }).collect()
    });
    let mut random = fastrand::Rng::with_seed(1);
    synthetic::users(&towns, count, &mut || random.f64())
}

/// Towns of the United States and how many people live there.
fn towns() -> Option<Vec<PopulationCentre>> {
    let mut reader = csv::Reader::from_path(data("cities.csv")).ok()?;
    let headers = reader.headers().ok()?.clone();
    let column = |name| headers.iter().position(|header| header == name);
    let (lat, lon) = (column("lat")?, column("lon")?);
    let (population, country) = (column("population")?, column("country")?);
    let town = |row: csv::StringRecord| {
        let position = Position::new(row[lat].parse().ok()?, row[lon].parse().ok()?).ok()?;
        let population = row[population].parse().ok()?;
        (&row[country] == "US").then_some(PopulationCentre { position, population })
    };
    Some(reader.records().filter_map(|row| town(row.ok()?)).collect())
}
