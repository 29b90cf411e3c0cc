//! A record in every line that is not blank: NDJSON.

use super::{Frame, Framer, InputError, MAX_RECORD_BYTES, trimmed};
use crate::jobs::import::window::Window;

pub(in super::super) struct Lines;

impl Framer for Lines {
    fn next(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError> {
        window.skip_while(|b| b.is_ascii_whitespace())?;
        if window.peek()?.is_none() {
            return Ok(None);
        }
        let Some(end) = window.find(b'\n', MAX_RECORD_BYTES)? else {
            let frame = Frame::too_long(window);
            window.skip_through(b'\n')?;
            return Ok(Some(frame));
        };
        let text = trimmed(&window.unread()[..end]);
        Ok(Some(Frame::Record { line: window.line(), text, bytes: end }))
    }
}
