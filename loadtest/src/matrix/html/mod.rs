//! The experiment as one file for a browser.
//!
//! | module | what it holds |
//! |---|---|
//! | `page` | its parts in order |
//! | `figures` | the charts |
//! | `sentence` | what came of it, in a sentence |
//!
//! Invariant: what a chart shows is in the table too, and nothing is said that was not measured.

mod figures;
mod page;
mod sentence;

pub use self::page::html;
