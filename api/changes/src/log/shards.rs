//! Which shards there are for a reader, and which it may read now.
//!
//! Invariant: a shard is read when all of its ancestors have been read to their ends, so that what becomes of one place is
//! told in order.

use std::collections::BTreeMap;

use super::token::{Position, Positions, ShardKey};
use crate::stream::ShardInfo;

/// A shard is gone that had not been read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

/// The shards of a list, by their keys.
pub(super) type Listed<'a> = BTreeMap<ShardKey, &'a ShardInfo>;

/// The shards of a list, by their keys.
pub(super) fn by_key(shards: &[ShardInfo]) -> Listed<'_> {
    shards.iter().map(|shard| (ShardKey::of(&shard.id), shard)).collect()
}

fn parent(shard: &ShardInfo) -> Option<ShardKey> {
    shard.parent.as_deref().map(ShardKey::of)
}

/// Where somebody begins who wants to know what comes from now on: with the shards that are open, and their parents, one of
/// which may have been closed a moment ago.
pub(super) fn beginning(listed: &Listed<'_>) -> Positions {
    let open = listed.iter().filter(|(_, shard)| !shard.closed);
    let both = open.flat_map(|(key, shard)| [Some(*key), parent(shard)]).flatten();
    both.filter(|key| listed.contains_key(key)).map(|key| (key, Position::Beginning)).collect()
}

/// Brings positions up to a list of shards: what is new is added, and what is read and has a successor goes.
///
/// New is what continues a shard that has a position, and what is open and has none: of the shards that were open when the
/// positions were made, each has one.
pub(super) fn settle(positions: &mut Positions, listed: &Listed<'_>) -> Result<(), Lost> {
    let gone =
        |(key, position): (&ShardKey, &Position)| !listed.contains_key(key) && *position != Position::Ended;
    if positions.iter().any(gone) {
        return Err(Lost);
    }
    // What is read and gone from the list may still have a successor there.
    let continues = |positions: &Positions, shard: &ShardInfo| {
        let mut ancestor = parent(shard);
        // A list has no circles, but it comes from elsewhere.
        for _ in 0..listed.len() {
            let Some(key) = ancestor else { return false };
            if positions.contains_key(&key) {
                return true;
            }
            ancestor = listed.get(&key).and_then(|shard| parent(shard));
        }
        false
    };
    let is_new = |positions: &Positions, key: &ShardKey, shard: &ShardInfo| {
        !positions.contains_key(key) && (!shard.closed || continues(positions, shard))
    };
    let new: Vec<ShardKey> =
        listed.iter().filter(|(key, shard)| is_new(positions, key, shard)).map(|(key, _)| *key).collect();
    positions.extend(new.into_iter().map(|key| (key, Position::Beginning)));
    positions.retain(|key, _| listed.contains_key(key));
    let continued: Vec<ShardKey> = listed.values().filter_map(|shard| parent(shard)).collect();
    positions.retain(|key, position| *position != Position::Ended || !continued.contains(key));
    Ok(())
}

