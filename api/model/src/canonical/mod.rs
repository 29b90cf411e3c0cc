//! One URL for one meaning: what the edge and the origin make of a request before either answers it.
//!
//! The same rules run in the edge function, in JavaScript; docs/EDGE.md is their text, in numbered rules that the
//! comments here name, and `infra/edge/vectors.json` is what both are tested with.
//!
//! Invariant: requests that mean the same cell answer get one canonical URL, and no two answers share one. A
//! canonical URL is its own canonical URL.

mod query;
mod values;

use std::fmt::{self, Write as _};

use geo_index::edge::{CacheCell, CacheCellError, DEFAULT_PRECISION, PRECISIONS};
use geo_index::{CategoryFilter, GeohashCell, Grid, GridCell, Meters};
use thiserror::Error;

use self::query::Query;
use crate::key::Collection;

/// Largest radius that may be asked for, in metres, unless a server and its edge are set to another.
pub const DEFAULT_MAX_RADIUS_M: f64 = 200_000.0;

/// Longest query of a request for a cell answer, in bytes as sent.
pub const MAX_QUERY_BYTES: usize = 2_048;

/// Segments of the longest path that is a cell answer's, the empty one before the first `/` included.
const MOST_SEGMENTS: usize = 7;

/// What a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Canonical {
    /// A request for a cell answer, and the URL that it is kept under.
    Cell(CellUrl),
    /// Anything else: to be handed on as it came.
    PassThrough,
}

/// The URL of a cell answer. Its text is canonical.
///
/// ```
/// use cellar_model::canonical::CellUrl;
///
/// let url = CellUrl {
///     collection: "wineries".parse()?,
///     cell: "gh:u09t".parse()?,
///     category: Some("wine bar".into()),
/// };
/// assert_eq!(url.to_string(), "/v1/collections/wineries/cells/gh:u09t/nearby?category=wine%20bar");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellUrl {
    /// Collection of the places.
    pub collection: Collection,
    /// The cell.
    pub cell: CacheCell,
    /// Only places that this allows.
    pub category: Option<CategoryFilter>,
}

/// Why a request for a cell answer is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{detail}")]
pub struct Reject {
    /// Which kind of fault.
    pub kind: RejectKind,
    /// The parameter or path segment at fault, decoded; `None` where the query as a whole is.
    pub parameter: Option<String>,
    /// A sentence for the caller.
    pub detail: String,
}

/// Kinds of faults; the API has a problem of the same name for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectKind {
    /// A parameter that the resource does not take.
    ParameterUnknown,
    /// A required parameter is not there.
    ParameterMissing,
    /// A parameter is there more than once.
    ParameterRepeated,
    /// A value that cannot be read.
    ParameterInvalid,
    /// A value out of its range.
    ParameterOutOfRange,
    /// Not percent-encoded UTF-8.
    QueryMalformed,
    /// More than [`MAX_QUERY_BYTES`].
    QueryTooLong,
}

impl RejectKind {
    /// The kind's name in problems and test vectors.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::ParameterUnknown => "parameter-unknown",
            Self::ParameterMissing => "parameter-missing",
            Self::ParameterRepeated => "parameter-repeated",
            Self::ParameterInvalid => "parameter-invalid",
            Self::ParameterOutOfRange => "parameter-out-of-range",
            Self::QueryMalformed => "query-malformed",
            Self::QueryTooLong => "query-too-long",
        }
    }
}

