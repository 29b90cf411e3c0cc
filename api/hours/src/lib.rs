//! Opening hours: which places are open at a time, and until when.
//!
//! Hours are texts in the grammar of OpenStreetMap's `opening_hours`, which the crate
//! [`opening-hours`](https://docs.rs/opening-hours) evaluates. Time zones, the sun and public holidays are those of the
//! place's position, by data that is part of the program: it is exact for positions some 100 m from a border.
//!
//! Invariant: the work that a text takes is bounded, whatever it says, and no text makes a caller panic.

mod at;
mod filter;
mod hours;
mod locale;

pub use self::at::{OpenAt, OpenAtError};
pub use self::filter::{OPENING_HOURS, OpenPlaces, Unstated};
pub use self::hours::{HORIZON_DAYS, Hours, MAX_HOURS_BYTES, MAX_RULES, Opening, State};
