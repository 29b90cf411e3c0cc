//! Rows of CSV (RFC 4180), which quoted cells may spread over lines.
//!
//! Stricter than the csv crate, which always finds *a* reading: a quote that is never closed makes it swallow
//! what follows, up to the next quote by chance or to the end of the file. Here nothing but a delimiter or the
//! end of a line may follow a closing quote, and no row is longer than the look ahead. If a row breaks that,
//! its first line is one broken record and the next line begins a new one, so that nothing is lost unseen.
//! Where the plan says so, `\"` within quotes is a quote, or no cell is ever quoted.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Frame, Framer, InputError, MAX_RECORD_BYTES};
use crate::window::{Window, newlines};

/// How the cells of a row are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dialect {
    /// What separates cells.
    pub(crate) delimiter: u8,
    /// Whether a cell may be in quotes.
    pub(crate) quotes: bool,
    /// Whether `\"` within quotes is a quote, too.
    pub(crate) backslash: bool,
}

impl Dialect {
    /// As RFC 4180 has it, but for the delimiter.
    pub(crate) const fn of(delimiter: u8) -> Self {
        Self { delimiter, quotes: true, backslash: false }
    }
}

pub(crate) struct Csv {
    dialect: Dialect,
}

impl Csv {
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self { dialect }
    }

    fn row_end(&self, window: &mut Window) -> Result<RowEnd, InputError> {
        let mut state = CellState::Start;
        let mut seen = 0;
        loop {
            let unread = window.unread();
            for (i, &byte) in unread.iter().enumerate().skip(seen) {
                state = state.next(byte, self.dialect);
                match state {
                    CellState::RowEnd => return Ok(RowEnd::At(i + 1)),
                    CellState::Stray => return Ok(RowEnd::Stray(i)),
                    _ if i >= MAX_RECORD_BYTES => return Ok(RowEnd::TooLong),
                    _ => {}
                }
            }
            seen = unread.len();
            if !window.grow()? {
                let open = matches!(state, CellState::Quoted | CellState::Escaped);
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
    /// After a backslash within quotes, where that escapes.
    Escaped,
    /// After a quote within quotes: it closes the cell, or is the first of a doubled one.
    Closing,
    /// After a carriage return that follows a closing quote.
    Return,
    RowEnd,
    Stray,
}

impl CellState {
    const fn next(self, byte: u8, dialect: Dialect) -> Self {
        match (self, byte) {
            (Self::Quoted, b'\\') if dialect.backslash => Self::Escaped,
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Quoted | Self::Escaped, _) | (Self::Closing, b'"') => Self::Quoted,
            (Self::Start, b'"') if dialect.quotes => Self::Quoted,
            (_, b'\n') => Self::RowEnd,
            (Self::Closing, b'\r') => Self::Return,
            (Self::Start | Self::Plain | Self::Closing, _) if byte == dialect.delimiter => Self::Start,
            (Self::Start | Self::Plain, _) => Self::Plain,
            _ => Self::Stray,
        }
    }
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Whether it stood in quotes.
    pub(crate) quoted: bool,
}

/// The cells of a row that was framed.
pub(crate) fn cells(row: &str, dialect: Dialect) -> impl Iterator<Item = Cell<'_>> {
    let delimiter = char::from(dialect.delimiter);
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(quoted) = text.strip_prefix('"').filter(|_| dialect.quotes) else {
            let (cell, after) = text.split_once(delimiter).map_or((text, None), |(c, r)| (c, Some(r)));
            rest = after;
            return Some(Cell { text: Cow::Borrowed(cell), quoted: false });
        };
        let end = closing_quote(quoted, dialect.backslash);
        let cell = &quoted[..end];
        rest = quoted.get(end + 1..).and_then(|after| after.strip_prefix(delimiter));
        Some(Cell { text: unescaped(cell, dialect.backslash), quoted: true })
    })
}

/// Index of the quote that is neither doubled nor escaped.
fn closing_quote(quoted: &str, backslash: bool) -> usize {
    let bytes = quoted.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if backslash => at += 2,
            b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return at,
            _ => at += 1,
        }
    }
    quoted.len()
}

fn unescaped(cell: &str, backslash: bool) -> Cow<'_, str> {
    if !(cell.contains('"') || backslash && cell.contains('\\')) {
        return Cow::Borrowed(cell);
    }
    if !backslash {
        return Cow::Owned(cell.replace("\"\"", "\""));
    }
    let mut out = String::with_capacity(cell.len());
    let mut chars = cell.chars().peekable();
    while let Some(c) = chars.next() {
        let doubled = c == '"' && chars.peek() == Some(&'"');
        let escapes = c == '\\' && matches!(chars.peek(), Some('"' | '\\'));
        if doubled || escapes {
            out.extend(chars.next());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}
