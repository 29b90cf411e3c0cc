//! Cuts a stream into records without reading what is in them.
//!
//! Framing is apart from parsing so that one bad record costs one record, that a resumed import can pass over
//! what it has done at the speed of reading, and that every record has its line and its text for the list of
//! rejected ones.

mod collection;
mod csv;
mod lines;
mod sequence;
mod tree;

use std::io;
use std::ops::Range;

use thiserror::Error;

pub(super) use self::collection::Collection;
pub(super) use self::csv::{Cell, Csv, Dialect, cells};
pub(super) use self::lines::Lines;
pub(super) use self::sequence::{RECORD_SEPARATOR, Sequence};
pub(super) use self::tree::{Step, Tree, ValueScan};
use cellar_model::geojson::MAX_FEATURE_BYTES;

use super::window::Window;

/// Longest record, in bytes; what a framer looks ahead.
pub(super) const MAX_RECORD_BYTES: usize = MAX_FEATURE_BYTES;

/// How much of a record that is not kept is shown.
const EXCERPT_BYTES: usize = 2048;

/// Why an input cannot be read on.
#[derive(Debug, Error)]
pub enum InputError {
    /// It could not be opened or read.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// Broken beyond the record it is in.
    #[error("line {line}: {reason}")]
    Broken {
        /// Line, from 1.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// Known for what it is, and not read.
    #[error("{0}")]
    Unreadable(String),
    /// An option that makes no sense for it.
    #[error("{0}")]
    Usage(String),
    /// The first line of a CSV does not say which column is which.
    #[error("{problem}; the columns are {}", columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    Columns {
        /// What is missing or ambiguous, and which option says it.
        problem: String,
        /// Names of all columns.
        columns: Vec<String>,
    },
}

impl InputError {
    /// Names the file, if it is not the first of several.
    pub(super) fn in_file(self, name: &str, further: bool) -> Self {
        if further { Self::Unreadable(format!("{name}: {self}")) } else { self }
    }
}

/// One record, as far as it could be told from the next.
#[derive(Debug)]
pub(super) enum Frame {
    /// Whole and not consumed yet.
    Record {
        /// Line it begins in, from 1.
        line: u64,
        /// Where its text is in what is unread.
        text: Range<usize>,
        /// How many bytes to consume when done with it.
        bytes: usize,
    },
    /// Not to be had; consumed.
    Broken {
        /// Line it begins in, from 1.
        line: u64,
        /// How it begins.
        excerpt: Vec<u8>,
        /// Why.
        reason: String,
    },
}

impl Frame {
    /// The unread bytes that begin here are a broken record; the caller consumes them.
    fn broken(window: &Window, bytes: usize, reason: String) -> Self {
        let bytes = bytes.min(EXCERPT_BYTES).min(window.unread().len());
        Self::Broken { line: window.line(), excerpt: window.unread()[..bytes].to_vec(), reason }
    }

    fn too_long(window: &Window, max_bytes: usize) -> Self {
        let reason = format!("the record is longer than {max_bytes} bytes");
        Self::broken(window, EXCERPT_BYTES, reason)
    }
}

/// A way to cut a stream into records.
pub(super) trait Framer: Send {
    /// The next record; `None` at the end. The record before must have been consumed.
    fn next(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError>;

    /// Whether a record that is no JSON shows that the framing itself has lost its way.
    fn ends_at_bad_json(&self) -> bool {
        false
    }

    /// The name under which the last record stood, in an object of objects.
    fn key(&self) -> Option<&str> {
        None
    }

    /// The text of the member `crs` that came last, once.
    fn take_crs(&mut self) -> Option<String> {
        None
    }
}

/// The range without white space at its ends.
fn trimmed(bytes: &[u8]) -> Range<usize> {
    let start = bytes.len() - bytes.trim_ascii_start().len();
    start..start + bytes[start..].trim_ascii_end().len()
}

#[cfg(test)]
mod tests;
