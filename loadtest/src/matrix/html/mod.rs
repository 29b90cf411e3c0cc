//! The report of the experiment as a self-contained HTML file.
//!
//! | module | what it holds |
//! |---|---|
//! | `page` | the sections in order |
//! | `figures` | the charts |
//! | `sentence` | the main finding, in a sentence |
//!
//! Invariant: what a chart shows is also in the table, and nothing is stated that was not measured.

mod figures;
mod page;
mod sentence;

pub use self::page::html;
