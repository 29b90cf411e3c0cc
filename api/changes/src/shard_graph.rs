//! Which shards there are, and which may be read.
//!
//! A shard is closed after some hours or when its partition splits, and its children go on. Invariant: a shard is read
//! when its parent has been read to the end, so that the changes of one place come in order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::shard::{END, Shard};
use super::stream::{ShardInfo, Start};

/// How many later lists of shards may leave out the child of a shard that ended.
const PATIENCE: u8 = 3;

/// The shards of a stream, and how far each has been read.
#[derive(Debug)]
pub(super) struct ShardGraph {
    shards: BTreeMap<String, Known>,
    /// Checkpoints of an earlier reader, until the first list of shards.
    saved: Option<HashMap<String, String>>,
    /// Where to begin without any checkpoint.
    first: Start,
}

#[derive(Debug)]
struct Known {
    shard: Shard,
    parent: Option<String>,
    lists_since_end: u8,
}

/// What a list of shards has told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Learned {
    /// A shard is gone that had not been read to its end.
    pub(super) lost: bool,
    /// Shards whose checkpoints are of no use any more.
    pub(super) gone: Vec<String>,
}

impl ShardGraph {
    /// Goes on from checkpoints; without any, from `first`.
    pub(super) fn new(saved: HashMap<String, String>, first: Start) -> Self {
        let first = if saved.is_empty() { first } else { Start::Horizon };
        Self { shards: BTreeMap::new(), saved: Some(saved), first }
    }

    /// Takes note of the shards that there are.
    pub(super) fn learn(&mut self, listed: Vec<ShardInfo>) -> Learned {
        let ids: BTreeSet<&str> = listed.iter().map(|info| info.id.as_str()).collect();
        let mut learned = Learned::default();
        for (id, checkpoint) in self.saved.iter().flatten().filter(|(id, _)| !ids.contains(id.as_str())) {
            learned.lost |= checkpoint != END;
            learned.gone.push(id.clone());
        }
        self.shards.retain(|id, known| {
            let stays = ids.contains(id.as_str());
            if !stays {
                learned.lost |= !known.shard.is_done();
                learned.gone.push(id.clone());
            }
            stays
        });
        for known in self.shards.values_mut().filter(|known| known.shard.is_done()) {
            known.lists_since_end = known.lists_since_end.saturating_add(1);
        }
        let saved = self.saved.take();
        for info in listed {
            if !self.shards.contains_key(&info.id) {
                let shard = Self::begin(&info, saved.as_ref(), &self.first);
                let lists_since_end = if shard.is_done() { PATIENCE } else { 0 };
                self.shards.insert(info.id, Known { shard, parent: info.parent, lists_since_end });
            }
        }
        learned
    }

    /// What comes up later than the first list is read from its beginning.
    fn begin(info: &ShardInfo, saved: Option<&HashMap<String, String>>, first: &Start) -> Shard {
        let id = info.id.clone();
        match (saved.and_then(|saved| saved.get(&info.id)), saved.map(|_| first)) {
            (Some(checkpoint), _) if checkpoint == END => Shard::done(id),
            (Some(number), _) => Shard::new(id, Start::After(number.clone())),
            (None, Some(Start::Latest)) if info.closed => Shard::done(id),
            (None, Some(start)) => Shard::new(id, start.clone()),
            (None, None) => Shard::new(id, Start::Horizon),
        }
    }

    /// The shards to read now.
    pub(super) fn readable(&mut self) -> Vec<&mut Shard> {
        let done = |known: &Known| known.shard.is_done();
        let waiting: BTreeSet<String> =
            self.shards.iter().filter(|(_, known)| !done(known)).map(|(id, _)| id.clone()).collect();
        self.shards
            .values_mut()
            .filter(|known| !done(known))
            .filter(|known| known.parent.as_ref().is_none_or(|parent| !waiting.contains(parent)))
            .map(|known| &mut known.shard)
            .collect()
    }

