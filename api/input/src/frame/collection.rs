//! The features of a FeatureCollection, one at a time, and what it says of its coordinates.
//!
//! A record begins in the line of its `{`. Brackets are only counted here; whether what is between them is JSON
//! shows when the record is read, and if it is not, the count cannot be trusted either and the import ends.

use super::{Frame, Framer, InputError, MAX_RECORD_BYTES};
use crate::window::Window;

/// Longest name of a member, and longest `type`, in bytes with their quotes.
const MAX_NAME_BYTES: usize = 1024;

pub(crate) struct Collection {
    state: State,
    seen_features: bool,
    crs: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    /// Before a member, or at the end; whether a comma must come first.
    Members {
        comma: bool,
    },
    /// Before a feature, or at the end of them; whether a comma must come first.
    Features {
        comma: bool,
    },
    End,
}

impl Collection {
    pub(crate) const fn new() -> Self {
        Self { state: State::Start, seen_features: false, crs: None }
    }

    fn member(&mut self, window: &mut Window) -> Result<(), InputError> {
        let name = string(window)?;
        expect(window, b':', "`:`")?;
        let first = next_byte(window)?;
        self.state = State::Members { comma: true };
        match name.as_str() {
            "features" if self.seen_features => return Err(broken(window, "`features` is there twice")),
            "features" if first == Some(b'[') => {
                window.consume(1);
                self.seen_features = true;
                self.state = State::Features { comma: false };
            }
            "features" => return Err(broken(window, "`features` is not an array")),
            "type" if first == Some(b'"') => match string(window)?.as_str() {
                "FeatureCollection" => {}
                "Feature" => {
                    let reason = "this is a single Feature, not a FeatureCollection; import it as `ndjson`, in one line";
                    return Err(broken(window, reason));
                }
                other => {
                    let reason = format!("expected a FeatureCollection, not a {other}");
                    return Err(broken(window, &reason));
                }
            },
            "crs" => self.crs = Some(small_value(window)?),
            _ => skip_value(window)?,
        }
        Ok(())
    }

    fn end(&mut self, window: &mut Window) -> Result<(), InputError> {
        if !self.seen_features {
            return Err(broken(window, "not a FeatureCollection: it has no member `features`"));
        }
        self.state = State::End;
        match next_byte(window)? {
            None => Ok(()),
            Some(_) => Err(broken(window, "something follows the end of the FeatureCollection")),
        }
    }
}

impl Framer for Collection {
    fn next(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError> {
        loop {
            let found = next_byte(window)?;
            match (self.state, found) {
                (State::End, _) => return Ok(None),
                (State::Start, Some(b'{')) => {
                    window.consume(1);
                    self.state = State::Members { comma: false };
                }
                (State::Start, _) => return Err(broken(window, "expected a FeatureCollection, `{`")),
                (State::Members { .. }, Some(b'}')) => {
                    window.consume(1);
                    self.end(window)?;
                }
                (State::Features { .. }, Some(b']')) => {
                    window.consume(1);
                    self.state = State::Members { comma: true };
                }
                (State::Members { comma }, _) => {
                    separator(window, comma)?;
                    self.member(window)?;
                }
                (State::Features { comma }, _) => {
                    separator(window, comma)?;
                    next_byte(window)?;
                    self.state = State::Features { comma: true };
                    return feature(window).map(Some);
                }
            }
        }
    }

    fn ends_at_bad_json(&self) -> bool {
        true
    }

    fn take_crs(&mut self) -> Option<String> {
        self.crs.take()
    }
}

pub(super) fn feature(window: &mut Window) -> Result<Frame, InputError> {
    if let Some(end) = value_end(window, MAX_RECORD_BYTES)? {
        return Ok(Frame::Record { line: window.line(), text: 0..end, bytes: end });
    }
    let frame = Frame::too_long(window, MAX_RECORD_BYTES);
    skip_value(window)?;
    Ok(frame)
}

pub(super) fn broken(window: &Window, reason: &str) -> InputError {
    InputError::Broken { line: window.line(), reason: reason.into() }
}

fn ended(window: &Window) -> InputError {
    broken(window, "the input ends before the FeatureCollection does")
}

/// The next byte that is not white space.
pub(super) fn next_byte(window: &mut Window) -> Result<Option<u8>, InputError> {
    window.skip_while(|b| b.is_ascii_whitespace())?;
    Ok(window.peek()?)
}

pub(super) fn expect(window: &mut Window, wanted: u8, name: &str) -> Result<(), InputError> {
    match next_byte(window)? {
        Some(found) if found == wanted => {
            window.consume(1);
            Ok(())
        }
        Some(_) => Err(broken(window, &format!("not valid JSON: expected {name}"))),
        None => Err(ended(window)),
    }
}

pub(super) fn separator(window: &mut Window, comma: bool) -> Result<(), InputError> {
    if comma { expect(window, b',', "`,`") } else { Ok(()) }
}

/// Consumes a short string.
pub(super) fn string(window: &mut Window) -> Result<String, InputError> {
    next_byte(window)?;
    let end = value_end(window, MAX_NAME_BYTES)?.unwrap_or(0);
    let text = serde_json::from_slice(&window.unread()[..end])
        .map_err(|_| broken(window, "not valid JSON: expected the name of a member"))?;
    window.consume(end);
    Ok(text)
}

/// Length of the value that begins here; `None` if it is longer than the limit.
pub(super) fn value_end(window: &mut Window, limit_bytes: usize) -> Result<Option<usize>, InputError> {
    let mut scan = ValueScan::default();
    let mut seen = 0;
    loop {
        let found = scan.find_end(&window.unread()[seen..]).map(|end| seen + end);
        seen = window.unread().len();
        match found {
            Some(0) => return Err(broken(window, "not valid JSON: expected a value")),
            Some(end) => return Ok((end <= limit_bytes).then_some(end)),
            None if seen > limit_bytes => return Ok(None),
            None if !window.grow()? => return Err(ended(window)),
            None => {}
        }
    }
}

/// Consumes a value that is expected to be small, and returns its text.
pub(super) fn small_value(window: &mut Window) -> Result<String, InputError> {
    next_byte(window)?;
    let end =
        value_end(window, MAX_NAME_BYTES)?.ok_or_else(|| broken(window, "the member `crs` is too long"))?;
    let text = String::from_utf8_lossy(&window.unread()[..end]).into_owned();
    window.consume(end);
    Ok(text)
}

/// Consumes a value of any length.
pub(super) fn skip_value(window: &mut Window) -> Result<(), InputError> {
    let mut scan = ValueScan::default();
    loop {
        if let Some(end) = scan.find_end(window.unread()) {
            window.consume(end);
            return Ok(());
        }
        window.consume(window.unread().len());
        if !window.grow()? {
            return Err(ended(window));
        }
    }
}

/// Finds the end of one JSON value, fed in any pieces.
#[derive(Default)]
pub(crate) struct ValueScan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl ValueScan {
    /// How many of these bytes still belong to the value; `None` if all do and it goes on.
    pub(crate) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (i, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                self.in_string = self.escaped || byte != b'"';
                self.escaped = byte == b'\\' && !self.escaped;
                if !self.in_string && self.depth == 0 {
                    return Some(i + 1);
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => return Some(i + 1),
                b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => {
                    return Some(i);
                }
                _ => {}
            }
        }
        None
    }
}
