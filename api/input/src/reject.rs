//! A record that is listed instead of stored.

use serde::{Deserialize, Serialize};

/// How much of a rejected record is listed, in characters.
const LISTED_CHARS: usize = 500;

/// A record that was not stored, or not stored alone: a line of the rejects file.
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
    /// Line of the record before that has the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_line: Option<u64>,
    /// File in which that is, if the input is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_file: Option<String>,
    /// What is wrong with it.
    pub reason: String,
    /// Its first 500 characters.
    pub record: String,
}

impl Reject {
    pub(crate) fn new(line: u64, id: Option<String>, reason: String, record: &[u8]) -> Self {
        let record = listed(record);
        Self { file: None, line, id, repeats_line: None, repeats_file: None, reason, record }
    }
}

/// As much of a record as is listed.
pub(crate) fn listed(record: &[u8]) -> String {
    // Four bytes a character at most.
    let beginning = &record[..record.len().min(LISTED_CHARS * 4)];
    // Most records are short, and each is kept for a moment in case its id comes again.
    if let (true, Ok(text)) = (beginning.len() <= LISTED_CHARS, std::str::from_utf8(beginning)) {
        return text.to_owned();
    }
    String::from_utf8_lossy(beginning).chars().take(LISTED_CHARS).collect()
}
