//! Where users live: metropolitan areas with neighbourhoods, or positions from a file.

use std::f64::consts::TAU;

use cellar_model::demo::metros;
use geo_index::edge::synthetic::{self, PopulationCentre};
use geo_index::{Position, destination};
use rand::RngExt;

use super::chance::{Purpose, cumulative, exponential, numbers, pick};
use super::positions::Points;

/// People per neighbourhood: the mean of the ZIP code tabulation areas of the United States, 331 million people in 33,000 areas
/// (Census 2020).
const NEIGHBOURS: f64 = 10_000.0;

/// The largest Zipf exponent: at 4 the first neighbourhood has 92 % of its area's users.
pub const MAX_ZIPF: f64 = 4.0;

/// An area or a point where users live.
#[derive(Clone, Debug)]
struct Area {
    centre: Position,
    /// Neighbourhoods, and the scale of their density's fall-off; `None` where users live exactly on the point.
    spread: Option<Spread>,
}

#[derive(Clone, Copy, Debug)]
struct Spread {
    neighbourhoods: usize,
    scale_m: f64,
}

/// Where a user lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Home {
    /// Index of the area, in the order of the table or the file.
    pub area: usize,
    /// Rank of the neighbourhood in its area; 0 has the most users.
    pub neighbourhood: usize,
    /// The home.
    pub position: Position,
}

/// All areas, and how many people live in each.
///
/// Users choose an area in proportion to its population. Its neighbourhoods lie around the centre with a density that falls off
/// exponentially (C. Clark, "Urban Population Densities", Journal of the Royal Statistical Society A 114, 1951). The k-th
/// neighbourhood has users in proportion to 1 / kˢ (Zipf), whatever its distance, so the skew does not change the fall-off. Users
/// live normally distributed around the middle of their neighbourhood.
#[derive(Clone, Debug)]
pub struct Areas {
    all: Vec<Area>,
    sums: Vec<f64>,
    /// Running sums of 1 / kˢ, for the area with the most neighbourhoods.
    ranks: Vec<f64>,
    seed: u64,
}

impl Areas {
    /// The built-in metropolitan areas (GeoNames, CC BY 4.0; [`metros`]).
    pub fn metropolitan(zipf: f64, seed: u64) -> Self {
        let metros = metros();
        let sums = cumulative(metros.iter().map(|metro| metro.population as f64));
        let area = |metro: cellar_model::demo::Metro| {
            let population = metro.population as f64;
            let neighbourhoods = (population / NEIGHBOURS).ceil().max(1.0) as usize;
            Area { centre: metro.centre, spread: Some(Spread { neighbourhoods, scale_m: metro.scale_m() }) }
        };
        Self::new(metros.into_iter().map(area).collect(), sums, zipf, seed)
    }

    /// Positions of a file, each chosen in proportion to its weight: users live exactly there.
    pub fn points(points: &Points, seed: u64) -> Self {
        let sums = cumulative(points.found.iter().map(|(_, weight)| *weight));
        let areas = points.found.iter().map(|(centre, _)| Area { centre: *centre, spread: None });
        Self::new(areas.collect(), sums, 0.0, seed)
    }

    fn new(areas: Vec<Area>, sums: Vec<f64>, zipf: f64, seed: u64) -> Self {
        let most = areas.iter().filter_map(|area| area.spread.map(|spread| spread.neighbourhoods)).max();
        let ranks = cumulative((1..=most.unwrap_or(0)).map(|rank| (rank as f64).powf(-zipf)));
        Self { all: areas, sums, ranks, seed }
    }

    /// Whether there is no place to live.
    pub fn is_empty(&self) -> bool {
        self.sums.last().is_none_or(|sum| *sum <= 0.0)
    }

    /// Where a user lives, which is always the same.
    pub fn home(&self, user: u64) -> Home {
        let mut rng = numbers(self.seed, Purpose::Home, user);
        let number = pick(&self.sums, rng.random());
        let area = &self.all[number];
        let Some(spread) = area.spread else {
            return Home { area: number, neighbourhood: 0, position: area.centre };
        };
        let neighbourhood = pick(&self.ranks[..spread.neighbourhoods], rng.random());
        let position = self.neighbourhood(number, spread, neighbourhood);
        let middle = [PopulationCentre { position, population: NEIGHBOURS }];
        let position = synthetic::users(&middle, 1, &mut || rng.random())[0];
        Home { area: number, neighbourhood, position }
    }

    /// The middle of a neighbourhood. With an exponential density over the plane, distances are Gamma(2) distributed.
    fn neighbourhood(&self, area: usize, spread: Spread, rank: usize) -> Position {
        let mut rng = numbers(self.seed, Purpose::Neighbourhood, ((area as u64) << 24) | rank as u64);
        let away_m = spread.scale_m * (exponential(&mut rng) + exponential(&mut rng));
        destination(self.all[area].centre, away_m, rng.random::<f64>() * TAU)
    }
}
