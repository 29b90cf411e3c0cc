//! Makes a map: one pass over the places of a collection, in memory bounded by where they are.

use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_model::Collection;
use cellar_store::{ScanPart, Store, StoreError};
use geo_index::edge::{DensityCounts, MapRules};

use super::stored::StoredMap;

/// A map, and what it took to make it.
#[derive(Clone, Debug)]
pub struct Made {
    /// The map, not yet stored.
    pub stored: StoredMap,
    /// Cells of geohash precision 7 that hold places.
    pub occupied: usize,
    /// How long it took to read the places.
    pub read: Duration,
    /// How long it took to make the map of them.
    pub made: Duration,
}

/// What has been read so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Places.
    pub places: u64,
    /// Parts of the table.
    pub parts: u64,
}

/// Whether to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next part, after a pause.
    After(Duration),
    /// Nothing more: there will be no map.
    Stop,
}

/// Reads a collection and makes its map. `progress` is told what has been read after each part, and says whether to go
/// on; `None` if it stopped.
///
/// # Errors
///
/// What the store fails with.
pub async fn make(
    store: &dyn Store,
    collection: &Collection,
    rules: MapRules,
    clock: &dyn Clock,
    mut progress: impl FnMut(Progress) -> Next,
) -> Result<Option<Made>, StoreError> {
    let made_unix_ms = clock.unix_ms();
    let began = Instant::now();
    let mut counts = DensityCounts::default();
    let (mut done, mut from) = (Progress { places: 0, parts: 0 }, None);
    loop {
        let ScanPart { places, next } = store.scan(collection, from).await?;
        for place in &places {
            counts.add(place.position);
        }
        done = Progress { places: done.places + places.len() as u64, parts: done.parts + 1 };
        let then = progress(done);
        from = next;
        match then {
            _ if from.is_none() => break,
            Next::Stop => return Ok(None),
            Next::After(pause) if pause.is_zero() => {}
            Next::After(pause) => tokio::time::sleep(pause).await,
        }
    }
    let (read, occupied) = (began.elapsed(), counts.occupied());
    let making = Instant::now();
    let map = match tokio::task::spawn_blocking(move || counts.map_by(rules)).await {
        Ok(map) => map,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let stored = StoredMap { map, made_unix_ms, places: done.places, certified: rules.certified };
    Ok(Some(Made { stored, occupied, read, made: making.elapsed() }))
}
