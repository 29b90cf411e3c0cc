//! Building blocks of HTML reports: self-contained files with charts as SVG, which load nothing and run no script.
//!
//! | module | what it holds |
//! |---|---|
//! | `document` | the document around a report |
//! | `axis` | maps values to positions, and chooses the values to label |
//! | `chart` | a chart with axes, and lines or bars |
//! | `rows` | rows of names with a measurement each |
//! | `table` | the figures as a table |
//!
//! Invariant: texts are escaped, and a policy in the head forbids a page to load or run anything.

pub(crate) mod axis;
pub(crate) mod chart;
pub(crate) mod document;
pub(crate) mod rows;
pub(crate) mod table;
