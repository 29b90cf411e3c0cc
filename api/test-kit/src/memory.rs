//! A store in memory, which fails or dies at a given point.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use async_trait::async_trait;
use cellar_model::condition::Conditions;
use cellar_model::place::Place;
use cellar_model::{Collection, PlaceId};
use cellar_store::{
    CollectionInfo, Maintenance, Previous, RangeRead, RangeRows, ScanPart, ScanPosition, Store, StoreError,
    Written,
};
use tokio::sync::Notify;

/// How much of a write takes effect before it goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    None,
    Half,
    All,
}

/// What a write does that goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// Returns an error.
    Error,
    /// Never returns, as if the process had been killed there.
    Never,
}

/// The write that goes wrong, counted from 0, and how.
pub type Fault = (usize, Effect, End);

#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    /// Tells that a write will never return.
    pub died: Notify,
}

#[derive(Default)]
struct State {
    collections: BTreeMap<String, CollectionInfo>,
    places: BTreeMap<String, Place>,
    notes: BTreeMap<String, String>,
    writes: usize,
    places_written: usize,
    fault: Option<Fault>,
}

impl MemoryStore {
    pub fn failing(fault: Fault) -> Self {
        let store = Self::default();
        store.fail(fault);
        store
    }

    pub fn fail(&self, fault: Fault) {
        self.state.lock().unwrap().fault = Some(fault);
    }

    /// Nothing goes wrong any more; whether anything did.
    pub fn mend(&self) -> bool {
        self.state.lock().unwrap().fault.take().is_none()
    }

    /// Makes all notes such as this version does not write.
    pub fn garble_notes(&self) {
        for note in self.state.lock().unwrap().notes.values_mut() {
            *note = r#"{"version":99}"#.into();
        }
    }

    /// The features, by id.
    pub fn places(&self) -> BTreeMap<String, String> {
        let state = self.state.lock().unwrap();
        state.places.iter().map(|(id, place)| (id.clone(), place.feature())).collect()
    }

    pub fn notes(&self) -> BTreeMap<String, String> {
        self.state.lock().unwrap().notes.clone()
    }

    pub fn has_collections(&self) -> bool {
        !self.state.lock().unwrap().collections.is_empty()
    }

    pub fn writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    pub fn places_written(&self) -> usize {
        self.state.lock().unwrap().places_written
    }

    /// Counts a write of so many parts, does those that take effect, and fails if this is the one to fail.
    async fn write(&self, parts: usize, apply: impl FnOnce(&mut State, usize)) -> Result<(), StoreError> {
        let end = {
            let mut state = self.state.lock().unwrap();
            let write = state.writes;
            let fault = state.fault.take_if(|(at, ..)| *at == write);
            state.writes += 1;
            let parts = match fault {
                Some((_, Effect::None, _)) => 0,
                Some((_, Effect::Half, _)) => parts / 2,
                Some((_, Effect::All, _)) | None => parts,
            };
            apply(&mut state, parts);
            fault.map(|(_, _, end)| end)
        };
        match end {
            None => Ok(()),
            Some(End::Error) => Err(StoreError::Throttled),
            Some(End::Never) => {
                self.died.notify_one();
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read_range(&self, _: &RangeRead, _: Instant) -> Result<RangeRows, StoreError> {
        unreachable!("imports and exports do not read the index")
    }

    async fn get(&self, _: &Collection, _: &PlaceId) -> Result<Option<Place>, StoreError> {
        unreachable!("imports and exports do not read single places")
    }

    async fn put(&self, _: &Collection, _: &Place) -> Result<Previous, StoreError> {
        unreachable!("imports write many at a time")
    }

    async fn delete(&self, _: &Collection, _: &PlaceId) -> Result<Previous, StoreError> {
        unreachable!("imports delete nothing")
    }

    async fn put_if(&self, _: &Collection, _: &Place, _: &Conditions) -> Result<Written, StoreError> {
        unreachable!("imports write whatever there is")
    }

    async fn delete_if(&self, _: &Collection, _: &PlaceId, _: &Conditions) -> Result<Written, StoreError> {
        unreachable!("imports delete nothing")
    }

    async fn put_each(&self, _: &Collection, _: &[Place]) -> Result<Vec<Previous>, StoreError> {
        unreachable!("imports write many at a time")
    }

    async fn put_many(&self, _: &Collection, places: &[Place]) -> Result<(), StoreError> {
        let ids: std::collections::HashSet<&PlaceId> = places.iter().map(|place| &place.id).collect();
        assert_eq!(ids.len(), places.len(), "ids of one write differ");
        self.write(places.len(), |state, parts| {
            for place in &places[..parts] {
                state.places.insert(place.id.to_string(), place.clone());
            }
            state.places_written += parts;
        })
        .await
    }

    async fn scan(&self, _: &Collection, _: Option<ScanPosition>) -> Result<ScanPart, StoreError> {
        let places = self.state.lock().unwrap().places.values().cloned().collect();
        Ok(ScanPart { places, next: None })
    }

    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        Ok(self.state.lock().unwrap().collections.values().cloned().collect())
    }

    async fn collection(&self, name: &Collection) -> Result<Option<CollectionInfo>, StoreError> {
        Ok(self.state.lock().unwrap().collections.get(name.as_str()).cloned())
    }

    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        self.write(1, |state, parts| {
            if parts > 0 {
                state.collections.insert(info.name.to_string(), info.clone());
            }
        })
        .await
        .map(|()| false)
    }

    async fn note(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.state.lock().unwrap().notes.get(key).cloned())
    }

    async fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        self.write(1, |state, parts| match text {
            _ if parts == 0 => {}
            Some(text) => {
                state.notes.insert(key.to_owned(), text.to_owned());
            }
            None => {
                state.notes.remove(key);
            }
        })
        .await
    }

    fn maintenance(&self) -> &dyn Maintenance {
        unreachable!("imports need none")
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
