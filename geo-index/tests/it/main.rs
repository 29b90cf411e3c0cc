//! Search and scan against brute force, on real, generated and nasty data, with the work counted.

mod box_scan;
mod counted;
mod nearby;
mod support;
