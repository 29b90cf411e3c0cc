//! Places that change while users search, and what the edge is told to forget: by the product's own queue of purges.

use std::time::{Duration, Instant};

use cellar_model::Collection;
use cellar_model::key::edge_tag;
use cellar_model::place::Place;
use cellar_purge::queue::Queue;
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{H3Cell, Leaf, Position};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

/// The name of the collection: nobody sees it but the queue.
const COLLECTION: &str = "places";

/// When changes reach the edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Purging {
    /// How long changes are collected for one purge, in seconds (`CELLAR_EDGE_PURGE_WINDOW_MS`).
    pub window_s: f64,
    /// How long the table's index may lag behind a write, in seconds (`CELLAR_SETTLE_MS`).
    pub settle_s: f64,
}

/// What a purge waits for beyond the index: other processes hear of the change, and answers are on their way.
const ON_THEIR_WAY_S: f64 = 0.5;

impl Default for Purging {
    /// `CloudFront` and `DynamoDB`.
    fn default() -> Self {
        Self { window_s: 10.0, settle_s: 2.0 }
    }
}

/// A place that changes, where it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Write {
    pub(super) at_s: f64,
    pub(super) position: Position,
    pub(super) leaf: Leaf,
    /// Number of its root.
    pub(super) root: u32,
}

/// What the edge forgets at an instant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forgotten {
    pub(super) at_s: f64,
    /// Numbers of roots; `None` for the whole collection.
    pub(super) roots: Option<Vec<u32>>,
    /// What `CloudFront` bills.
    pub(super) paths: u64,
}

/// The writes of a stream and the purges that follow from them, each in order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) writes: Vec<Write>,
    pub(super) purges: Vec<Forgotten>,
}

/// Numbers of the roots that are written to, in one case or another.
pub(super) type Roots = FxHashMap<H3Cell, u32>;

/// Places drawn at random, each as likely as the next, at an even pace.
pub(super) fn draw(places: &[Place], per_second: f64, duration_s: f64, seed: u64) -> Vec<(f64, Position)> {
    let count = if places.is_empty() { 0 } else { (per_second * duration_s).floor() as usize };
    // Other numbers than those of the users.
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1);
    let mut position = || places[rng.random_range(0..places.len())].position;
    (0..count).map(|i| ((i as f64 + 0.5) / per_second, position())).collect()
}

impl Changes {
    /// These writes, in order of time.
    pub(super) fn of(writes: &[(f64, Position)], purging: Purging, roots: &mut Roots) -> Self {
        let mut changes = Self::default();
        for &(at_s, position) in writes {
            let leaf = Leaf::at(position);
            let Some(root) = leaf.ancestor(ROOT_RESOLUTION) else { continue };
            let new = roots.len() as u32;
            let root = *roots.entry(root).or_insert(new);
            changes.writes.push(Write { at_s, position, leaf, root });
        }
        changes.purge(purging, roots);
        changes
    }

