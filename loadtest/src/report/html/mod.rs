//! The report as one file for a browser: charts as SVG, nothing loaded, no script.
//!
//! | module | what it holds |
//! |---|---|
//! | `page` | its parts in order |
//! | `figures` | the charts of what happened over time, and of percentiles |
//! | `map` | answers by where users asked |
//! | `tables` | the figures of the summary, and those that the charts are drawn from |
//!
//! Invariant: what a chart shows is in words and in a table too. What the report shares with others is in `crate::html`.

mod figures;
mod map;
mod page;
mod tables;

pub use self::page::html;
