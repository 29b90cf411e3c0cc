//! Who searches: strangers who come once, people of whom some search far more often than others, or commuters.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::TAU;

use cellar_model::edge_cache::Sessions;
use geo_index::edge::synthetic::{PopulationCentre, users};
use geo_index::{Position, destination};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::positions::Stream;

/// Standard deviation, in metres, of a search around home or work: some steps, and the error of a phone's position.
const AROUND_M: f64 = 20.0;

/// How far from home people work in the mean, in metres, in any direction; the distances are exponentially distributed.
/// Assumed.
const COMMUTE_M: f64 = 15_000.0;

/// Searches of a session: two in the mean, 10 s apart. Assumed, as in the load test's workloads.
const SESSIONS: Sessions = Sessions { searches: 2.0, think_s: 10.0 };

/// Most people of one crowd: a hundred bytes each.
pub const MAX_PEOPLE: u32 = 1_000_000;

/// Who searches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Crowd {
    /// Each search is another person's.
    #[default]
    Strangers,
    /// Of so many people, the k-th searches as often as 1/k^s says, each time from home.
    Zipf {
        /// How many.
        people: u32,
        /// The exponent (s).
        exponent: f64,
    },
    /// So many people, each as likely as the next, who search at home and at work, in sessions of a few searches.
    Commuters {
        /// How many.
        people: u32,
    },
}

/// Where people live.
#[derive(Clone, Copy, Debug)]
pub enum Homes<'a> {
    /// In and around population centres.
    Around(&'a [PopulationCentre]),
    /// Where places are.
    At(&'a [Position]),
}

impl Homes<'_> {
    fn draw(self, count: usize, rng: &mut ChaCha8Rng) -> Vec<Position> {
        match self {
            Self::Around(centres) => users(centres, count, &mut || rng.random()),
            Self::At([]) => Vec::new(),
            Self::At(places) => (0..count).map(|_| places[rng.random_range(0..places.len())]).collect(),
        }
    }
}

impl Crowd {
    /// Their searches, at an even pace.
    pub fn stream(self, homes: Homes<'_>, count: usize, per_second: f64, seed: u64) -> Stream {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        match self {
            Self::Strangers => Stream::paced(homes.draw(count, rng), per_second),
            Self::Zipf { people, exponent } => {
                let homes = homes.draw(people as usize, rng);
                let mut sum = 0.0;
                let sums: Vec<f64> = (1..=homes.len())
                    .map(|rank| {
                        sum += (rank as f64).powf(-exponent);
                        sum
                    })
                    .collect();
                let count = if homes.is_empty() { 0 } else { count };
                let search = |_| {
                    let at = rng.random::<f64>() * sum;
                    let person = sums.partition_point(|s| *s < at).min(homes.len() - 1);
                    around(homes[person], rng)
                };
                Stream::paced((0..count).map(search).collect::<Vec<_>>(), per_second)
            }
            Self::Commuters { people } => {
                let homes = homes.draw(people as usize, rng);
                let stream = Stream::paced(commuters(&homes, count, per_second, rng), per_second);
                Stream { sessions: Some(SESSIONS), ..stream }
            }
        }
    }
}

/// At each instant whoever is due searches again, else somebody begins a session at home or at work.
fn commuters(homes: &[Position], count: usize, per_second: f64, rng: &mut ChaCha8Rng) -> Vec<Position> {
    let work = |home: &Position| {
        let away_m = exponential(COMMUTE_M, rng);
        destination(*home, away_m, rng.random::<f64>() * TAU)
    };
    let work: Vec<Position> = homes.iter().map(work).collect();
    let count = if homes.is_empty() { 0 } else { count };
    // Nanoseconds until which the next search of a session waits, and where the person is.
    let mut due: BinaryHeap<Reverse<(u64, usize, bool)>> = BinaryHeap::new();
    let mut positions = Vec::with_capacity(count);
    for i in 0..count {
        let now_s = i as f64 / per_second;
        let again = due.peek().is_some_and(|Reverse((at_ns, ..))| *at_ns as f64 / 1e9 <= now_s);
        let (person, at_work) = match again.then(|| due.pop()).flatten() {
            Some(Reverse((_, person, at_work))) => (person, at_work),
            None => (rng.random_range(0..homes.len()), rng.random::<f64>() < 0.5),
        };
        positions.push(around(if at_work { work[person] } else { homes[person] }, rng));
        if rng.random::<f64>() < 1.0 - 1.0 / SESSIONS.searches {
            let at_s = now_s + exponential(SESSIONS.think_s, rng);
            due.push(Reverse(((at_s * 1e9) as u64, person, at_work)));
        }
    }
    positions
}