    fn purge(&mut self, purging: Purging, roots: &Roots) {
        let Ok(collection) = COLLECTION.parse::<Collection>() else { return };
        let seconds = |time_s: f64| Duration::try_from_secs_f64(time_s).unwrap_or(Duration::MAX);
        let mut queue = Queue::new(seconds(purging.window_s), seconds(purging.settle_s + ON_THEIR_WAY_S));
        // The queue takes instants; only what lies between them counts.
        let start = Instant::now();
        let tags: FxHashMap<String, u32> =
            roots.iter().map(|(&root, &number)| (edge_tag(&collection, root), number)).collect();
        let by_number: FxHashMap<u32, &String> = tags.iter().map(|(tag, &number)| (number, tag)).collect();
        let mut purges = Vec::new();
        let mut take = |queue: &mut Queue, until: Option<Instant>| {
            while let Some(due) = queue.due().filter(|due| until.is_none_or(|until| *due <= until)) {
                let Some(purge) = queue.take(due) else { return };
                let whole = purge.all || !purge.collections.is_empty();
                let mut roots: Vec<u32> =
                    purge.tags.iter().filter_map(|tag| tags.get(tag).copied()).collect();
                roots.sort_unstable();
                purges.push(Forgotten {
                    at_s: (due - start).as_secs_f64(),
                    roots: (!whole).then_some(roots),
                    paths: purge.paths(),
                });
            }
        };
        for write in &self.writes {
            let now = start + seconds(write.at_s);
            take(&mut queue, Some(now));
            if let Some(tag) = by_number.get(&write.root) {
                queue.add(tag, now);
            }
        }
        take(&mut queue, None);
        self.purges = purges;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cellar_changes::{Change, edge_tags};
    use cellar_model::canonical::CellUrl;
    use cellar_search::cells::body::CellBody;
    use cellar_search::cells::representation::tags;
    use geo_index::Grid;
    use geo_index::edge::{ANSWER_MAX, CacheCell};
    use proptest::prelude::*;

    use super::super::Plan;
    use super::super::answers::Book;
    use super::super::index::{Index, Length};
    use super::super::scheme::Key;
    use super::*;

    fn at(lat: f64, lon: f64) -> Position {
        Position::new(lat, lon).unwrap()
    }

    #[test]
    fn changes_are_purged_together_once_they_have_settled() {
        let (paris, tokyo) = (at(48.8566, 2.3522), at(35.6762, 139.6503));
        let writes = [(0.0, paris), (4.0, tokyo), (5.0, paris), (11.0, paris), (100.0, tokyo)];
        let changes = Changes::of(&writes, Purging::default(), &mut Roots::default());
        assert_eq!(changes.writes.iter().map(|write| write.root).collect::<Vec<_>>(), [0, 1, 0, 0, 1]);
        let purge =
            |at_s, roots: &[u32]| Forgotten { at_s, roots: Some(roots.to_vec()), paths: roots.len() as u64 };
        // At 12.5 s the change of 11 s has not settled, so Paris is purged once more: 12.5 s after that change.
        assert_eq!(changes.purges, [purge(12.5, &[0, 1]), purge(23.5, &[0]), purge(112.5, &[1])]);
    }

    #[test]
    fn many_roots_are_the_whole_collection() {
        // A degree apart, so each in a root of its own: more than a hundred in one window.
        let write = |i: i32| (f64::from(i) * 0.01, at(f64::from(i) - 60.0, f64::from(i)));
        let writes: Vec<_> = (0..120).map(write).collect();
        let changes = Changes::of(&writes, Purging::default(), &mut Roots::default());
        let [purge] = &changes.purges[..] else { panic!("{:?}", changes.purges) };
        assert_eq!((&purge.roots, purge.paths), (&None, 1));
        assert!(Changes::of(&[], Purging::default(), &mut Roots::default()).purges.is_empty());
        assert!(draw(&[], 5.0, 10.0, 1).is_empty());
        let drawn = draw(&[place(1, at(1.0, 2.0))], 0.5, 5.0, 1);
        assert_eq!(drawn, [(1.0, at(1.0, 2.0)), (3.0, at(1.0, 2.0))]);
    }

    fn place(id: usize, position: Position) -> Place {
        let properties = cellar_model::place::Properties::empty();
        Place { id: format!("p{id}").parse().unwrap(), position, properties }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The roots that an answer of the simulation is forgotten by are the tags that the server sends with it, and a
        /// change forgets it if the change feed names one of them.
        #[test]
        fn an_answer_is_forgotten_by_what_the_product_forgets_it_by(
            lat in prop_oneof![-89.0..=89.0_f64, Just(89.9)], lon in prop_oneof![-180.0..=180.0_f64, Just(180.0)],
            around in prop::collection::vec((-2.0..2.0_f64, -2.0..2.0_f64), 1..300),
            level in 3..=7_u8, changed in prop::collection::vec((-4.0..4.0_f64, -4.0..4.0_f64), 1..20),
        ) {
            let beside = |(north, east): (f64, f64)| {
                at((lat + north).clamp(-90.0, 90.0), (lon + east + 540.0).rem_euclid(360.0) - 180.0)
            };
            let places: Vec<Place> = around.into_iter().map(beside).enumerate().map(|(i, p)| place(i, p)).collect();
            let cell = CacheCell::at(Grid::Geohash, at(lat, lon), level).unwrap();
            let writes: Vec<(f64, Position)> = changed.into_iter().map(|change| (0.0, beside(change))).collect();
            let mut roots = Roots::default();
            let changes = Changes::of(&writes, Purging::default(), &mut roots);
            let mut index = Index::new(&places, Length::of(ANSWER_MAX));
            let job = Plan::default();
            let mut book = Book::new(&job, &roots);
            let number = book.number(Key::Cell(cell), &mut index);
            let mine: BTreeSet<u32> = book.answer(number).roots.iter().copied().collect();

            let url = CellUrl { collection: COLLECTION.parse().unwrap(), cell, category: None };
            let listed = index.places_of(cell).unwrap();
            let sent: BTreeSet<String> = tags(&url, CellBody::new(&url, &listed.hits, listed.more).extent).into_iter().collect();
            for write in &changes.writes {
                let change = Change { collection: url.collection.clone(), old: Some(write.leaf.into()), new: Some(write.leaf.into()) };
                let forgets = edge_tags(&[change]).iter().any(|tag| sent.contains(tag));
                prop_assert_eq!(mine.contains(&write.root), forgets, "{}", cell);
            }
        }
    }
}
