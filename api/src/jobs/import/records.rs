//! The records of an input, each a place or a reason why not.

use std::io::Read;

use geo_index::Collection;
use serde::{Deserialize, Serialize};

use super::ReadOptions;
use super::format::{Format, SNIFF_BYTES};
use super::frame::{Frame, Framer, InputError};
use super::source::Parts;
use super::table::Table;
use super::window::Window;
use crate::geojson::{self, FeatureError, IdRule};
use crate::place::Place;
use crate::store::CollectionInfo;
use crate::store::dynamo_json::{self, Entry};

/// How much of a rejected record is listed, in characters.
const LISTED_CHARS: usize = 500;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record that was not stored: a line of the rejects file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// File in which it is, if the input is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line of the input, or of that file, in which the record begins, from 1.
    pub line: u64,
    /// Its id, if it could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is wrong with it.
    pub reason: String,
    /// Its first 500 characters.
    pub record: String,
}

/// How far an input was read. Two equal marks mean the same bytes, read in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Records done.
    pub(super) records: u64,
    /// Line in which the next one is looked for.
    pub(super) line: u64,
    /// Hash of everything up to here and of the options.
    pub(super) hash: u64,
}

/// A record that can be used.
#[derive(Debug)]
pub(super) enum Record {
    /// A place; without a collection, it belongs to that of the import.
    Place(Option<Collection>, Place),
    /// A collection.
    Collection(CollectionInfo),
    /// Of another collection than the one that is wanted, or of use only where it was made.
    Skipped,
}

pub(super) struct Records {
    window: Window,
    framer: Box<dyn Framer>,
    parser: Parser,
    parts: Parts,
    count: u64,
}

enum Parser {
    Rows(Table),
    Features,
    Items { only: Option<Collection> },
}

impl Records {
    /// Begins to read an input that may be of several parts. Faults of the whole input, such as a missing column, show here.
    pub(super) fn open(
        reader: Box<dyn Read + Send>,
        name: &str,
        parts: Parts,
        options: &ReadOptions,
    ) -> Result<Self, InputError> {
        let mut window = Window::new(reader, &format!("{options:?}"));
        let beginning = window.fill(SNIFF_BYTES)?;
        if beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff") {
            let reason = "it is UTF-16; convert it to UTF-8, for instance with `iconv -f UTF-16 -t UTF-8`";
            return Err(InputError::Broken { line: 1, reason: reason.into() });
        }
        if beginning.starts_with(BYTE_ORDER_MARK) {
            window.consume(BYTE_ORDER_MARK.len());
        }
        let format = options.format.unwrap_or_else(|| Format::guess(name, window.unread()));
        let mut framer = format.framer(options.delimiter);
        let parser = match format {
            Format::Csv => Parser::Rows(header(&mut window, framer.as_mut(), options)?),
            Format::Geojson | Format::Ndjson | Format::Geojsonseq => Parser::Features,
            Format::DynamodbJson => Parser::Items { only: options.only.clone() },
        };
        Ok(Self { window, framer, parser, parts, count: 0 })
    }

    /// The next record, or its line of the rejects file; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Result<Record, Reject>>, InputError> {
        let read = self.read()?;
        Ok(read.map(|record| record.map_err(|reject| self.parts.locate(reject))))
    }

    fn read(&mut self) -> Result<Option<Result<Record, Reject>>, InputError> {
        let Some(frame) = self.framer.next(&mut self.window)? else { return Ok(None) };
        self.count += 1;
        let (line, text, bytes) = match frame {
            Frame::Record { line, text, bytes } => (line, text, bytes),
            Frame::Broken { line, excerpt, reason } => {
                let record = listed(&excerpt);
                return Ok(Some(Err(Reject { file: None, line, id: None, reason, record })));
            }
        };
        let record = &self.window.unread()[text];
        let read = match &self.parser {
            Parser::Rows(table) => row(table, line, record).map(|place| Record::Place(None, place)),
            Parser::Features => self.feature(line, record)?.map(|place| Record::Place(None, place)),
            Parser::Items { only } => item(only.as_ref(), line, record),
        };
        self.window.consume(bytes);
        Ok(Some(read))
    }

    /// Passes over the records of an earlier run; false if they are not the same.
    pub(super) fn skip_to(&mut self, mark: Mark) -> Result<bool, InputError> {
        while self.count < mark.records {
            let Some(frame) = self.framer.next(&mut self.window)? else { return Ok(false) };
            if let Frame::Record { bytes, .. } = frame {
                self.window.consume(bytes);
            }
            self.count += 1;
        }
        Ok(self.mark() == mark)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { records: self.count, line: self.window.line(), hash: self.window.hash() }
    }

    fn feature(&self, line: u64, record: &[u8]) -> Result<Result<Place, Reject>, InputError> {
        let reject = |id, reason| Reject { file: None, line, id, reason, record: listed(record) };
        let Ok(text) = std::str::from_utf8(record) else {
            return Ok(Err(reject(None, "not UTF-8".into())));
        };
        match geojson::parse_feature(text, IdRule::MemberOrProperty) {
            Ok(place) => Ok(Ok(place)),
            Err(error @ FeatureError::Syntax { .. }) if self.framer.ends_at_bad_json() => {
                Err(InputError::Broken { line, reason: format!("the feature is {error} of the feature") })
            }
            Err(error) => Ok(Err(reject(geojson::id_of(text), error.to_string()))),
        }
    }
}

fn row(table: &Table, line: u64, record: &[u8]) -> Result<Place, Reject> {
    table.place(record).map_err(|error| Reject {
        file: None,
        line,
        id: table.id_of(&String::from_utf8_lossy(record)),
        reason: error.to_string(),
        record: listed(record),
    })
}

fn item(only: Option<&Collection>, line: u64, record: &[u8]) -> Result<Record, Reject> {
    let reject = |id, reason| Reject { file: None, line, id, reason, record: listed(record) };
    let text = std::str::from_utf8(record).map_err(|_| reject(None, "not UTF-8".into()))?;
    let wanted = |collection: &Collection| only.is_none_or(|only| only == collection);
    Ok(match dynamo_json::parse(text).map_err(|error| reject(error.key, error.reason))? {
        Entry::Place(collection, place) if wanted(&collection) => Record::Place(Some(collection), place),
        Entry::Collection(info) if wanted(&info.name) => Record::Collection(info),
        Entry::Place(..) | Entry::Collection(_) | Entry::Note => Record::Skipped,
    })
}

fn header(window: &mut Window, framer: &mut dyn Framer, options: &ReadOptions) -> Result<Table, InputError> {
    let reason = match framer.next(window)? {
        None => "the input is empty; expected the names of the columns".into(),
        Some(Frame::Broken { reason, .. }) => reason,
        Some(Frame::Record { text, bytes, .. }) => match std::str::from_utf8(&window.unread()[text]) {
            Err(_) => "the names of the columns are not UTF-8".into(),
            Ok(names) => {
                let table = Table::new(names, options.delimiter, &options.columns)?;
                window.consume(bytes);
                return Ok(table);
            }
        },
    };
    Err(InputError::Broken { line: 1, reason })
}

fn listed(record: &[u8]) -> String {
    String::from_utf8_lossy(record).chars().take(LISTED_CHARS).collect()
}
