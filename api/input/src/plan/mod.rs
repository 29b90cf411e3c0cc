//! What an input was recognised as: format, encoding, dialect, and what each column became.
//!
//! Recognition reads the beginning, and of a file also the rest where that decides something: the type of a column.
//! What it finds is a plan; reading follows the plan alone. The plan is shown, and kept in the checkpoint, so that a
//! resumed import reads on in the same way.
//!
//! Invariant: what an option says is never overruled, and an option that says nothing about the format is an error.

mod json;
mod refuse;
mod show;
mod table;

use std::io::{self, Cursor, Read};

use serde::{Deserialize, Serialize};

use super::encoding::{certain, decoded, has_bare_returns, named};
use super::format::Format;
use super::frame::{Collection, Csv, Dialect, Framer, InputError, Lines, Sequence, Step, Tree};
use super::names::Role;
use super::options::{Kind, ReadOptions};
use super::position::{Crs, Rules};
use super::properties::Fields;
use super::unpack::Compression;
use super::window::Window;

/// How many bytes of an input are looked at.
pub(super) const SAMPLE_BYTES: usize = 256 * 1024;

/// How many records of the beginning are looked at.
const SAMPLE_RECORDS: usize = 1_000;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How an input is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    /// By its name at the WHATWG.
    pub(crate) encoding: String,
    /// Whether lines end with carriage returns only.
    pub(crate) bare_returns: bool,
    /// Lines before the header.
    pub(crate) skip_lines: u64,
    /// Of a CSV.
    pub(crate) table: Option<TablePlan>,
    /// Of a JSON document: the way to its records.
    pub(crate) path: Vec<Step>,
    /// Where the records of JSON that are no Features have what a place needs.
    pub(crate) roles: Roles,
    pub(crate) rules: Rules,
    pub(crate) fields: Fields,
    /// Whether its features are to the byte as `cellar export` writes them: then their properties stay as they are.
    pub(crate) exported: bool,
    pub(crate) id_property: Option<String>,
    pub(crate) generate_ids: bool,
    /// What should be known of it.
    pub(crate) notes: Vec<String>,
}

/// The columns of a CSV.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TablePlan {
    pub(crate) dialect: Dialect,
    /// Whether the first row names the columns.
    pub(crate) header: bool,
    pub(crate) columns: Vec<Column>,
    /// Columns at the end that have no name, so that rows may lack them.
    pub(crate) unnamed: usize,
    /// Whether types were decided by all rows; else by the first thousand.
    pub(crate) all_rows: bool,
}

/// A column of a CSV.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(crate) name: String,
    pub(crate) role: Option<Role>,
    pub(crate) kind: Kind,
    /// Whether its numbers are multiplied by ten million.
    pub(crate) e7: bool,
}

/// Paths to what a place needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Roles {
    pub(crate) id: Option<Vec<String>>,
    pub(crate) lat: Option<Vec<String>>,
    pub(crate) lon: Option<Vec<String>>,
    pub(crate) position: Option<Vec<String>>,
}

/// What recognition can look at.
#[derive(Default)]
pub(super) struct Evidence<'a> {
    /// Name of the input.
    pub(crate) name: &'a str,
    pub(crate) compression: Compression,
    /// The format of what was no text, and is lines now.
    pub(crate) lines_of: Option<Format>,
    /// The coordinate reference system that it declares outside of its records.
    pub(crate) crs: Crs,
    /// The member that it declares to be the geometry.
    pub(crate) geometry: Option<&'a str>,
    /// The first bytes, unpacked.
    pub(crate) beginning: &'a [u8],
    /// Whether that is all.
    pub(crate) whole: bool,
    /// Opens the input once more, unpacked, if it can be read twice.
    pub(crate) reopen: Option<Reopen<'a>>,
}

type Reopen<'a> = &'a dyn Fn() -> io::Result<Box<dyn Read + Send>>;

