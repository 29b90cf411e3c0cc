//! What changes make out of date.

use std::collections::BTreeSet;

use geo_index::key::{ROOT_RESOLUTION, edge_tag};
use geo_index::{Collection, H3Cell, PageKey};

use super::Change;

/// The pages that held or hold a changed place: those of all ancestors of both leaves. Each once, in order.
///
/// ```
/// use cellar_api::changes::{Change, pages_of};
///
/// let change = Change { collection: "wineries".parse()?, old: None, new: Some("8f1fb46625550c3".parse()?) };
/// assert_eq!(pages_of(&[change.clone()]).len(), 13);
/// assert_eq!(pages_of(&[change.clone(), change]).len(), 13);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pages_of(changes: &[Change]) -> Vec<PageKey> {
    let pages: BTreeSet<PageKey> =
        leaves(changes).flat_map(|(collection, leaf)| PageKey::holding(collection, leaf)).collect();
    pages.into_iter().collect()
}

/// The edge tags of the roots that changed places were or are in. Each once, in order.
pub fn edge_tags(changes: &[Change]) -> Vec<String> {
    let tags: BTreeSet<String> = leaves(changes)
        .filter_map(|(collection, leaf)| Some(edge_tag(collection, leaf.ancestor(ROOT_RESOLUTION)?)))
        .collect();
    tags.into_iter().collect()
}

fn leaves(changes: &[Change]) -> impl Iterator<Item = (&Collection, H3Cell)> {
    changes.iter().flat_map(|change| {
        [change.old, change.new].into_iter().flatten().map(move |leaf| (&change.collection, leaf))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_index::Position;

    fn leaf(lat: f64, lon: f64) -> H3Cell {
        H3Cell::leaf(Position::new(lat, lon).unwrap())
    }

    #[test]
    fn both_positions_count_and_nothing_twice() {
        let (paris, tokyo) = (leaf(48.8566, 2.3522), leaf(35.6762, 139.6503));
        let collection: Collection = "places".parse().unwrap();
        let moved = Change { collection: collection.clone(), old: Some(paris), new: Some(tokyo) };
        let pages = pages_of(&[moved.clone(), moved.clone()]);
        assert_eq!(pages.len(), 26);
        for page in &pages {
            assert!(page.cell().covers(paris) || page.cell().covers(tokyo), "{page}");
        }
        let tags = edge_tags(&[moved.clone(), moved]);
        assert_eq!(
            tags,
            ["places:832f5afffffffff".to_owned(), "places:831fb4fffffffff".to_owned()]
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
        let other = Change { collection: "other".parse().unwrap(), old: Some(paris), new: None };
        let stayed = Change { collection, old: Some(paris), new: Some(paris) };
        assert_eq!(
            edge_tags(&[other.clone(), stayed.clone()]),
            ["other:831fb4fffffffff", "places:831fb4fffffffff"]
        );
        assert_eq!(pages_of(&[other, stayed]).len(), 26);
        assert!(pages_of(&[]).is_empty() && edge_tags(&[]).is_empty());
    }
}
