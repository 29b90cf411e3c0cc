//! Maps in memory: read from the table once a minute, while they are requested.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_model::Collection;
use cellar_store::bounded;
use cellar_store::{Store, StoreError};
use geo_index::GeohashCell;
use parking_lot::RwLock;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::stored::StoredMap;

/// How long a map is used before the table is asked for a newer one.
pub const FRESH: Duration = Duration::from_mins(1);

/// How long a table that did not answer is left alone, by hints and by those whom an old map will do.
const PAUSE: Duration = Duration::from_secs(5);

/// Time for a read in the background.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// Collections whose maps are kept, of at most some 50 KB each; of more there are no hints.
const MAX_COLLECTIONS: usize = 256;

/// The maps of the collections that are asked for.
///
/// Invariant: one read of a map is under way at a time, and [`hint`](EdgeMaps::hint) waits for none.
pub struct EdgeMaps {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    slots: RwLock<HashMap<Collection, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    kept: RwLock<Kept>,
    /// Held by the task that reads the table.
    reading: Arc<Mutex<()>>,
}

#[derive(Clone, Default)]
struct Kept {
    map: Option<Arc<StoredMap>>,
    /// Until when the map, or that there is none, is current.
    fresh_until: Option<Instant>,
    /// Until when the table is left alone.
    paused_until: Option<Instant>,
}

impl EdgeMaps {
    /// Nothing in memory yet.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, slots: RwLock::default() }
    }

    /// What the map in memory says of a cell of geohash precision 7. A map that is missing or old is read in the background, for
    /// those who ask later. Must be called within a runtime, and only for collections that exist.
    pub fn hint(self: &Arc<Self>, collection: &Collection, cell: GeohashCell) -> Option<u8> {
        let slot = self.slot(collection)?;
        let kept = slot.kept();
        if !self.is_ahead(kept.fresh_until)
            && !self.is_ahead(kept.paused_until)
            && let Ok(reading) = Arc::clone(&slot.reading).try_lock_owned()
        {
            let (maps, collection) = (Arc::clone(self), collection.clone());
            tokio::spawn(async move { maps.read_aside(&collection, &slot, reading).await });
        }
        kept.map?.map.precision(cell)
    }

    /// The map of a collection, from the table if the one in memory is old. If the table does not answer, an old one,
    /// and the error if there is none.
    pub async fn get(
        &self,
        collection: &Collection,
        deadline: Instant,
    ) -> Result<Option<Arc<StoredMap>>, StoreError> {
        let Some(slot) = self.slot(collection) else {
            let read = bounded(deadline, StoredMap::read(&*self.store, collection)).await?;
            return Ok(read.map(Arc::new));
        };
        if let Some(kept) = self.good_enough(&slot) {
            return Ok(kept.map);
        }
        let read = async {
            let _reading = slot.reading.lock().await;
            match self.good_enough(&slot) {
                // Somebody else has read it meanwhile.
                Some(kept) => Ok(kept.map),
                None => self.read(collection, &slot).await,
            }
        };
        match bounded(deadline, read).await {
            Err(error) => {
                self.pause(&slot);
                slot.kept().map.map(Some).ok_or(error)
            }
            map => map,
        }
    }

    async fn read_aside(&self, collection: &Collection, slot: &Slot, reading: OwnedMutexGuard<()>) {
        let read = bounded(Instant::now() + READ_LIMIT, self.read(collection, slot)).await;
        if let Err(error) = read {
            tracing::warn!(%collection, %error, "the density map could not be read");
            self.pause(slot);
        }
        drop(reading);
    }

    /// Reads the table; only for the holder of `reading`.
    async fn read(&self, collection: &Collection, slot: &Slot) -> Result<Option<Arc<StoredMap>>, StoreError> {
        let fresh_until = Some(self.clock.now() + FRESH);
        let map = StoredMap::read(&*self.store, collection).await?.map(Arc::new);
        *slot.kept.write() = Kept { map: map.clone(), fresh_until, paused_until: None };
        Ok(map)
    }

    fn pause(&self, slot: &Slot) {
        let mut kept = slot.kept.write();
        kept.paused_until = Some(self.clock.now() + PAUSE);
    }

    /// What is current, or an old map while the table is left alone. That nothing is known is never good enough.
    fn good_enough(&self, slot: &Slot) -> Option<Kept> {
        let kept = slot.kept();
        let old_will_do = kept.map.is_some() && self.is_ahead(kept.paused_until);
        (self.is_ahead(kept.fresh_until) || old_will_do).then_some(kept)
    }

    fn is_ahead(&self, until: Option<Instant>) -> bool {
        until.is_some_and(|until| self.clock.now() < until)
    }

    /// The place of a collection's map; `None` if there is no room for it.
    fn slot(&self, collection: &Collection) -> Option<Arc<Slot>> {
        let known = self.slots.read().get(collection).cloned();
        known.or_else(|| {
            let mut slots = self.slots.write();
            let room = slots.len() < MAX_COLLECTIONS || slots.contains_key(collection);
            room.then(|| Arc::clone(slots.entry(collection.clone()).or_default()))
        })
    }
}

impl Slot {
    fn kept(&self) -> Kept {
        self.kept.read().clone()
    }
}
