//! What all parts of Cellar speak of.
//!
//! | module | what it holds |
//! |---|---|
//! | [`place`] | a place: id, position, properties |
//! | [`geojson`] | places out of GeoJSON |
//! | [`features`] | search results as a FeatureCollection |
//! | [`filter`], [`fields`], [`mod@sort`] | which places are wanted by their properties, what of them, and in which order |
//! | [`name`] | which places are wanted by their name, as one types it |
//! | [`key`] | every key of the table, its index and the caches, built and parsed here and nowhere else |
//! | [`mod@canonical`] | one URL for one meaning: what the edge and the origin make of a request |
//! | [`cursor`] | where a search goes on, as a text |
//! | [`checksum`] | a checksum of places, to compare copies of a collection |
//! | [`condition`] | entity tags of places, and what a writer expects of them |
//! | [`density`] | the document of a density map, as clients read it |
//! | [`edge_cache`] | a simulated edge cache, and the formula for its hit ratio |
//! | `access_log` | searches in access logs (feature `access-log`) |
//! | [`demo`] | generated places |

#[cfg(feature = "access-log")]
pub mod access_log;
pub mod canonical;
pub mod checksum;
pub mod condition;
pub mod cursor;
pub mod demo;
pub mod density;
pub mod edge_cache;
pub mod features;
pub mod fields;
pub mod filter;
pub mod geojson;
pub mod key;
pub mod name;
mod numbers;
pub mod place;
pub mod property;
pub mod sort;
mod tail;
mod url;

pub use cursor::CursorError;
pub use key::{Category, Collection, KeyError, PageKey, PageTree, PlaceId, Placement};
pub use numbers::grouped;
pub use url::escape_segment;
