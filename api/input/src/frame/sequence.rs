//! GeoJSON text sequences (RFC 8142): every record follows a record separator and may span lines.

use super::{Frame, Framer, InputError, MAX_RECORD_BYTES, trimmed};
use crate::window::Window;

pub(crate) const RECORD_SEPARATOR: u8 = 0x1e;

pub(crate) struct Sequence;

impl Framer for Sequence {
    fn next(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError> {
        window.skip_while(|b| b == RECORD_SEPARATOR || b.is_ascii_whitespace())?;
        if window.peek()?.is_none() {
            return Ok(None);
        }
        let Some(end) = window.find(RECORD_SEPARATOR, MAX_RECORD_BYTES)? else {
            let frame = Frame::too_long(window, MAX_RECORD_BYTES);
            window.skip_through(RECORD_SEPARATOR)?;
            return Ok(Some(frame));
        };
        let text = trimmed(&window.unread()[..end]);
        Ok(Some(Frame::Record { line: window.line(), text, bytes: end }))
    }
}
