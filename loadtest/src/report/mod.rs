//! The report of a run, for people and for programs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | the report as in JSON |
//! | [`build`](mod@build) | builds the report from what was recorded |
//! | [`text`](mod@text) | the report for a terminal |
//! | [`html`](mod@html) | the report as a self-contained HTML file |
//!
//! Invariant: what was not measured is absent (`null`, `-`), never zero.

pub mod build;
pub mod html;
pub mod model;
pub mod text;

pub use self::build::{Facts, build};
pub use self::html::html;
pub use self::model::Report;
pub use self::text::text;
