//! Why a text is no filter.

use thiserror::Error;

/// What is wrong with the text of a filter, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("at character {position}, {fault}")]
pub struct FilterError {
    /// The character at fault, counted from 1; one more than there are if the text ends too early.
    pub position: usize,
    /// What is wrong there.
    pub fault: FilterFault,
}

/// A fault of a filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FilterFault {
    /// Something else would have to stand there.
    #[error("{found} stands where {expected} is expected")]
    Unexpected {
        /// What stands there, as a reader would name it.
        found: String,
        /// What could.
        expected: &'static str,
    },
    /// A text or a name in quotes does not end.
    #[error("a {0} begins that does not end: its closing quote is missing")]
    Unclosed(&'static str),
    /// A number that is none, or beyond what a double holds.
    #[error("`{0}` is not a number that can be compared")]
    Number(String),
    /// Something that is part of CQL2 or of SQL, but not of these filters.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A function that there is not.
    #[error("there is no function `{0}`; `CASEI` is the only one")]
    Function(String),
    /// Larger than a filter may be.
    #[error("the filter has more than {most} {what}")]
    TooLarge {
        /// Of what there are too many.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
}

impl FilterFault {
    /// Whether it is a bound that is exceeded, rather than the grammar that is broken.
    pub const fn is_bound(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }

    pub(super) fn at(self, position: usize) -> FilterError {
        FilterError { position, fault: self }
    }
}
