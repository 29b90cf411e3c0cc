//! Users as docs/EDGE.md draws them: people of the United States, as likely as the population of their town and normally
//! distributed around it.

use std::path::PathBuf;

use geo_index::Position;

/// People per square kilometre in the middle of a town: σ² = population / (2π · density).
const DENSITY_PER_KM2: f64 = 2_000.0;
const METRES_PER_DEGREE: f64 = 111_195.0;

/// A file of the test data, whether it is there or not.
pub(crate) fn data(name: &str) -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("CELLAR_TEST_DATA").map_or(beside, PathBuf::from).join(name)
}

/// So many users. Where the towns are not known, users are at places.
pub(crate) fn draw(count: usize, places: &[Position]) -> Vec<Position> {
    let towns = towns().unwrap_or_else(|| {
        println!("cities.csv is not there: users are where the places are");
        places.iter().map(|&place| (place, 50_000.0)).collect()
    });
    let mut random = fastrand::Rng::with_seed(1);
    let mut sum = 0.0;
    let sums: Vec<f64> = towns.iter().map(|(_, population)| (sum += population, sum).1).collect();
    let mut user = || {
        let at = random.f64() * sum;
        let (town, population) = towns[sums.partition_point(|end| *end < at).min(sums.len() - 1)];
        let sigma_m = (population / (std::f64::consts::TAU * DENSITY_PER_KM2)).sqrt() * 1_000.0;
        // Box and Muller, 1958.
        let (far, angle) = ((-2.0 * (1.0 - random.f64()).ln()).sqrt(), random.f64() * std::f64::consts::TAU);
        let north = sigma_m * far * angle.cos() / METRES_PER_DEGREE;
        let east = sigma_m * far * angle.sin() / METRES_PER_DEGREE / town.lat().to_radians().cos();
        Position::new(town.lat() + north, town.lon() + east).ok()
    };
    (0..count).filter_map(|_| user()).collect()
}

/// Towns of the United States and how many people live there.
fn towns() -> Option<Vec<(Position, f64)>> {
    let mut reader = csv::Reader::from_path(data("cities.csv")).ok()?;
    let headers = reader.headers().ok()?.clone();
    let column = |name| headers.iter().position(|header| header == name);
    let (lat, lon) = (column("lat")?, column("lon")?);
    let (population, country) = (column("population")?, column("country")?);
    let town = |row: csv::StringRecord| {
        let position = Position::new(row[lat].parse().ok()?, row[lon].parse().ok()?).ok()?;
        (&row[country] == "US").then_some((position, row[population].parse().ok()?))
    };
    Some(reader.records().filter_map(|row| town(row.ok()?)).collect())
}
