//! Search and scan against brute force, on real, generated and nasty data, with the work counted.

mod begin;
mod box_scan;
mod categories;
mod codec;
mod counted;
mod edge;
mod nearby;
mod region;
mod selection;
mod support;
mod walk;
