//! A record in every line that is not blank: NDJSON.

use super::{Frame, Framer, InputError, MAX_RECORD_BYTES, trimmed};
use crate::window::Window;

/// Longest line of an export of DynamoDB: an item of 400 KB whose every character is escaped as six.
const MAX_ITEM_LINE_BYTES: usize = 6 * 400 * 1024;

pub(crate) struct Lines {
    max_bytes: usize,
}

impl Lines {
    pub(crate) const fn features() -> Self {
        Self { max_bytes: MAX_RECORD_BYTES }
    }

    pub(crate) const fn items() -> Self {
        Self { max_bytes: MAX_ITEM_LINE_BYTES }
    }
}

impl Framer for Lines {
    fn next(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError> {
        window.skip_while(|b| b.is_ascii_whitespace())?;
        if window.peek()?.is_none() {
            return Ok(None);
        }
        let Some(end) = window.find(b'\n', self.max_bytes)? else {
            let frame = Frame::too_long(window, self.max_bytes);
            window.skip_through(b'\n')?;
            return Ok(Some(frame));
        };
        let text = trimmed(&window.unread()[..end]);
        Ok(Some(Frame::Record { line: window.line(), text, bytes: end }))
    }
}
