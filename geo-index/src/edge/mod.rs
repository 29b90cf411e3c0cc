//! Answers that everyone in a cache cell shares, and how a client makes exact results of them.
//!
//! A user's exact position is unlike anyone else's, so an answer for it cannot be shared. An answer for the *cell* that the
//! user is in can: it is the same bytes for everyone there, and it can be kept at the edge, in a CDN.
//!
//! - A server makes a [`CellAnswer`]: the places nearest to the centre of a [`CacheCell`], at most [`ANSWER_MAX`] within its
//!   [horizon](CacheCell::horizon), and a certificate of how far the list is complete ([`certified_radius`]).
//! - A client [`refine`]s it: it sorts the list by distance from its own user, and knows by the certificate whether that is
//!   exactly what a search of all places would return. The proof is at [`CellAnswer`].
//! - A [`Planner`] picks the cells to ask for, coarse ones first, since those are in the cache most often. A [`DensityMap`]
//!   and a [`PlannerMemory`] tell it how coarse a cell may be.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use geo_index::edge::{ANSWER_MAX, CacheCell, CellAnswer, CellPlace, Refined, certified_radius, refine};
//! use geo_index::{Grid, Meters, Position, distance};
//!
//! let places = [("eiffel-tower", 48.8584, 2.2945), ("louvre", 48.8606, 2.3376), ("versailles", 48.8049, 2.1204)];
//! let places = places.map(|(id, lat, lon)| (id, Position::new(lat, lon).unwrap()));
//! let user = Position::new(48.8566, 2.3522)?;
//!
//! // The server, which only learns of the cell: here it has few places, so it lists all within the horizon.
//! let cell = CacheCell::at(Grid::Geohash, user, 4)?;
//! let near = places.iter().filter(|(_, position)| distance(cell.centre(), *position) <= cell.horizon());
//! let mut near: Vec<_> = near.collect();
//! near.sort_by(|a, b| distance(cell.centre(), a.1).get().total_cmp(&distance(cell.centre(), b.1).get()));
//! let cut = near.len() > ANSWER_MAX.get();
//! near.truncate(ANSWER_MAX.get());
//! let last = near.last().map(|(_, position)| distance(cell.centre(), *position));
//! let place = |&(id, position): &(&str, _)| CellPlace { id: id.to_owned(), position, payload: () };
//! let answer = CellAnswer {
//!     cell,
//!     certified_radius: certified_radius(cell, last, cut),
//!     places: near.into_iter().map(place).collect(),
//! };
//!
//! // The client, which knows where its user is.
//! let radius = Meters::new(10_000.0).unwrap();
//! let Refined::Exact(hits) = refine(&answer, user, radius, NonZeroUsize::new(5).unwrap()) else { unreachable!() };
//! let ids: Vec<_> = hits.iter().map(|hit| hit.place.id.as_str()).collect();
//! assert_eq!(ids, ["louvre", "eiffel-tower"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod certificate;
mod density;
mod ladder;
mod planner;
mod refine;
pub mod synthetic;

pub use certificate::{CellAnswer, CellPlace, SLACK_M, certified_radius};
pub use density::{DensityCounts, DensityMap, MapRules, Part};
pub use ladder::{ANSWER_MAX, CacheCell, CacheCellError, DEFAULT_PRECISION, PRECISIONS, RESOLUTIONS};
pub use planner::{Planner, PlannerMemory, Step, Wanted};
pub use refine::{Hit, NotCertified, Reason, Refined, refine};