/// Tells what a request is: its path and its query as sent, without the `?`.
///
/// `max_radius` is the largest radius that the server takes. `precision_at` is what the collection's density map
/// says of the position's cell of geohash precision 7, if anything
/// ([`DensityMap::precision`](geo_index::edge::DensityMap::precision)); it is asked only for positions without `precision`.
///
/// # Errors
///
/// A [`Reject`] for a request for a cell answer that breaks one of the rules: the first fault counts.
///
/// ```
/// use cellar_model::canonical::{Canonical, DEFAULT_MAX_RADIUS_M, canonical};
/// use geo_index::Meters;
///
/// let most = Meters::new(DEFAULT_MAX_RADIUS_M).unwrap();
/// let request = |query| canonical("/v1/collections/wineries/nearby", query, most, |_, _| None);
/// let Canonical::Cell(url) = request("lat=48.8566&lon=2.3522&mode=cell&radius=5000")? else { panic!() };
/// assert_eq!(url.to_string(), "/v1/collections/wineries/cells/gh:u09t/nearby");
/// assert_eq!(request("lat=48.8566&lon=2.3522")?, Canonical::PassThrough);
/// assert_eq!(request("lat=x&lon=0&mode=cell").unwrap_err().parameter.as_deref(), Some("lat"));
/// # Ok::<(), cellar_model::canonical::Reject>(())
/// ```
pub fn canonical(
    path: &str,
    raw_query: &str,
    max_radius: Meters,
    precision_at: impl FnOnce(&Collection, GeohashCell) -> Option<u8>,
) -> Result<Canonical, Reject> {
    let mut segments = [""; MOST_SEGMENTS + 1];
    let found = path.split('/').zip(&mut segments).map(|(segment, place)| *place = segment).count();
    match segments[..found] {
        ["", "v1", "collections", collection, "cells", cell, "nearby"] => {
            let collection = read_collection(collection)?;
            let cell = read_cell(cell)?;
            let query = Query::parse(raw_query, &["category"])?;
            let category = values::category(&query)?;
            Ok(Canonical::Cell(CellUrl { collection, cell, category }))
        }
        ["", "v1", "collections", collection, "nearby"] if query::asks_for_a_cell(raw_query) => {
            quantized(read_collection(collection)?, raw_query, max_radius, precision_at).map(Canonical::Cell)
        }
        _ => Ok(Canonical::PassThrough),
    }
}

/// `/nearby` in cell mode.
fn quantized(
    collection: Collection,
    raw_query: &str,
    max_radius: Meters,
    precision_at: impl FnOnce(&Collection, GeohashCell) -> Option<u8>,
) -> Result<CellUrl, Reject> {
    const KNOWN: [&str; 8] = ["lat", "lon", "radius", "limit", "category", "precision", "mode", "cursor"];
    let query = Query::parse(raw_query, &KNOWN)?;
    let position = values::position(&query)?;
    values::check_radius(&query, max_radius)?;
    values::check_limit(&query)?;
    let category = values::category(&query)?;
    let precision = values::precision(&query)?;
    values::refuse_cursor(&query)?;
    let precision = precision.unwrap_or_else(|| {
        let finest = GeohashCell::at(position, *PRECISIONS.end()).expect("geohashes have this level");
        let hint = precision_at(&collection, finest).filter(|hint| PRECISIONS.contains(hint));
        hint.unwrap_or(DEFAULT_PRECISION)
    });
    let cell = CacheCell::at(Grid::Geohash, position, precision).expect("checked to be on the ladder");
    Ok(CellUrl { collection, cell, category })
}

fn read_collection(segment: &str) -> Result<Collection, Reject> {
    let text = decode_segment(segment, "collection")?;
    text.parse().map_err(|error| Reject::of(RejectKind::ParameterInvalid, "collection", &error))
}

fn read_cell(segment: &str) -> Result<CacheCell, Reject> {
    let text = decode_segment(segment, "cell")?;
    text.parse().map_err(|error| {
        let kind = match error {
            CacheCellError::NotACell(_) => RejectKind::ParameterInvalid,
            CacheCellError::Level { .. } => RejectKind::ParameterOutOfRange,
        };
        Reject::of(kind, "cell", &error)
    })
}

/// In a path `+` is no space.
fn decode_segment(segment: &str, name: &str) -> Result<String, Reject> {
    query::percent_decode(segment.as_bytes()).map_err(|what| {
        let detail = format!("the segment `{name}` of the path holds {what}");
        Reject::of(RejectKind::QueryMalformed, name, &detail)
    })
}

impl Reject {
    fn of(kind: RejectKind, parameter: &str, detail: &dyn fmt::Display) -> Self {
        Self { kind, parameter: Some(parameter.to_owned()), detail: detail.to_string() }
    }
}

impl CellUrl {
    /// The path, which needs no percent-encoding.
    pub fn path(&self) -> String {
        format!("/v1/collections/{}/cells/{}/nearby", self.collection, self.cell)
    }

    /// The query, without the `?`; empty when there is no category.
    pub fn query(&self) -> String {
        let parameter = |filter: &CategoryFilter| format!("category={}", escape(&filter.to_string()));
        self.category.as_ref().map_or_else(String::new, parameter)
    }
}

impl fmt::Display for CellUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())?;
        if self.category.is_some() { write!(f, "?{}", self.query()) } else { Ok(()) }
    }
}

/// Rule Q6: what RFC 3986 calls unreserved stays, every other byte of the UTF-8 text becomes `%XX`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("strings take all");
        }
    }
    out
}
