//! `plans.json`: which cells a client asks for, and what it makes of their answers.

use std::num::NonZeroUsize;

use geo_index::edge::{
    ANSWER_MAX, CacheCell, CellAnswer, CellPlace, Planner, PlannerMemory, Step, Wanted, certified_radius,
};
use geo_index::{Meters, Position, distance};
use rand::{Rng, RngExt};
use serde_json::{Value, json};

use crate::{assert_checked_in, rng};

const MEANING: &str = "`worlds` are all places that there are: world, id, latitude, longitude. A server answers a cell with the \
    places nearest to its centre and a certificate, as docs/EDGE.md says. A client that remembers nothing, with a \
    `hint` of a density map or none, wants at most `limit` places within `radius_m` of a position: it asks for the cells \
    `asks`, then has the `hits` (id, distance in metres), or has to ask the exact endpoint (`exact`). When the same is \
    wanted again, it asks for `again`.";

/// Ids whose order is another in UTF-8, which counts, than in UTF-16.
const ODD_IDS: [&str; 4] = ["\u{1d54f}", "\u{fb03}", "é", "Z"];

struct World {
    name: &'static str,
    middle: (f64, f64),
    /// Users are so far from the middle at most, in degrees.
    spread: f64,
    places: Vec<(String, Position)>,
}

/// To a few decimals, so that the file is short.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn at(lat: f64, lon: f64) -> Position {
    let lon = if lon > 180.0 { lon - 360.0 } else { lon };
    Position::new(lat.clamp(-90.0, 90.0), lon).unwrap()
}

/// A position up to so many degrees away, most of them near. Products only, which are the same everywhere.
fn near(middle: (f64, f64), degrees: f64, rng: &mut impl Rng) -> (f64, f64) {
    let mut away = || {
        let part = rng.random_range(-1.0..=1.0_f64);
        part * part * part * degrees
    };
    (round(middle.0 + away()), round(middle.1 + away()))
}

fn id(index: usize) -> String {
    // Ids in another order than distances.
    ODD_IDS.get(index).map_or_else(|| format!("p{}", (index * 7_919) % 10_007), |&odd| odd.to_owned())
}

fn world(
    name: &'static str,
    middle: (f64, f64),
    spread: f64,
    count: usize,
    mut place: impl FnMut(usize) -> (f64, f64),
) -> World {
    let places = (0..count).map(|index| (id(index), place(index))).map(|(id, (lat, lon))| (id, at(lat, lon)));
    World { name, middle, spread, places: places.collect() }
}

fn worlds() -> Vec<World> {
    let mut rng = rng(2);
    let scattered = |name, middle, count| {
        let mut rng = super::rng(count as u64);
        world(name, middle, 0.8, count, |_| near(middle, 2.5, &mut rng))
    };
    let berlin = (52.52, 13.405);
    vec![
        scattered("town", (48.8566, 2.3522), 400),
        scattered("pole", (90.0, 0.0), 250),
        scattered("antimeridian", (-17.7, 180.0), 251),
        scattered("empty", (-33.87, 151.21), 0),
        world("quarter", (40.73, -73.99), 0.05, 500, |_| near((40.73, -73.99), 0.05, &mut rng)),
        world("crowd", berlin, 0.02, 230, |index| {
            if index < 200 { berlin } else { near(berlin, 0.5, &mut super::rng(index as u64)) }
        }),
        // Users stand on it, so that distances tie.
        world("lattice", (0.0, 0.0), 0.0, 225, |index| {
            (round((index % 15) as f64 * 0.01 - 0.07), round((index / 15) as f64 * 0.01 - 0.07))
        }),
    ]
}

impl World {
    /// The places nearest to a position, as a search finds them.
    fn nearest(&self, from: Position, radius: Meters, limit: usize) -> Vec<(&str, Position, f64)> {
        let mut all: Vec<_> = self
            .places
            .iter()
            .map(|(id, position)| (id.as_str(), *position, distance(from, *position).get()))
            .filter(|&(_, _, metres)| metres <= radius.get())
            .collect();
        all.sort_by(|a, b| a.2.total_cmp(&b.2).then_with(|| a.0.cmp(b.0)));
        all.truncate(limit);
        all
    }

