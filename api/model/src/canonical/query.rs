//! The query string as names and values, read as the API reads it.

use super::{MAX_QUERY_BYTES, Reject, RejectKind};

/// A decoded query: every name is known and there once.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

/// Rule P3: whether some part of the query says `mode=cell`. What cannot be decoded does not.
pub(super) fn asks_for_a_cell(raw: &str) -> bool {
    // Most requests say nothing of the kind, and most of these have no escape that could hide it.
    (raw.contains("mode=cell") || raw.contains('%'))
        && parts(raw).any(|(name, value)| says(name, "mode") && says(value, "cell"))
}

/// Whether a text decodes to a word without spaces. What is not longer has no escape to decode, for escapes shrink.
fn says(text: &str, word: &str) -> bool {
    if text.len() <= word.len() {
        return text == word;
    }
    text.bytes().any(|byte| byte == b'%') && decode(text).is_ok_and(|decoded| decoded == word)
}

impl Query {
    /// Rules Q1 to Q5; the leftmost fault counts.
    pub(super) fn parse(raw: &str, known: &[&str]) -> Result<Self, Reject> {
        if raw.len() > MAX_QUERY_BYTES {
            let detail = format!("the query has {} bytes; it may have at most {MAX_QUERY_BYTES}", raw.len());
            return Err(Reject { kind: RejectKind::QueryTooLong, parameter: None, detail });
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in parts(raw) {
            let name = decode(name).map_err(|what| Reject {
                kind: RejectKind::QueryMalformed,
                parameter: None,
                detail: format!("the query holds {what}"),
            })?;
            let reject = |kind, detail: &str| Reject::of(kind, &name, &detail);
            if !known.contains(&name.as_str()) {
                let detail = format!("there is no such parameter here, only {}", known.join(", "));
                return Err(reject(RejectKind::ParameterUnknown, &detail));
            }
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(reject(RejectKind::ParameterRepeated, "the parameter is there more than once"));
            }
            let value = decode(value)
                .map_err(|what| reject(RejectKind::QueryMalformed, &format!("the value holds {what}")))?;
            if value.is_empty() {
                return Err(reject(RejectKind::ParameterInvalid, "the parameter is empty"));
            }
            if value.chars().any(char::is_control) {
                return Err(reject(RejectKind::ParameterInvalid, "the value holds a control character"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Rule Q2.
fn parts(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    raw.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Rule Q3: as in forms, `+` is a space.
fn decode(text: &str) -> Result<String, &'static str> {
    percent_decode(text.replace('+', " ").as_bytes())
}

/// Percent-decoding that guesses nothing.
pub(super) fn percent_decode(text: &[u8]) -> Result<String, &'static str> {
    let hex = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'%' {
            let (Some(high), Some(low)) = (hex(at + 1), hex(at + 2)) else {
                return Err("a `%` that two hexadecimal digits do not follow");
            };
            bytes.push((high * 16 + low) as u8);
            at += 3;
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    String::from_utf8(bytes).map_err(|_| "bytes that are not UTF-8")
}
