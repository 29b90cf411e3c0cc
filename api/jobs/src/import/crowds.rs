//! Points that many places of an input share: worth a warning, for it is mostly a fault of the data (the middle of a
//! country in place of an address), and searches near such a point read more.
//!
//! Invariant: the memory is bounded whatever the input. Counting is lossy (G. S. Manku and R. Motwani, "Approximate
//! Frequency Counts over Data Streams", VLDB 2002): a count is too low by one in [`WINDOW`] of the places, at most.

use cellar_model::place::Place;
use cellar_model::{Collection, grouped};
use geo_index::Position;
use rustc_hash::FxHashMap;
use serde::Serialize;

/// Places on one point from which on it is a crowd.
const CROWD: u64 = 10_000;

/// Places after which points that did not keep up are forgotten.
const WINDOW: u64 = 100_000;

/// Points that are named.
const NAMED: usize = 5;

/// Counts places by point.
#[derive(Default)]
pub(super) struct Crowds {
    counts: FxHashMap<(u64, u64), Count>,
    seen: u64,
}

struct Count {
    places: u64,
    /// Places that may have been forgotten before.
    forgotten: u64,
    collection: Collection,
    position: Position,
}

impl Crowds {
    /// Counts a place.
    pub(super) fn add(&mut self, collection: &Collection, place: &Place) {
        let position = place.position;
        let forgotten = self.seen / WINDOW;
        let key = (position.lat().to_bits(), position.lon().to_bits());
        let count = self.counts.entry(key).or_insert_with(|| Count {
            places: 0,
            forgotten,
            collection: collection.clone(),
            position,
        });
        count.places += 1;
        self.seen += 1;
        if self.seen.is_multiple_of(WINDOW) {
            let windows = self.seen / WINDOW;
            self.counts.retain(|_, count| count.places + count.forgotten > windows);
        }
    }

    /// The most crowded points.
    pub(super) fn found(&self) -> Crowded {
        let mut crowds: Vec<&Count> = self.counts.values().filter(|count| count.places >= CROWD).collect();
        crowds.sort_by(|a, b| b.places.cmp(&a.places).then(a.position.lat().total_cmp(&b.position.lat())));
        let points: Vec<CrowdedPoint> = crowds.iter().take(NAMED).map(|count| count.point()).collect();
        Crowded { more: (crowds.len() - points.len()) as u64, points }
    }
}

impl Count {
    fn point(&self) -> CrowdedPoint {
        CrowdedPoint {
            collection: self.collection.to_string(),
            lat: self.position.lat(),
            lon: self.position.lon(),
            places: self.places,
            at_least: self.forgotten > 0,
        }
    }
}

/// Points that very many places share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Crowded {
    /// The most crowded ones.
    pub points: Vec<CrowdedPoint>,
    /// How many there are besides.
    pub more: u64,
}

/// A point that very many places share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrowdedPoint {
    /// Of which collection.
    pub collection: String,
    /// Latitude, in degrees.
    pub lat: f64,
    /// Longitude, in degrees.
    pub lon: f64,
    /// How many places.
    pub places: u64,
    /// Whether there may be more.
    pub at_least: bool,
}

impl Crowded {
    /// A line for each point that is named.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.points.iter().map(CrowdedPoint::warning).collect();
        if self.more > 0 {
            lines.push(format!("warning: so do {} more points", self.more));
        }
        lines
    }
}

impl CrowdedPoint {
    fn warning(&self) -> String {
        let at_least = if self.at_least { "at least " } else { "" };
        format!(
            "warning: {at_least}{} places of {} lie on one point, latitude {}, longitude {}; searches near it read more",
            grouped(self.places),
            self.collection,
            self.lat,
            self.lon,
        )
    }
}

#[cfg(test)]
mod tests {
    use cellar_model::place::Properties;

    use super::*;

    fn place(lat: f64, lon: f64) -> Place {
        let properties = Properties::from_stored("{}".to_owned()).unwrap();
        Place { id: "a".parse().unwrap(), position: Position::new(lat, lon).unwrap(), properties }
    }

    #[test]
    fn crowded_points_are_named_with_their_count() {
        let (mut crowds, cities) = (Crowds::default(), "cities".parse().unwrap());
        for i in 0..20_000 {
            crowds.add(&cities, &place(48.5, 2.25));
            crowds.add(&cities, &place(f64::from(i) / 1_000.0, 7.0));
        }
        assert_eq!(
            crowds.found().warnings(),
            [
                "warning: 20,000 places of cities lie on one point, latitude 48.5, longitude 2.25; searches near it \
              read more"
            ]
        );
        let (mut few, place) = (Crowds::default(), place(1.0, 2.0));
        (1..CROWD).for_each(|_| few.add(&cities, &place));
        assert!(few.found().warnings().is_empty());
    }

    #[test]
    fn what_is_rare_is_forgotten_and_a_crowd_is_not() {
        let (mut crowds, cities) = (Crowds::default(), "cities".parse().unwrap());
        for i in 0..1_000_000_u32 {
            let position = if i % 10 == 9 { place(0.5, 0.5) } else { place(f64::from(i) / 1e5, 20.0) };
            crowds.add(&cities, &position);
        }
        assert!(crowds.counts.len() < 150_000, "{} points are remembered", crowds.counts.len());
        assert_eq!(crowds.found().warnings().len(), 1);
        assert!(crowds.found().warnings()[0].contains("100,000 places"), "{:?}", crowds.found().warnings());
    }
}
