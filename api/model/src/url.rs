//! Texts in URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a path segment needs no escape for, besides letters and digits (RFC 3986, "unreserved").
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one segment of a path.
///
/// ```
/// assert_eq!(cellar_model::escape_segment("château/7#a"), "ch%C3%A2teau%2F7%23a");
/// ```
pub fn escape_segment(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
