//! What a run found, for people and for machines.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | the report, as JSON has it |
//! | [`build`](mod@build) | from what was recorded to the report |
//! | [`text`](mod@text) | the report for a terminal |
//! | [`html`](mod@html) | the report as one file for a browser |
//!
//! Invariant: what was not measured is not there (`null`, `-`), never a zero.

pub mod build;
pub mod html;
pub mod model;
pub mod text;

pub use self::build::{Facts, build};
pub use self::html::html;
pub use self::model::Report;
pub use self::text::text;
