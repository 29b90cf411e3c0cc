//! Why a line of a log is of no use.

use geo_index::{CellError, PositionError};
use thiserror::Error;

/// Why a line of a log, or the search in it, cannot be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum LogError {
    /// No format that is known.
    #[error("neither a log line nor JSON")]
    Format,
    /// Begins like JSON, but is none.
    #[error("not JSON: {0}")]
    Json(String),
    /// A line of the common log format without its request.
    #[error("no request in quotes")]
    NoRequest,
    /// The request is not `METHOD target HTTP/x`.
    #[error("no request line")]
    RequestLine,
    /// A line of `CloudFront`'s log without a path.
    #[error("no cs-uri-stem")]
    NoPath,
    /// A line without a time.
    #[error("{0}")]
    NoTime(&'static str),
    /// A time in no known form.
    #[error("not a time")]
    Time,
    /// The collection has an impossible name.
    #[error("not the name of a collection")]
    Collection,
    /// The cell of a cell answer is none.
    #[error("cell: {0}")]
    Cell(CellError),
    /// A parameter that a search needs is not there.
    #[error("no {0}")]
    Missing(&'static str),
    /// A coordinate that is no number.
    #[error("{0} is not a number")]
    Number(&'static str),
    /// Not on Earth.
    #[error(transparent)]
    Position(PositionError),
    /// The parameter `radius` is no distance.
    #[error("radius is not a distance")]
    Radius,
    /// The parameter `limit` is out of range.
    #[error("limit is not 1 to 100")]
    Limit,
}
