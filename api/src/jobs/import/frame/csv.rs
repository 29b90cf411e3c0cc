//! Rows of CSV (RFC 4180), which quoted cells may spread over lines.
//!
//! Stricter than the csv crate, which always finds *a* reading: a quote that is never closed makes it swallow
//! what follows, up to the next quote by chance or to the end of the file. Here nothing but a delimiter or the
//! end of a line may follow a closing quote, and no row is longer than the look ahead. If a row breaks that,
//! its first line is one broken record and the next line begins a new one, so that nothing is lost unseen.

use std::borrow::Cow;

use super::{Frame, Framer, InputError, MAX_RECORD_BYTES};
use crate::jobs::import::window::{Window, newlines};

pub(in super::super) struct Csv {
    delimiter: u8,
}

impl Csv {
    pub(in super::super) const fn new(delimiter: u8) -> Self {
        Self { delimiter }
    }

    fn row_end(&self, window: &mut Window) -> Result<RowEnd, InputError> {
        let mut state = CellState::Start;
        let mut seen = 0;
        loop {
            let unread = window.unread();
            for (i, &byte) in unread.iter().enumerate().skip(seen) {
                state = state.next(byte, self.delimiter);
                match state {
                    CellState::RowEnd => return Ok(RowEnd::At(i + 1)),
                    CellState::Stray => return Ok(RowEnd::Stray(i)),
                    _ if i >= MAX_RECORD_BYTES => return Ok(RowEnd::TooLong),
                    _ => {}
                }
            }
            seen = unread.len();
            if !window.grow()? {
                let open = matches!(state, CellState::Quoted);
                return Ok(if open { RowEnd::TooLong } else { RowEnd::At(seen) });
            }
        }
    }
}

impl Framer for Csv {
    fn next(&mut self, window: &mut Window) -> Result<Option<Frame>, InputError> {
        window.skip_while(|b| b == b'\n' || b == b'\r')?;
        if window.peek()?.is_none() {
            return Ok(None);
        }
        let reason = match self.row_end(window)? {
            RowEnd::At(bytes) => {
                let row = &window.unread()[..bytes];
                let row = row.strip_suffix(b"\n").unwrap_or(row);
                let text = 0..row.strip_suffix(b"\r").unwrap_or(row).len();
                return Ok(Some(Frame::Record { line: window.line(), text, bytes }));
            }
            RowEnd::Stray(at) => match newlines(&window.unread()[..at]) {
                0 => "text follows the closing quote of a cell".to_owned(),
                lines => format!(
                    "a quote opens in this line and is not closed in it; in line {} text follows the next quote",
                    window.line() + lines
                ),
            },
            RowEnd::TooLong => match window.find(b'\n', MAX_RECORD_BYTES)? {
                Some(_) => format!(
                    "a quote opens in this line and is not closed within {MAX_RECORD_BYTES} bytes or before the end"
                ),
                None => format!("the record is longer than {MAX_RECORD_BYTES} bytes"),
            },
        };
        let line_bytes = window.find(b'\n', MAX_RECORD_BYTES)?.unwrap_or(MAX_RECORD_BYTES);
        let frame = Frame::broken(window, line_bytes, reason);
        window.skip_through(b'\n')?;
        Ok(Some(frame))
    }
}

enum RowEnd {
    /// So many bytes, with the end of the line.
    At(usize),
    /// Something that must not follow a quote, at this byte.
    Stray(usize),
    /// Too long, or a quote is open at the end of the input.
    TooLong,
}

#[derive(Clone, Copy)]
enum CellState {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: it closes the cell, or is the first of a doubled one.
    Closing,
    /// After a carriage return that follows a closing quote.
    Return,
    RowEnd,
    Stray,
}

impl CellState {
    const fn next(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Quoted, _) | (Self::Start | Self::Closing, b'"') => Self::Quoted,
            (_, b'\n') => Self::RowEnd,
            (Self::Closing, b'\r') => Self::Return,
            (Self::Start | Self::Plain | Self::Closing, _) if byte == delimiter => Self::Start,
            (Self::Start | Self::Plain, _) => Self::Plain,
            _ => Self::Stray,
        }
    }
}

/// The cells of a row that was framed.
pub(in super::super) fn cells(row: &str, delimiter: u8) -> impl Iterator<Item = Cow<'_, str>> {
    let delimiter = char::from(delimiter);
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(quoted) = text.strip_prefix('"') else {
            let (cell, after) = text.split_once(delimiter).map_or((text, None), |(c, r)| (c, Some(r)));
            rest = after;
            return Some(Cow::Borrowed(cell));
        };
        let end = closing_quote(quoted);
        let cell = &quoted[..end];
        rest = quoted.get(end + 1..).and_then(|after| after.strip_prefix(delimiter));
        Some(if cell.contains('"') { Cow::Owned(cell.replace("\"\"", "\"")) } else { Cow::Borrowed(cell) })
    })
}

/// Index of the quote that is not doubled.
fn closing_quote(quoted: &str) -> usize {
    let mut from = 0;
    while let Some(at) = quoted[from..].find('"').map(|i| from + i) {
        if !quoted[at + 1..].starts_with('"') {
            return at;
        }
        from = at + 2;
    }
    quoted.len()
}
