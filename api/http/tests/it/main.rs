//! The HTTP API over a store in memory.

mod bad_input;
mod categories;
mod cells;
mod codings;
mod conditions;
mod connections;
mod cors;
mod deleting;
mod document;
mod edge_map;
mod explorer;
mod failures;
mod health;
mod html;
mod idempotency;
mod imports;
mod isolation;
mod keys;
mod live;
mod logs;
mod ogc;
mod pages;
mod places;
mod rate;
mod searching;
mod writing;
