//! The records of an input, each a place or a reason why not.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::ReadOptions;
use super::format::{Format, SNIFF_BYTES};
use super::frame::{Frame, Framer, InputError};
use super::table::Table;
use super::window::Window;
use crate::geojson::{self, FeatureError, IdRule};
use crate::place::Place;

/// How much of a rejected record is listed, in characters.
const LISTED_CHARS: usize = 500;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record that was not stored: a line of the rejects file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Line of the input in which the record begins, from 1.
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

pub(super) struct Records {
    window: Window,
    framer: Box<dyn Framer>,
    parser: Parser,
    count: u64,
}

enum Parser {
    Rows(Table),
    Features,
}

impl Records {
    /// Begins to read. Faults of the whole input, such as a missing column, show here.
    pub(super) fn open(
        reader: Box<dyn Read + Send>,
        name: &str,
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
        };
        Ok(Self { window, framer, parser, count: 0 })
    }

    /// The next record, as a place or as a line of the rejects file; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Result<Place, Reject>>, InputError> {
        let Some(frame) = self.framer.next(&mut self.window)? else { return Ok(None) };
        self.count += 1;
        let (line, text, bytes) = match frame {
            Frame::Record { line, text, bytes } => (line, text, bytes),
            Frame::Broken { line, excerpt, reason } => {
                return Ok(Some(Err(Reject { line, id: None, reason, record: listed(&excerpt) })));
            }
        };
        let record = &self.window.unread()[text];
        let read = match &self.parser {
            Parser::Rows(table) => row(table, line, record),
            Parser::Features => self.feature(line, record)?,
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
        let reject = |id, reason| Reject { line, id, reason, record: listed(record) };
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
        line,
        id: table.id_of(&String::from_utf8_lossy(record)),
        reason: error.to_string(),
        record: listed(record),
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
