//! What changes make out of date.

use std::collections::BTreeSet;

use cellar_model::key::edge_tag;
use cellar_model::{Collection, PageKey, Placement};
use geo_index::tree::ROOT_RESOLUTION;

use super::Change;

/// The pages that held or hold a changed place: those of all ancestors of both leaves, in the tree of the collection and in
/// those of the categories that it had or has. Each once, in order.
///
/// ```
/// use cellar_changes::{Change, pages_of};
///
/// use cellar_model::Placement;
///
/// let leaf = "8f1fb46625550c3".parse()?;
/// let change = |categories| Change {
///     collection: "wineries".parse().unwrap(),
///     old: None,
///     new: Some(Placement { leaf, categories }),
/// };
/// assert_eq!(pages_of(&[change(Vec::new())]).len(), 13);
/// assert_eq!(pages_of(&[change(Vec::new()), change(vec!["bar".parse()?])]).len(), 13 + 15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pages_of(changes: &[Change]) -> Vec<PageKey> {
    let pages: BTreeSet<PageKey> = placements(changes)
        .flat_map(|(collection, placement)| PageKey::holding(collection, placement))
        .collect();
    pages.into_iter().collect()
}

/// The edge tags of the roots that changed places were or are in. Each once, in order.
pub fn edge_tags(changes: &[Change]) -> Vec<String> {
    let tags: BTreeSet<String> = placements(changes)
        .filter_map(|(collection, placement)| {
            Some(edge_tag(collection, placement.leaf.ancestor(ROOT_RESOLUTION)?))
        })
        .collect();
    tags.into_iter().collect()
}

fn placements(changes: &[Change]) -> impl Iterator<Item = (&Collection, &Placement)> {
    changes.iter().flat_map(|change| {
        [&change.old, &change.new].into_iter().flatten().map(move |placement| (&change.collection, placement))
    })
}

#[cfg(test)]
mod tests {
    use geo_index::{Leaf, Position};

    use super::*;

    fn leaf(lat: f64, lon: f64) -> Leaf {
        Leaf::at(Position::new(lat, lon).unwrap())
    }

    #[test]
    fn both_positions_count_and_nothing_twice() {
        let (paris, tokyo) = (leaf(48.8566, 2.3522), leaf(35.6762, 139.6503));
        let collection: Collection = "places".parse().unwrap();
        let moved =
            Change { collection: collection.clone(), old: Some(paris.into()), new: Some(tokyo.into()) };
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
        let other = Change { collection: "other".parse().unwrap(), old: Some(paris.into()), new: None };
        let stayed = Change { collection, old: Some(paris.into()), new: Some(paris.into()) };
        assert_eq!(
            edge_tags(&[other.clone(), stayed.clone()]),
            ["other:831fb4fffffffff", "places:831fb4fffffffff"]
        );
        assert_eq!(pages_of(&[other, stayed]).len(), 26);
        assert!(pages_of(&[]).is_empty() && edge_tags(&[]).is_empty());
    }

    #[test]
    fn the_old_and_the_new_category_count() {
        let at = leaf(48.8566, 2.3522);
        let of = |category: &str| Some(Placement { leaf: at, categories: vec![category.parse().unwrap()] });
        let change = Change { collection: "places".parse().unwrap(), old: of("bar"), new: of("cafe") };
        let pages = pages_of(&[change]);
        let count = |category: Option<&str>| {
            let tree = |page: &&PageKey| {
                page.tree().category.as_ref().map(cellar_model::Category::as_str) == category
            };
            pages.iter().filter(tree).count()
        };
        assert_eq!((count(None), count(Some("bar")), count(Some("cafe"))), (13, 15, 15));
    }
}
