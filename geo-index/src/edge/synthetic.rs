//! Synthetic users and places, for tests and for plans of what an edge would hold.
//!
//! Nothing is random but the numbers that the caller draws, so the same numbers give the same users and places.

use std::f64::consts::TAU;

use crate::distance::destination;
use crate::point::Position;

/// People per square kilometre in the middle of a town, for how far it spreads: σ² = population / (2π · density).
const TOWN_DENSITY_PER_KM2: f64 = 2_000.0;

/// Mean distance of a generated place from its centre, in metres.
const SPREAD_M: f64 = 8_000.0;

/// A town or a part of one, which users live in or around.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PopulationCentre {
    /// Its middle.
    pub position: Position,
    /// How many people live there; a negative number counts as 0.
    pub population: f64,
}

/// Positions of users: a centre as likely as its population, and normally distributed around it with
/// σ = √(population / (2π · 2,000)) km. None without centres.
///
/// ```
/// use geo_index::Position;
/// use geo_index::edge::synthetic::{PopulationCentre, users};
///
/// let paris = PopulationCentre { position: Position::new(48.8566, 2.3522)?, population: 2_000_000.0 };
/// let mut state = 1_u32;
/// // Numbers from 0 to 1, of any generator.
/// let mut uniform = || {
///     state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
///     f64::from(state) / 2f64.powi(32)
/// };
/// assert_eq!(users(&[paris], 3, &mut uniform).len(), 3);
/// # Ok::<(), geo_index::PositionError>(())
/// ```
pub fn users(centres: &[PopulationCentre], count: usize, uniform: &mut impl FnMut() -> f64) -> Vec<Position> {
    let mut sum = 0.0;
    let sums: Vec<f64> = centres
        .iter()
        .map(|centre| {
            sum += centre.population.max(0.0);
            sum
        })
        .collect();
    let away: Vec<(f64, f64)> = (0..count).map(|_| (normal(uniform), normal(uniform))).collect();
    let user = |(north, east): (f64, f64)| {
        let at = uniform() * sum;
        let centre = centres.get(sums.partition_point(|s| *s < at).min(centres.len().checked_sub(1)?))?;
        let sigma_m = (centre.population.max(0.0) / (TAU * TOWN_DENSITY_PER_KM2)).sqrt() * 1_000.0;
        Some(destination(centre.position, sigma_m * north.hypot(east), north.atan2(east)))
    };
    away.into_iter().filter_map(user).collect()
}

/// Positions of places of a dense kind, restaurants say: around each centre in turn, at exponentially distributed distances,
/// 8 km in the mean. None without centres.
///
/// ```
/// use geo_index::Position;
/// use geo_index::edge::synthetic::places_around;
///
/// let paris = Position::new(48.8566, 2.3522)?;
/// let mut numbers = [0.1, 0.9, 0.5].into_iter().cycle();
/// assert_eq!(places_around(&[paris], 4, &mut || numbers.next().unwrap()).len(), 4);
/// # Ok::<(), geo_index::PositionError>(())
/// ```
pub fn places_around(centres: &[Position], count: usize, uniform: &mut impl FnMut() -> f64) -> Vec<Position> {
    let place = |centre: Position| {
        let away_m = -SPREAD_M * uniform().max(1e-9).ln();
        destination(centre, away_m, uniform() * TAU)
    };
    centres.iter().copied().cycle().take(if centres.is_empty() { 0 } else { count }).map(place).collect()
}

/// A normally distributed number (Box and Muller, 1958).
fn normal(uniform: &mut impl FnMut() -> f64) -> f64 {
    let (u, v) = (uniform(), uniform());
    (-2.0 * u.max(1e-12).ln()).sqrt() * (TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance;

    fn numbers() -> impl FnMut() -> f64 {
        let mut state = 7_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    fn centre(lat: f64, lon: f64, population: f64) -> PopulationCentre {
        PopulationCentre { position: Position::new(lat, lon).unwrap(), population }
    }

    #[test]
    fn users_are_where_the_population_is() {
        let centres = [centre(10.0, 20.0, 900_000.0), centre(-40.0, 179.99, 100_000.0)];
        let users: Vec<Position> = users(&centres, 10_000, &mut numbers());
        let (large, small): (Vec<Position>, Vec<Position>) = users.into_iter().partition(|at| at.lat() > 0.0);
        assert!((8_800..9_200).contains(&large.len()), "{}", large.len());
        // The mean square distance is 2σ².
        for (at, centre) in [(large, centres[0]), (small, centres[1])] {
            let squares = at.iter().map(|at| distance(centre.position, *at).get().powi(2));
            let sigma_m = (squares.sum::<f64>() / at.len() as f64 / 2.0).sqrt();
            let expected_m = (centre.population / (TAU * 2_000.0)).sqrt() * 1_000.0;
            assert!((sigma_m / expected_m - 1.0).abs() < 0.1, "{sigma_m} {expected_m}");
        }
    }

    #[test]
    fn places_are_around_their_centres() {
        let centres = [centre(40.0, -100.0, 0.0).position, centre(0.0, 0.0, 0.0).position];
        let places = places_around(&centres, 4_000, &mut numbers());
        let sum_m: f64 = places.iter().zip(centres.iter().cycle()).map(|(a, b)| distance(*a, *b).get()).sum();
        assert!((sum_m / 4_000.0 / SPREAD_M - 1.0).abs() < 0.1, "{}", sum_m / 4_000.0);
        assert!(places_around(&[], 10, &mut numbers()).is_empty());
        assert!(users(&[], 10, &mut numbers()).is_empty());
    }
}
