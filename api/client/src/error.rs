//! Why there are no results, and what was wrong with an answer.

use geo_index::edge::CacheCell;
use thiserror::Error;

use super::transport::TransportError;

/// Why a call has no results.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClientError {
    /// The call makes no sense; nothing was sent.
    #[error("`{parameter}` must be {allowed}")]
    Invalid {
        /// What is at fault.
        parameter: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// The exact endpoint did not answer.
    #[error(transparent)]
    Unreachable(#[from] TransportError),
    /// The exact endpoint answered with another status than 200.
    #[error("the server answers {status}{}", .detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default())]
    Refused {
        /// The status.
        status: u16,
        /// The problem's detail (RFC 9457), if there was one.
        detail: Option<String>,
    },
    /// The exact endpoint's answer is none.
    #[error("the server's answer is broken: {0}")]
    Broken(#[from] Fault),
    /// There was no answer in time.
    #[error("there was no answer in time")]
    Deadline,
}

/// What is wrong with an answer, so that nothing can be made of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// No JSON, or not such a document.
    #[error("it is no such document: {0}")]
    Document(String),
    /// The answer of another URL: of another collection, cell or category, or for another position.
    #[error("it was asked for {asked} and is for {served}")]
    Other {
        /// What was asked for.
        asked: String,
        /// What came.
        served: String,
    },
    /// A certificate that no server states: not whole metres, beyond the horizon, or not where the list ends.
    #[error("a certificate of {metres} m does not go with its {places} places")]
    Certificate {
        /// The certificate, as it was sent.
        metres: String,
        /// Places listed.
        places: usize,
    },
    /// More or fewer places than it says, or than were asked for.
    #[error("{found} places instead of {stated}")]
    Count {
        /// Places stated or asked for.
        stated: usize,
        /// Places there.
        found: usize,
    },
    /// A place that does not belong there: too far away, of another category, out of order, there twice, or at
    /// another distance than stated.
    #[error("the place `{id}` {what}")]
    Place {
        /// Its id.
        id: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Fault {
    /// The answer of another cell.
    pub(super) fn other_cell(asked: CacheCell, served: &str) -> Self {
        Self::Other { asked: asked.to_string(), served: excerpt(served) }
    }

    /// The answer of another URL.
    pub(super) fn other_url(asked: &str, served: &str) -> Self {
        Self::Other { asked: asked.to_owned(), served: excerpt(served) }
    }

    /// A place that does not belong there.
    pub(super) fn place(id: &str, what: &'static str) -> Self {
        Self::Place { id: excerpt(id), what }
    }
}

/// The beginning of a text from outside, fit for one line.
pub(super) fn excerpt(text: &str) -> String {
    const MOST_CHARS: usize = 200;
    text.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect()
}
