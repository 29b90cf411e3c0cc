//! Records that are written together.

use std::collections::{BTreeMap, HashMap};

use cellar_input::{Found, InputError, Mark, OnRepeat, Record, Records, Reject};
use cellar_model::checksum::Checksum;
use cellar_model::place::Place;
use cellar_model::{Collection, PlaceId};
use cellar_store::CollectionInfo;

use super::findings::{Findings, Tally};
use super::seen::{Met, Seen};

/// Most bytes of properties in a chunk: together with the number of records it bounds memory.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Where in the chunk a place is.
type Index = HashMap<(Option<Collection>, PlaceId), usize>;

/// A run of records. Ids differ within it: of records with one id one is kept, in the place of the first.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// By collection; `None` is that of the import.
    pub(super) places: BTreeMap<Option<Collection>, Vec<Place>>,
    pub(super) collections: Vec<CollectionInfo>,
    /// Records that are listed: rejected ones, and those whose id came before.
    pub(super) listed: Vec<Reject>,
    pub(super) rejected: u64,
    /// Records with an id that another record has, and that do not count as rejected.
    pub(super) repeated: u64,
    /// Places of this chunk that replace one of an earlier chunk.
    pub(super) replacing: u64,
    /// Records that are not for this import.
    pub(super) skipped: u64,
    /// Checksum of the places, without those they replace.
    pub(super) checksum: Checksum,
    /// How far the input was read with it.
    pub(super) mark: Mark,
    /// Bytes of the input read by then, as stored; some of them ahead of the mark.
    pub(super) read_bytes: u64,
}

/// What is known of all records so far: their ids, and what there is to tell.
pub(super) struct Ledger {
    seen: Seen,
    tally: Tally,
    on_repeat: OnRepeat,
    /// That of places that do not say.
    collection: Option<Collection>,
}

impl Ledger {
    pub(super) fn new(on_repeat: OnRepeat, collection: Option<Collection>) -> Self {
        Self { seen: Seen::new(), tally: Tally::default(), on_repeat, collection }
    }

    pub(super) fn findings(&self) -> Findings {
        self.tally.finish()
    }

    /// Notes a place; where its id was met before, if it was. A generated id that comes again is that of an equal
    /// record, and gets a number.
    pub(super) fn note(&mut self, found: &mut Found) -> Result<(Checksum, Option<Met>), InputError> {
        loop {
            let collection = found.collection.as_ref().or(self.collection.as_ref());
            let checksum =
                collection.map(|collection| Checksum::of(collection, &found.place)).unwrap_or_default();
            let key = [collection.map_or("", Collection::as_str), found.place.id.as_str()].join("\0");
            let now = Met { file: found.file, line: found.line, checksum };
            let replace = self.on_repeat == OnRepeat::Last && !found.generated;
            let before = self.seen.note(key.as_bytes(), now, replace)?;
            if before.is_some() && found.generated {
                found.place.id = self.tally.copy_of(&found.place.id);
                continue;
            }
            return Ok((checksum, before));
        }
    }
}

impl Chunk {
    /// Reads the next chunk, and why it ended early if it did; empty at the end of the input.
    ///
    /// Its end depends on the records alone, so that a resumed import cuts the rest as a clean run would.
    pub(super) fn read(
        records: &mut Records,
        ledger: &mut Ledger,
        max_records: usize,
    ) -> (Self, Option<InputError>) {
        let mut chunk = Self::default();
        let mut index = Index::new();
        let (mut count, mut bytes) = (0, 0);
        while count < max_records && bytes < CHUNK_BYTES {
            chunk.mark = records.mark();
            match chunk.read_one(records, ledger, &mut index) {
                Ok(Some(weight)) => bytes += weight,
                Ok(None) => return (chunk, None),
                Err(error) => return (chunk, Some(error)),
            }
            count += 1;
        }
        chunk.mark = records.mark();
        (chunk, None)
    }

    /// Takes in the next record; its bytes, or `None` at the end.
    fn read_one(
        &mut self,
        records: &mut Records,
        ledger: &mut Ledger,
        index: &mut Index,
    ) -> Result<Option<usize>, InputError> {
        let Some(record) = records.next_record()? else { return Ok(None) };
        Ok(Some(match record {
            Ok(Record::Place(found)) => {
                let bytes = found.place.properties.as_json().len();
                self.add(*found, records, ledger, index)?;
                bytes
            }
            Ok(Record::Collection(info)) => {
                self.collections.push(CollectionInfo { name: info.name, title: info.title });
                0
            }
            Ok(Record::Skipped) => {
                self.skipped += 1;
                0
            }
            Err(reject) => {
                self.rejected += 1;
                let bytes = reject.record.len();
                self.listed.push(*reject);
                bytes
            }
        }))
    }

    fn add(
        &mut self,
        mut found: Found,
        records: &Records,
        ledger: &mut Ledger,
        index: &mut Index,
    ) -> Result<(), InputError> {
        let (checksum, before) = ledger.note(&mut found)?;
        if let Some(before) = before {
            self.listed.push(repeat(&found, before, records, ledger.on_repeat));
            if ledger.on_repeat == OnRepeat::Reject {
                self.rejected += 1;
            } else {
                self.repeated += 1;
            }
            if ledger.on_repeat != OnRepeat::Last {
                return Ok(());
            }
            self.checksum -= before.checksum;
        }
        if before.is_none() {
            let collection = found.collection.as_ref().or(ledger.collection.as_ref());
            ledger.tally.take(collection, &found);
        }
        self.checksum += checksum;
        let places = self.places.entry(found.collection.clone()).or_default();
        let key = (found.collection, found.place.id.clone());
        if let Some(&at) = index.get(&key) {
            places[at] = found.place;
            return Ok(());
        }
        self.replacing += u64::from(before.is_some());
        index.insert(key, places.len());
        places.push(found.place);
        Ok(())
    }

    /// Records in it.
    pub(super) fn records(&self) -> u64 {
        self.stored() + self.collections.len() as u64 + self.rejected + self.repeated + self.skipped
    }

    /// Places in it that are not there from an earlier chunk.
    pub(super) fn stored(&self) -> u64 {
        self.places.values().map(|places| places.len() as u64).sum::<u64>() - self.replacing
    }
}

/// The line of the list for a record whose id came before.
fn repeat(found: &Found, before: Met, records: &Records, on_repeat: OnRepeat) -> Reject {
    let file = records.file_name(before.file);
    let place = match &file {
        Some(file) if before.file != found.file => format!("line {} of {file}", before.line),
        _ => format!("line {}", before.line),
    };
    let reason = match on_repeat {
        OnRepeat::Last => format!("the id was in {place}, too; this record, the later one, is stored"),
        OnRepeat::First | OnRepeat::Reject => {
            format!("the id was in {place}, too; that record, the earlier one, is stored")
        }
    };
    Reject {
        file: records.file_name(found.file),
        line: found.line,
        id: Some(found.place.id.to_string()),
        repeats_line: Some(before.line),
        repeats_file: file,
        reason,
        record: found.record.clone(),
    }
}