impl Plan {
    /// Recognises an input.
    pub(crate) fn recognise(evidence: &Evidence<'_>, options: &ReadOptions) -> Result<Self, InputError> {
        let fault = |reason: String| InputError::Broken { line: 1, reason };
        if let Some(reason) = refuse::by_magic(evidence.beginning) {
            return Err(InputError::Unreadable(reason));
        }
        let encoding = match &options.encoding {
            Some(label) => named(label).ok_or_else(|| {
                InputError::Usage(format!(
                    "there is no encoding `{label}`; try utf-8, utf-16le, latin1, windows-1252 or shift_jis"
                ))
            })?,
            None => certain(evidence.beginning).map_err(fault)?.unwrap_or(encoding_rs::UTF_8),
        };
        let text = decoded_sample(evidence, encoding);
        let bare_returns = has_bare_returns(&text);
        let text = if bare_returns {
            text.iter().map(|&b| if b == b'\r' { b'\n' } else { b }).collect()
        } else {
            text
        };
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        let mut format = match (evidence.lines_of, options.format) {
            (Some(of), None) => of,
            (Some(of), Some(said)) if said != of => {
                return Err(InputError::Usage(format!(
                    "--format says {}, but it is {}",
                    said.words(),
                    of.words()
                )));
            }
            (None, Some(said)) if said.is_binary() => {
                return Err(InputError::Unreadable(format!("it is not {}, as --format says", said.words())));
            }
            (_, Some(said)) => said,
            (None, None) => Format::guess(evidence.name, text),
        };
        if format == Format::Geojson && options.records.is_some() {
            format = Format::Json;
        }
        if let Some(reason) = refuse::by_text(text, format) {
            return Err(InputError::Unreadable(reason));
        }
        if format == Format::DynamodbJson && !options.items.reads() {
            return Err(InputError::Unreadable(
                "this is an export of DynamoDB, which `cellar import` restores".into(),
            ));
        }
        options.ensure_apply(format).map_err(InputError::Usage)?;
        let mut plan = Self::plain(format, options);
        plan.compression = evidence.compression;
        encoding.name().clone_into(&mut plan.encoding);
        plan.bare_returns = bare_returns;
        plan.rules.crs = evidence.crs;
        match format {
            Format::Csv => table::recognise(&mut plan, text, evidence, options)?,
            Format::Geojson | Format::Ndjson | Format::Geojsonseq | Format::Json | Format::Parquet => {
                json::recognise(&mut plan, text, evidence, options)?;
            }
            Format::DynamodbJson | Format::Kml | Format::Gpx | Format::Osm | Format::Pbf => {}
        }
        Ok(plan)
    }

    /// What options alone say.
    pub(crate) fn plain(format: Format, options: &ReadOptions) -> Self {
        Self {
            format,
            compression: Compression::None,
            encoding: "UTF-8".into(),
            bare_returns: false,
            skip_lines: 0,
            table: None,
            path: Vec::new(),
            roles: Roles::default(),
            rules: Rules {
                order: options.order.unwrap_or_default(),
                decimal_comma: options.decimal_comma,
                representative: options.representative_point,
                ..Rules::default()
            },
            fields: options.fields(),
            exported: false,
            id_property: options.id_property.clone().or_else(|| {
                options
                    .preset
                    .filter(|_| format != Format::Csv)
                    .and_then(|preset| preset.id().map(str::to_owned))
            }),
            generate_ids: options.generate_ids,
            notes: Vec::new(),
        }
    }

    /// What cuts the input into records.
    pub(crate) fn framer(&self) -> Box<dyn Framer> {
        match self.format {
            Format::Csv => Box::new(Csv::new(self.dialect())),
            Format::Geojson => Box::new(Collection::new()),
            Format::Json => Box::new(Tree::new(self.path.clone())),
            Format::Ndjson | Format::Kml | Format::Gpx | Format::Osm | Format::Parquet | Format::Pbf => {
                Box::new(Lines::features())
            }
            Format::DynamodbJson => Box::new(Lines::items()),
            Format::Geojsonseq => Box::new(Sequence),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.table.as_ref().map_or(Dialect::of(b','), |table| table.dialect)
    }

    /// The text of an unpacked input as the framer expects it.
    pub(crate) fn text(&self, unpacked: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let text = decoded(unpacked, named(&self.encoding).unwrap_or(encoding_rs::UTF_8));
        if self.bare_returns { Box::new(super::encoding::Newlines(text)) } else { text }
    }

    /// Passes over what stands before the first record.
    pub(crate) fn pass_beginning(&self, window: &mut Window) -> io::Result<()> {
        if window.fill(BYTE_ORDER_MARK.len())?.starts_with(BYTE_ORDER_MARK) {
            window.consume(BYTE_ORDER_MARK.len());
        }
        let mut left = self.skip_lines;
        while left > 0 && !window.fill(1)?.is_empty() {
            window.skip_through(b'\n')?;
            left -= 1;
        }
        Ok(())
    }

    /// What should be known of the input.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn decoded_sample(evidence: &Evidence<'_>, encoding: &'static encoding_rs::Encoding) -> Vec<u8> {
    if encoding == encoding_rs::UTF_8 {
        return evidence.beginning.to_vec();
    }
    // The last character may be cut; it is in the part of the sample that does not count.
    encoding.decode(evidence.beginning).0.into_owned().into_bytes()
}

/// The whole lines of a sample.
fn whole_lines(text: &[u8], whole: bool) -> &[u8] {
    let end = if whole {
        text.len()
    } else {
        text.iter().rposition(|&b| b == b'\n').map_or(text.len(), |at| at + 1)
    };
    &text[..end]
}

fn window_over(text: &[u8]) -> Window {
    Window::new(Box::new(Cursor::new(text.to_vec())), "")
}

#[cfg(test)]
mod tests;