    /// Whether the readable shards are all that take records: there are some, and each that ended has a child.
    pub(super) fn is_whole(&self) -> bool {
        let parents: BTreeSet<&str> =
            self.shards.values().filter_map(|known| known.parent.as_deref()).collect();
        self.shards.values().any(|known| !known.shard.is_done())
            && self.shards.iter().all(|(id, known)| {
                !known.shard.is_done() || parents.contains(id.as_str()) || known.lists_since_end >= PATIENCE
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: &str, parent: Option<&str>, closed: bool) -> ShardInfo {
        ShardInfo { id: id.to_owned(), parent: parent.map(str::to_owned), closed }
    }

    fn readable(graph: &mut ShardGraph) -> Vec<(String, Start)> {
        graph.readable().iter().map(|shard| (shard.id().to_owned(), shard.start().clone())).collect()
    }

    fn saved(checkpoints: &[(&str, &str)]) -> HashMap<String, String> {
        checkpoints.iter().map(|&(id, text)| (id.to_owned(), text.to_owned())).collect()
    }

    fn family() -> Vec<ShardInfo> {
        vec![
            info("a", None, true),
            info("b", Some("a"), true),
            info("c", Some("b"), false),
            info("d", Some("b"), false),
        ]
    }

    #[test]
    fn parents_come_before_children() {
        let mut graph = ShardGraph::new(HashMap::new(), Start::Horizon);
        assert!(!graph.is_whole());
        assert_eq!(graph.learn(family()), Learned::default());
        for (id, count) in [("a", 1), ("b", 1)] {
            let mut shards = graph.readable();
            assert_eq!((shards.len(), shards[0].id()), (count, id));
            shards[0].finish();
        }
        let left = readable(&mut graph);
        assert_eq!(left, [("c".to_owned(), Start::Horizon), ("d".to_owned(), Start::Horizon)]);
        assert!(graph.is_whole());
    }

    #[test]
    fn from_now_on_closed_shards_do_not_matter_and_later_ones_do_whole() {
        let mut graph = ShardGraph::new(HashMap::new(), Start::Latest);
        graph.learn(family());
        assert_eq!(readable(&mut graph), [("c".to_owned(), Start::Latest), ("d".to_owned(), Start::Latest)]);
        assert!(graph.is_whole());
        let mut listed = family();
        listed.extend([info("e", Some("c"), true), info("f", Some("e"), false)]);
        graph.learn(listed);
        graph.readable()[0].finish();
        assert_eq!(readable(&mut graph), [("d".to_owned(), Start::Latest), ("e".to_owned(), Start::Horizon)]);
    }

    #[test]
    fn an_ended_shard_waits_for_its_child_for_a_while() {
        let mut graph = ShardGraph::new(HashMap::new(), Start::Latest);
        let two = || vec![info("a", None, false), info("b", None, false)];
        graph.learn(two());
        graph.readable()[0].finish();
        for _ in 0..PATIENCE {
            assert!(!graph.is_whole());
            graph.learn(two());
        }
        assert!(graph.is_whole());
    }

    #[test]
    fn checkpoints_are_gone_on_from() {
        let mut graph = ShardGraph::new(saved(&[("a", END), ("b", "7")]), Start::Latest);
        assert_eq!(graph.learn(family()), Learned::default());
        assert_eq!(readable(&mut graph), [("b".to_owned(), Start::After("7".to_owned()))]);
    }

    #[test]
    fn what_vanished_unread_is_lost() {
        let mut graph = ShardGraph::new(saved(&[("x", END), ("c", "7")]), Start::Horizon);
        assert_eq!(graph.learn(family()), Learned { lost: false, gone: vec!["x".to_owned()] });
        let mut graph = ShardGraph::new(saved(&[("x", "3")]), Start::Horizon);
        assert_eq!(graph.learn(family()), Learned { lost: true, gone: vec!["x".to_owned()] });
        graph.readable()[0].finish();
        let rest = || family().into_iter().skip(1).collect::<Vec<_>>();
        assert_eq!(graph.learn(rest()), Learned { lost: false, gone: vec!["a".to_owned()] });
        assert!(graph.learn(rest().split_off(1)).lost);
    }
}