    fn answer(&self, cell: CacheCell) -> CellAnswer<()> {
        let mut found = self.nearest(cell.centre(), cell.horizon(), ANSWER_MAX.get() + 1);
        let cut = found.len() > ANSWER_MAX.get();
        found.truncate(ANSWER_MAX.get());
        let last = found.last().and_then(|&(_, _, metres)| Meters::new(metres));
        let place =
            |(id, position, _): (&str, Position, f64)| CellPlace { id: id.to_owned(), position, payload: () };
        CellAnswer {
            cell,
            certified_radius: certified_radius(cell, last, cut),
            places: found.into_iter().map(place).collect(),
        }
    }

    /// The cells asked for, and the results unless the exact endpoint has to be asked.
    fn follow(
        &self,
        wanted: Wanted,
        hint: Option<u8>,
        memory: &PlannerMemory,
    ) -> (Vec<String>, Option<Vec<Value>>) {
        let (mut planner, mut cell) = Planner::new(wanted, &self.name, hint, memory);
        let mut asked = vec![cell.to_string()];
        loop {
            match planner.answered(&self.answer(cell)) {
                Step::Ask(next) => cell = next,
                Step::Done(hits) => {
                    let hits = hits.iter().map(|hit| json!([hit.place.id, hit.distance.get()]));
                    return (asked, Some(hits.collect()));
                }
                Step::AskExact => return (asked, None),
            }
            asked.push(cell.to_string());
        }
    }

    fn case(&self, rng: &mut impl Rng) -> Value {
        let (lat, lon) = near(self.middle, self.spread, rng);
        let position = at(lat, lon);
        let radius_m = match rng.random_range(0..4) {
            // Exactly as far as some place is.
            0 if !self.places.is_empty() => {
                distance(position, self.places[rng.random_range(0..self.places.len())].1).get()
            }
            1 => f64::from(rng.random_range(1..200)) * 1_000.0,
            _ => f64::from(rng.random_range(1..150)) * 100.0,
        };
        let radius = Meters::new(radius_m).filter(|&radius| radius > Meters::ZERO);
        let radius = radius.unwrap_or(Meters::new(1.0).unwrap());
        let limit = [1, 5, 20, rng.random_range(1..=100)][rng.random_range(0..4)];
        let hint = [None, Some(rng.random_range(2..=8))][rng.random_range(0..2)];
        let wanted = Wanted { position, radius, limit: NonZeroUsize::new(limit).unwrap() };
        let memory = PlannerMemory::default();
        let (asks, hits) = self.follow(wanted, hint, &memory);
        let (again, _) = self.follow(wanted, hint, &memory);
        if let Some(hits) = &hits {
            let truth = self.nearest(position, radius, limit);
            let truth: Vec<Value> = truth.iter().map(|&(id, _, metres)| json!([id, metres])).collect();
            assert_eq!(*hits, truth, "{wanted:?}");
        }
        let exact = hits.is_none();
        let (lat, lon) = (position.lat(), position.lon());
        // In order of their names: another crate may make serde_json keep the order.
        json!({
            "again": again, "asks": asks, "exact": exact, "hint": hint, "hits": hits.unwrap_or_default(),
            "lat": lat, "limit": limit, "lon": lon, "radius_m": radius.get(), "world": self.name,
        })
    }
}

#[test]
fn plans_are_what_is_checked_in() {
    let worlds = worlds();
    let mut rng = rng(3);
    let cases: Vec<Value> = worlds
        .iter()
        .flat_map(|world| std::iter::repeat_n(world, 40))
        .map(|world| world.case(&mut rng))
        .collect();
    let count = |holds: fn(&Value) -> bool| cases.iter().filter(|&case| holds(case)).count();
    assert!(count(|case| case["exact"] == true) > cases.len() / 10);
    assert!(count(|case| case["asks"].as_array().is_some_and(|asks| asks.len() > 1)) > cases.len() / 10);
    assert!(count(|case| case["hits"].as_array().is_some_and(|hits| hits.len() > 1)) > cases.len() / 3);
    let places = worlds.iter().flat_map(|world| {
        let place =
            |(id, position): &(String, Position)| json!([world.name, id, position.lat(), position.lon()]);
        world.places.iter().map(place).collect::<Vec<_>>()
    });
    assert_checked_in("plans.json", MEANING, &[("worlds", places.collect()), ("cases", cases)]);
}
