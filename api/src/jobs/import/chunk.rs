//! Records that are written together.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use geo_index::{Collection, PlaceId};

use super::frame::InputError;
use super::records::{Mark, Record, Records, Reject};
use crate::place::Place;
use crate::store::CollectionInfo;

/// Most bytes of properties in a chunk: together with the number of records it bounds memory.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Where in the chunk a place is.
type Index = HashMap<(Option<Collection>, PlaceId), usize>;

/// A run of records. Ids differ within it: of records with one id the last is kept, in the place of the first.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// By collection; `None` is that of the import.
    pub(super) places: BTreeMap<Option<Collection>, Vec<Place>>,
    pub(super) collections: Vec<CollectionInfo>,
    pub(super) rejects: Vec<Reject>,
    /// Records that a later one in the chunk replaced.
    pub(super) repeated: u64,
    /// Records that are not for this import.
    pub(super) skipped: u64,
    /// How far the input was read with it.
    pub(super) mark: Mark,
    /// Bytes of the input read by then, as stored; some of them ahead of the mark.
    pub(super) read_bytes: u64,
}

impl Chunk {
    /// Reads the next chunk, and why it ended early if it did; empty at the end of the input.
    ///
    /// Its end depends on the records alone, so that a resumed import cuts the rest as a clean run would.
    pub(super) fn read(records: &mut Records, max_records: usize) -> (Self, Option<InputError>) {
        let mut chunk = Self::default();
        let mut index = Index::new();
        let (mut count, mut bytes) = (0, 0);
        let mut fault = None;
        while count < max_records && bytes < CHUNK_BYTES {
            chunk.mark = records.mark();
            match records.next() {
                Ok(Some(Ok(Record::Place(collection, place)))) => {
                    bytes += place.properties.as_json().len();
                    chunk.add(collection, place, &mut index);
                }
                Ok(Some(Ok(Record::Collection(info)))) => chunk.collections.push(info),
                Ok(Some(Ok(Record::Skipped))) => chunk.skipped += 1,
                Ok(Some(Err(reject))) => {
                    bytes += reject.record.len();
                    chunk.rejects.push(reject);
                }
                Ok(None) => return (chunk, None),
                Err(error) => {
                    fault = Some(error);
                    return (chunk, fault);
                }
            }
            count += 1;
        }
        chunk.mark = records.mark();
        (chunk, fault)
    }

    fn add(&mut self, collection: Option<Collection>, place: Place, index: &mut Index) {
        let entry = index.entry((collection.clone(), place.id.clone()));
        let places = self.places.entry(collection).or_default();
        match entry {
            Entry::Vacant(entry) => {
                entry.insert(places.len());
                places.push(place);
            }
            Entry::Occupied(entry) => {
                places[*entry.get()] = place;
                self.repeated += 1;
            }
        }
    }

    /// Records in it.
    pub(super) fn records(&self) -> u64 {
        let listed = (self.collections.len() + self.rejects.len()) as u64;
        self.stored() + listed + self.repeated + self.skipped
    }

    /// Places in it.
    pub(super) fn stored(&self) -> u64 {
        self.places.values().map(|places| places.len() as u64).sum()
    }
}
