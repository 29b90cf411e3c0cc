//! What is known of collections: cheaply from what the table keeps of them, or by reading all of their places.

use std::time::{Duration, Instant};

use cellar_model::Collection;
use cellar_search::category_counts::CategoryCounts;
use cellar_search::edge_map::StoredMap;
use cellar_store::{CollectionInfo, Store, StoreError};
use geo_index::tree::{PAGE_MAX, ROOT_RESOLUTION};
use geo_index::{GridCell as _, H3Cell};
use serde::Serialize;

/// Time for one look at the list of roots.
const PATIENCE: Duration = Duration::from_secs(10);

/// Categories that are read at a time.
const PART: usize = 1_000;

/// What is known of a collection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Its name.
    pub collection: String,
    /// A title for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Places, as they were counted last; `None` if nobody has.
    pub places: Option<u64>,
    /// When that was, in milliseconds since 1970.
    pub counted_unix_ms: Option<u64>,
    /// Categories that have, or had, places; `None` for a table without indexes by category.
    pub categories: Option<u64>,
    /// Roots that have, or had, places; `None` if they are not listed.
    pub roots: Option<u64>,
    /// What only reading all places tells.
    #[serde(flatten)]
    pub walked: Option<Walked>,
}

/// What reading all places tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Walked {
    /// Bytes of all places as GeoJSON.
    pub bytes: u64,
    /// Pages that are splits, since there are more places below them than a page holds.
    pub splits: u64,
    /// Resolution of the deepest pages, 3 to 15.
    pub deepest_page: u8,
    /// Leaf cells, of about a metre, with more places than a page holds.
    pub crowded_points: u64,
    /// Places of the most crowded one.
    pub largest_crowd: u64,
}

/// What is known of a collection without reading its places: a few small reads.
pub async fn known(store: &dyn Store, info: CollectionInfo) -> Result<Stats, StoreError> {
    let CollectionInfo { name: collection, title } = info;
    let counts = CategoryCounts::read(store, &collection).await?;
    let map = StoredMap::read(store, &collection).await?;
    let counted = counts.map(|counts| (counts.counted_unix_ms, counts.places));
    let mapped = map.map(|map| (map.made_unix_ms, map.places));
    let last = counted.into_iter().chain(mapped).max_by_key(|(at, _)| *at);
    let roots = store.roots(&collection, Instant::now() + PATIENCE).await?.roots;
    Ok(Stats {
        title,
        places: last.map(|(_, places)| places),
        counted_unix_ms: last.map(|(at, _)| at),
        categories: categories(store, &collection).await?,
        roots: roots.map(|roots| roots.len() as u64),
        walked: None,
        collection: collection.to_string(),
    })
}

async fn categories(store: &dyn Store, collection: &Collection) -> Result<Option<u64>, StoreError> {
    let (mut count, mut after) = (0, None);
    loop {
        let part = match store.categories(collection, after.as_ref(), PART).await {
            Err(StoreError::NoCategoryIndex) => return Ok(None),
            part => part?,
        };
        count += part.categories.len() as u64;
        after = part.categories.into_iter().next_back().filter(|_| part.more);
        if after.is_none() {
            return Ok(Some(count));
        }
    }
}

/// Counts everything; `progress` is told how many places have been read. It keeps 8 bytes of each.
pub async fn walk(
    store: &dyn Store,
    collection: &Collection,
    mut progress: impl FnMut(u64),
) -> Result<(u64, Walked), StoreError> {
    let (mut leaves, mut bytes, mut from): (Vec<u64>, u64, _) = (Vec::new(), 0, None);
    loop {
        let part = store.scan(collection, from).await?;
        for place in &part.places {
            bytes += place.feature().len() as u64;
            leaves.extend(H3Cell::at(place.position, H3Cell::FINEST).map(H3Cell::index));
        }
        progress(leaves.len() as u64);
        from = part.next;
        if from.is_none() {
            break;
        }
    }
    Ok((leaves.len() as u64, Walked { bytes, ..pages(leaves) }))
}

/// The page tree over leaves: a page with more places than it holds is a split, whose children are pages in turn.
fn pages(mut leaves: Vec<u64>) -> Walked {
    leaves.sort_unstable();
    let mut walked = Walked { deepest_page: ROOT_RESOLUTION, ..Walked::default() };
    for resolution in ROOT_RESOLUTION..=H3Cell::FINEST {
        let below = |leaf: u64| H3Cell::from_index(leaf).ok()?.ancestor(resolution);
        let cells = leaves.chunk_by(|one, other| below(*one) == below(*other));
        let full: Vec<usize> = cells.map(<[u64]>::len).filter(|places| *places > PAGE_MAX).collect();
        if full.is_empty() {
            break;
        }
        if resolution == H3Cell::FINEST {
            walked.crowded_points = full.len() as u64;
            walked.largest_crowd = full.into_iter().max().unwrap_or(0) as u64;
        } else {
            walked.splits += full.len() as u64;
            walked.deepest_page = resolution + 1;
        }
    }
    walked
}

#[cfg(test)]
mod tests {
    use geo_index::Position;

    use super::*;

    fn leaf(lat: f64, lon: f64) -> u64 {
        H3Cell::at(Position::new(lat, lon).unwrap(), H3Cell::FINEST).unwrap().index()
    }

    #[test]
    fn few_places_are_one_page() {
        assert_eq!(pages(Vec::new()), Walked { deepest_page: 3, ..Walked::default() });
        let few = vec![leaf(48.0, 2.0); PAGE_MAX];
        assert_eq!(pages(few), Walked { deepest_page: 3, ..Walked::default() });
    }

    #[test]
    fn a_crowd_makes_splits_down_to_its_leaf() {
        let mut leaves = vec![leaf(48.0, 2.0); PAGE_MAX + 1];
        leaves.push(leaf(-10.0, 100.0));
        let walked = pages(leaves);
        assert_eq!((walked.splits, walked.deepest_page), (12, 15));
        assert_eq!((walked.crowded_points, walked.largest_crowd), (1, PAGE_MAX as u64 + 1));
    }

    #[test]
    fn a_split_ends_where_its_children_are_small_enough() {
        // 100 places each on two points 40 km apart: together too many for a page of resolution 3, if both are below one.
        let (here, there) = (leaf(48.0, 2.0), leaf(48.2, 2.4));
        let root = |leaf: u64| H3Cell::from_index(leaf).unwrap().ancestor(3).unwrap();
        let walked = pages([vec![here; 100], vec![there; 100]].concat());
        let expected = u64::from(root(here) == root(there));
        assert_eq!((walked.crowded_points, walked.largest_crowd), (0, 0));
        assert!(walked.splits >= expected && walked.splits <= 4, "{walked:?}");
        assert_eq!(u64::from(walked.deepest_page - ROOT_RESOLUTION), walked.splits);
    }
}
