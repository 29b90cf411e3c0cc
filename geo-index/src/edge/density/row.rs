//! The text of a row under a geohash-4 cell: which of its parts need precision 5, 6 or 7.
//!
//! Either one digit, for the whole cell, or 32 characters, one for each child in order: `5` to `7`, or `x` where a child is
//! of two precisions. For each `x`, in order, seven characters of the geohash alphabet follow, of five bits each, the
//! lowest first: bit *n* of these 35 is set where grandchild *n* needs precision 7 rather than 6; the last three are 0.

use crate::edge::ladder::PRECISIONS;
use crate::grid::geohash::{ALPHABET, GeohashCell};

/// What is written where finer rows, or bits, know more.
pub(super) const MIXED: u8 = b'x';

/// Children of a geohash cell.
pub(super) const PARTS: usize = 32;

/// Characters for the grandchildren below one child.
const BITS: usize = 7;

/// A part of a density map below a geohash-4 cell: one of its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One precision for all of it: 5, 6 or 7.
    Whole(u8),
    /// Precision 6, but 7 in the children whose bits are set, the first in the lowest.
    Finer(u32),
}

impl Part {
    /// The same as one precision, where it is one.
    fn simple(self) -> Self {
        match self {
            Self::Finer(0) => Self::Whole(6),
            Self::Finer(u32::MAX) => Self::Whole(7),
            other => other,
        }
    }

    fn is_valid(self) -> bool {
        !matches!(self, Self::Whole(precision) if !is_precision(precision))
    }
}

fn is_precision(precision: u8) -> bool {
    (5..=*PRECISIONS.end()).contains(&precision)
}

/// The row of a cell whose children are these; `None` if one is of a precision that parts do not have.
pub(super) fn write(parts: [Part; PARTS]) -> Option<Box<str>> {
    if !parts.into_iter().all(Part::is_valid) {
        return None;
    }
    let parts = parts.map(Part::simple);
    if let [Part::Whole(precision), rest @ ..] = parts
        && rest.iter().all(|&part| part == parts[0])
    {
        return whole(precision);
    }
    let mark = |part: &Part| match part {
        Part::Whole(precision) => char::from(b'0' + precision),
        Part::Finer(_) => char::from(MIXED),
    };
    let bits = |part: &Part| match part {
        Part::Whole(_) => None,
        &Part::Finer(bits) => Some((0..BITS).map(move |n| {
            let five = (u64::from(bits) >> (5 * n)) & 31;
            char::from(ALPHABET[five as usize])
        })),
    };
    let text: String = parts.iter().map(mark).chain(parts.iter().filter_map(bits).flatten()).collect();
    Some(text.into())
}

/// The row of a cell of one precision, 5 to 7.
pub(super) fn whole(precision: u8) -> Option<Box<str>> {
    is_precision(precision).then(|| precision.to_string().into())
}

#[expect(clippy::naive_bytecount, reason = "they are 32 at most")]
fn mixed_among(marks: &[u8]) -> usize {
    marks.iter().filter(|&&mark| mark == MIXED).count()
}

/// Whether a text is a row.
pub(super) fn is_row(text: &str) -> bool {
    let known = |&mark: &u8| mark == MIXED || is_precision(mark.wrapping_sub(b'0'));
    match text.as_bytes() {
        [digit] => is_precision(digit.wrapping_sub(b'0')),
        marks if marks.len() < PARTS => false,
        bytes => {
            let (marks, bits) = bytes.split_at(PARTS);
            let mixed = mixed_among(marks);
            marks.iter().all(known)
                && bits.len() == BITS * mixed
                && bits.iter().all(|byte| ALPHABET.contains(byte))
        }
    }
}

/// The precision that a row notes for a cell below its own; `None` if that is too coarse to have one.
pub(super) fn precision(row: &str, cell: GeohashCell) -> Option<u8> {
    let bytes = row.as_bytes();
    let at = if bytes.len() == 1 { 0 } else { cell.digit(5)? };
    match bytes[at] {
        MIXED => {
            let n = cell.digit(6)?;
            let before = mixed_among(&bytes[..at]);
            let five = bytes[PARTS + BITS * before + n / 5];
            let five = ALPHABET.iter().position(|&letter| letter == five)?;
            Some(6 + (five >> (n % 5) & 1) as u8)
        }
        digit => Some(digit - b'0'),
    }
}

/// Each part of a row with its precision: the whole cell, its children, or grandchildren.
pub(super) fn parts(row: &str, cell: GeohashCell) -> Vec<(GeohashCell, u8)> {
    use crate::grid::GridCell as _;
    if row.len() == 1 {
        return precision(row, cell).map(|precision| (cell, precision)).into_iter().collect();
    }
    let known = |part: GeohashCell| precision(row, part).map(|precision| (part, precision));
    let below = |child: GeohashCell| match known(child) {
        Some(part) => vec![part],
        None => child.children().into_iter().filter_map(known).collect(),
    };
    cell.children().into_iter().flat_map(below).collect()
}
