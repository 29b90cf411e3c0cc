//! Records that are written together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use geo_index::PlaceId;

use super::frame::InputError;
use super::records::{Mark, Records, Reject};
use crate::place::Place;

/// Most bytes of properties in a chunk: together with the number of records it bounds memory.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// A run of records. Ids differ within it: of records with one id the last is kept, in the place of the first.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) places: Vec<Place>,
    pub(super) rejects: Vec<Reject>,
    /// Records that a later one in the chunk replaced.
    pub(super) repeated: u64,
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
        let mut index: HashMap<PlaceId, usize> = HashMap::new();
        let (mut count, mut bytes) = (0, 0);
        let mut fault = None;
        while count < max_records && bytes < CHUNK_BYTES {
            chunk.mark = records.mark();
            match records.next() {
                Ok(Some(Ok(place))) => {
                    bytes += place.properties.as_json().len();
                    chunk.add(place, &mut index);
                }
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

    fn add(&mut self, place: Place, index: &mut HashMap<PlaceId, usize>) {
        match index.entry(place.id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(self.places.len());
                self.places.push(place);
            }
            Entry::Occupied(entry) => {
                self.places[*entry.get()] = place;
                self.repeated += 1;
            }
        }
    }

    /// Records in it.
    pub(super) fn records(&self) -> u64 {
        (self.places.len() + self.rejects.len()) as u64 + self.repeated
    }
}