fn around(place: Position, rng: &mut ChaCha8Rng) -> Position {
    // The distance of two normally distributed coordinates is Rayleigh distributed.
    let away_m = AROUND_M * (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    destination(place, away_m, rng.random::<f64>() * TAU)
}

fn exponential(mean: f64, rng: &mut ChaCha8Rng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln() * mean
}

#[cfg(test)]
mod tests {
    use geo_index::distance;
    use rustc_hash::FxHashMap;

    use super::*;

    /// Homes a degree apart.
    fn homes() -> Vec<Position> {
        (0..50).map(|i| Position::new(f64::from(i), 10.0).unwrap()).collect()
    }

    #[test]
    fn a_few_people_search_most() {
        // So many homes, 10 km apart, that no two of four people live at one.
        let homes: Vec<Position> =
            (0..800).map(|i| Position::new(f64::from(i) * 0.1, 10.0).unwrap()).collect();
        let stream = Crowd::Zipf { people: 4, exponent: 1.0 }.stream(Homes::At(&homes), 25_000, 100.0, 7);
        assert_eq!((stream.requests.len(), stream.duration_s), (25_000, 250.0));
        let mut by_home: FxHashMap<i64, u32> = FxHashMap::default();
        for request in &stream.requests {
            *by_home.entry((request.position.lat() * 10.0).round() as i64).or_default() += 1;
        }
        let mut counts: Vec<u32> = by_home.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        // 1 : 1/2 : 1/3 : 1/4 of 25/12.
        assert_eq!(counts.len(), 4, "{counts:?}");
        for (count, expected) in counts.iter().zip([12_000, 6_000, 4_000, 3_000]) {
            assert!(count.abs_diff(expected) < 300, "{counts:?}");
        }
        assert_eq!(stream.sessions, None);
    }

    #[test]
    fn commuters_search_again_within_seconds_and_in_two_places() {
        let homes = homes();
        let crowd = Crowd::Commuters { people: 1_000 };
        let stream = crowd.stream(Homes::At(&homes), 20_000, 10.0, 1);
        let at_home = |position: &Position| {
            let home = Position::new(position.lat().round(), 10.0).unwrap();
            distance(*position, home).get() < 10.0 * AROUND_M
        };
        let share =
            stream.requests.iter().filter(|request| at_home(&request.position)).count() as f64 / 20_000.0;
        assert!((share - 0.5).abs() < 0.05, "{share}");
        // Half of all searches are followed by one of the same person, some steps away.
        let near = |i: usize| {
            let after = &stream.requests[i + 1..(i + 600).min(stream.requests.len())];
            after.iter().any(|later| distance(later.position, stream.requests[i].position).get() < 100.0)
        };
        let again = (0..19_000).filter(|&i| !at_home(&stream.requests[i].position)).collect::<Vec<_>>();
        let share = again.iter().filter(|&&i| near(i)).count() as f64 / again.len() as f64;
        // Somebody else's session at the same workplace is rare.
        assert!((0.45..0.65).contains(&share), "{share}");
        assert_eq!(stream.sessions, Some(SESSIONS));
    }

    #[test]
    fn nobody_lives_nowhere() {
        for crowd in
            [Crowd::Strangers, Crowd::Zipf { people: 5, exponent: 1.0 }, Crowd::Commuters { people: 5 }]
        {
            assert!(crowd.stream(Homes::At(&[]), 10, 1.0, 1).requests.is_empty());
            assert!(crowd.stream(Homes::Around(&[]), 10, 1.0, 1).requests.is_empty());
            let homes = homes();
            let stream = |seed| crowd.stream(Homes::At(&homes), 10, 1.0, seed).requests;
            assert!(stream(1) == stream(1) && stream(1) != stream(2));
        }
    }
}