/// The shards that may be read, in the order of their keys.
pub(super) fn readable(positions: &Positions, listed: &Listed<'_>) -> Vec<ShardKey> {
    let waits = |key: &ShardKey| {
        let mut ancestor = listed.get(key).and_then(|shard| parent(shard));
        for _ in 0..listed.len() {
            let Some(key) = ancestor else { return false };
            if positions.get(&key).is_some_and(|position| *position != Position::Ended) {
                return true;
            }
            ancestor = listed.get(&key).and_then(|shard| parent(shard));
        }
        false
    };
    let unread = positions.iter().filter(|(_, position)| **position != Position::Ended);
    unread.map(|(key, _)| *key).filter(|key| !waits(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: &str, parent: Option<&str>, closed: bool) -> ShardInfo {
        ShardInfo { id: id.to_owned(), parent: parent.map(str::to_owned), closed }
    }

    fn positions(of: &[(&str, Position)]) -> Positions {
        of.iter().map(|(id, position)| (ShardKey::of(id), position.clone())).collect()
    }

    fn after(number: &str) -> Position {
        Position::After(number.parse().unwrap())
    }

    /// `a` was split into `b` and `c`, and `b` goes on as `d`; `x` stands alone.
    fn family() -> Vec<ShardInfo> {
        vec![
            info("a", None, true),
            info("b", Some("a"), true),
            info("c", Some("a"), false),
            info("d", Some("b"), false),
            info("x", None, false),
        ]
    }

    fn settled(before: &[(&str, Position)]) -> Result<Positions, Lost> {
        let (mut positions, family) = (positions(before), family());
        settle(&mut positions, &by_key(&family)).map(|()| positions)
    }

    fn ready(positions: &Positions) -> Vec<ShardKey> {
        readable(positions, &by_key(&family()))
    }

    fn keys(ids: &[&str]) -> Vec<ShardKey> {
        let mut keys: Vec<_> = ids.iter().map(|id| ShardKey::of(id)).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn descendants_wait_for_their_ancestors() {
        let all = settled(&[("a", after("7")), ("x", after("1"))]).unwrap();
        let beginning = Position::Beginning;
        let expected = [
            ("a", after("7")),
            ("b", beginning.clone()),
            ("c", beginning.clone()),
            ("d", beginning.clone()),
            ("x", after("1")),
        ];
        assert_eq!(all, positions(&expected));
        assert_eq!(ready(&all), keys(&["a", "x"]));
        let read = settled(&[("a", Position::Ended), ("x", after("1"))]).unwrap();
        assert!(!read.contains_key(&ShardKey::of("a")), "its children go on");
        assert_eq!(ready(&read), keys(&["b", "c", "x"]), "and `d` waits for `b`");
    }

    #[test]
    fn what_was_closed_before_is_of_no_concern() {
        let now = settled(&[("c", after("9")), ("d", after("9")), ("x", after("9"))]).unwrap();
        assert_eq!(now.len(), 3);
        let new = settled(&[("x", after("9"))]).unwrap();
        let expected = [("c", Position::Beginning), ("d", Position::Beginning), ("x", after("9"))];
        assert_eq!(new, positions(&expected), "each shard that was open has a position");
    }

    #[test]
    fn what_is_gone_unread_is_lost() {
        assert_eq!(settled(&[("gone", after("3"))]), Err(Lost));
        assert_eq!(settled(&[("gone", Position::Beginning)]), Err(Lost));
        let read = settled(&[("gone", Position::Ended), ("c", after("1")), ("d", after("1"))]).unwrap();
        assert!(!read.contains_key(&ShardKey::of("gone")));
    }

    #[test]
    fn a_read_shard_stays_until_its_successor_is_listed() {
        let lone = vec![info("x", None, true)];
        let mut read = positions(&[("x", Position::Ended)]);
        settle(&mut read, &by_key(&lone)).unwrap();
        assert_eq!(read, positions(&[("x", Position::Ended)]));
        // It may itself be closed by then.
        let later = vec![info("x", None, true), info("y", Some("x"), true), info("z", Some("y"), false)];
        settle(&mut read, &by_key(&later)).unwrap();
        assert_eq!(read, positions(&[("y", Position::Beginning), ("z", Position::Beginning)]));
        assert_eq!(readable(&read, &by_key(&later)), [ShardKey::of("y")]);
    }

    #[test]
    fn the_successor_of_a_read_shard_that_is_gone_is_new() {
        let mut read = positions(&[("x", Position::Ended)]);
        let later = vec![info("y", Some("x"), true), info("z", Some("y"), false)];
        settle(&mut read, &by_key(&later)).unwrap();
        assert_eq!(read, positions(&[("y", Position::Beginning), ("z", Position::Beginning)]));
    }

    #[test]
    fn now_begins_with_open_shards_and_their_parents() {
        let family = family();
        let now = beginning(&by_key(&family));
        assert_eq!(now.into_keys().collect::<Vec<_>>(), keys(&["a", "b", "c", "d", "x"]));
    }

    #[test]
    fn a_circle_ends() {
        let circle = vec![info("a", Some("b"), true), info("b", Some("a"), true)];
        let mut none = Positions::new();
        settle(&mut none, &by_key(&circle)).unwrap();
        assert!(none.is_empty() && readable(&none, &by_key(&circle)).is_empty());
    }
}
