//! Where users go: mostly back to places they have visited, now and then somewhere new.

use geo_index::{Position, destination};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

use super::chance::{cumulative, pick};

/// Probability ρ·S^−γ of somewhere new after S places: C. Song, T. Koren, P. Wang, A.-L. Barabási, "Modelling the scaling
/// properties of human mobility", Nature Physics 6, 2010: ρ = 0.6, γ = 0.21.
const RHO: f64 = 0.6;
const GAMMA: f64 = 0.21;

/// Jumps are distributed as (Δr + Δr₀)^−β · exp(−Δr / κ): M. González, C. Hidalgo, A.-L. Barabási, "Understanding
/// individual human mobility patterns", Nature 453, 2008: β = 1.75, Δr₀ = 1.5 km, κ = 400 km (their data set D₁).
const BETA: f64 = 1.75;
const JUMP_OFFSET_M: f64 = 1_500.0;
const JUMP_CUTOFF_M: f64 = 400_000.0;

/// Most places remembered per user; the least visited one is replaced. It takes about a hundred moves to visit more.
pub(super) const MAX_PLACES: usize = 32;

/// The places that a user has visited, and how often.
#[derive(Clone, Debug)]
pub(super) struct Traveller {
    places: Vec<(Position, u32)>,
    here: usize,
}

impl Traveller {
    pub(super) fn at(home: Position) -> Self {
        Self { places: vec![(home, 1)], here: 0 }
    }

    pub(super) fn here(&self) -> Position {
        self.places[self.here].0
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> &[(Position, u32)] {
        &self.places
    }

    /// Moves to the next place.
    pub(super) fn go(&mut self, rng: &mut ChaCha8Rng) -> Position {
        let explores = RHO * (self.places.len() as f64).powf(-GAMMA);
        if rng.random::<f64>() < explores {
            let to = destination(self.here(), jump_m(rng), rng.random::<f64>() * TAU);
            self.arrive(to);
        } else {
            let visits = cumulative(self.places.iter().map(|(_, visits)| f64::from(*visits)));
            self.here = pick(&visits, rng.random());
            self.places[self.here].1 += 1;
        }
        self.here()
    }

    fn arrive(&mut self, place: Position) {
        if self.places.len() < MAX_PLACES {
            self.here = self.places.len();
            self.places.push((place, 1));
            return;
        }
        // The first place is the home.
        let others = self.places.iter().enumerate().skip(1);
        self.here = others.min_by_key(|(_, (_, visits))| *visits).map_or(0, |(index, _)| index);
        self.places[self.here] = (place, 1);
    }
}

/// The length of a jump, in metres: a shifted Pareto distance, kept with probability exp(−Δr / κ).
pub(super) fn jump_m(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let u = 1.0 - rng.random::<f64>();
        let away_m = JUMP_OFFSET_M * (u.powf(-1.0 / (BETA - 1.0)) - 1.0);
        if rng.random::<f64>() < (-away_m / JUMP_CUTOFF_M).exp() {
            return away_m;
        }
    }
}
