//! What reports for a browser are made of: one file, charts as SVG, nothing loaded, no script.
//!
//! | module | what it holds |
//! |---|---|
//! | `document` | the document around a report |
//! | `axis` | values to places, and round values to label |
//! | `chart` | a frame with axes, and lines or bars in it |
//! | `rows` | rows of names with what was measured beside them |
//! | `table` | figures |
//!
//! Invariant: texts come escaped, and a policy in the head forbids a page to load or to run anything.

pub(crate) mod axis;
pub(crate) mod chart;
pub(crate) mod document;
pub(crate) mod rows;
pub(crate) mod table;
