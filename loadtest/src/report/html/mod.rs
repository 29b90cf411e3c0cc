//! The report as one file for a browser: charts as SVG, nothing loaded, no script.
//!
//! | module | what it holds |
//! |---|---|
//! | `page` | the document, and its parts in order |
//! | `axis` | values to places, and round values to label |
//! | `chart` | a frame with axes, and lines or bars in it |
//! | `figures` | the charts of what happened over time, and of percentiles |
//! | `map` | answers by where users asked |
//! | `tables` | the figures of the summary, and those that the charts are drawn from |
//!
//! Invariant: what a chart shows is in words and in a table too; texts of the report come escaped; and a policy in the head forbids
//! the page to load or to run anything.

mod axis;
mod chart;
mod figures;
mod map;
mod page;
mod tables;

pub use self::page::html;
