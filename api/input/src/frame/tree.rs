//! The records of any JSON document: the values at a path, such as `[]`, `data.items[]`, or `*` for the members of an
//! object whose names are ids.

use serde::{Deserialize, Serialize};

use super::collection::{broken, expect, feature, next_byte, separator, skip_value, small_value, string};
use super::{Frame, Framer, InputError};
use crate::window::Window;

pub(crate) use super::collection::ValueScan;

/// One step of the way from the top to the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The member of this name.
    Member(String),
    /// Every member; its name is the record's id.
    EachMember,
    /// Every item of an array.
    Each,
}

/// What is open at a place of the document: an array or an object.
struct Level {
    array: bool,
    comma: bool,
}

pub(crate) struct Tree {
    path: Vec<Step>,
    levels: Vec<Level>,
    started: bool,
    ended: bool,
    key: Option<String>,
    crs: Option<String>,
}

impl Tree {
    pub(crate) fn new(path: Vec<Step>) -> Self {
        Self { path, levels: Vec::new(), started: false, ended: false, key: None, crs: None }
    }

    /// At a value that the path leads to or through: the record, if it is one.
    fn enter(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError> {
        let depth = self.levels.len();
        let Some(step) = self.path.get(depth) else {
            return feature(window).map(Some);
        };
        let (open, array, what) = match step {
            Step::Each => (b'[', true, "an array"),
            Step::Member(_) | Step::EachMember => (b'{', false, "an object"),
        };
        if next_byte(window)? == Some(open) {
            window.consume(1);
            self.levels.push(Level { array, comma: false });
            return Ok(None);
        }
        if depth == 0 {
            return Err(broken(window, &format!("expected {what}")));
        }
        // One item of another make costs that item.
        let frame = feature(window)?;
        Ok(Some(match frame {
            Frame::Record { bytes, .. } => {
                let frame =
                    Frame::broken(window, bytes, format!("it is not {what}, as the records before are in"));
                window.consume(bytes);
                frame
            }
            broken @ Frame::Broken { .. } => broken,
        }))
    }

    /// Reads the name of a member; false if the path does not go on there, and the value is passed over.
    fn member(&mut self, window: &mut Window, depth: usize) -> Result<bool, InputError> {
        let name = string(window)?;
        expect(window, b':', "`:`")?;
        next_byte(window)?;
        match &self.path[depth - 1] {
            Step::EachMember => self.key = Some(name),
            Step::Member(wanted) if *wanted == name => {}
            _ if name == "crs" => {
                self.crs = Some(small_value(window)?);
                return Ok(false);
            }
            _ => {
                skip_value(window)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn close(&mut self, window: &mut Window) -> Result<(), InputError> {
        window.consume(1);
        self.levels.pop();
        if self.levels.is_empty() {
            self.end(window)?;
        }
        Ok(())
    }

    fn end(&mut self, window: &mut Window) -> Result<(), InputError> {
        self.ended = true;
        if next_byte(window)?.is_some() {
            return Err(broken(window, "something follows the end of the document"));
        }
        Ok(())
    }
}

impl Framer for Tree {
    fn next(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError> {
        loop {
            let found = next_byte(window)?;
            let depth = self.levels.len();
            if self.ended {
                return Ok(None);
            }
            let Some(level) = self.levels.last_mut() else {
                if self.started {
                    self.end(window)?;
                    continue;
                }
                self.started = true;
                if let Some(frame) = self.enter(window)? {
                    return Ok(Some(frame));
                }
                continue;
            };
            let closing = if level.array { b']' } else { b'}' };
            if found == Some(closing) {
                self.close(window)?;
                continue;
            }
            separator(window, level.comma)?;
            level.comma = true;
            let array = level.array;
            next_byte(window)?;
            let leads = array || self.member(window, depth)?;
            if leads && let Some(frame) = self.enter(window)? {
                return Ok(Some(frame));
            }
        }
    }

    fn ends_at_bad_json(&self) -> bool {
        true
    }

    fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    fn take_crs(&mut self) -> Option<String> {
        self.crs.take()
    }
}
