//! Nearby search over HTTP, exact, on a DynamoDB table keyed by cell.
//!
//! The tree is the data flow: a request comes in through the router and its parameters, [`search`] drives the
//! page tree of `geo-index` over [`pages`], which read from the [`store`].

pub mod cells;
pub mod changes;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod config;
pub mod edge_map;
pub mod geojson;
pub mod health;
pub mod hot;
pub mod instance;
pub mod jobs;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod middleware;
pub mod pages;
pub mod params;
pub mod place;
pub mod problem;
pub mod purge;
pub mod router;
pub mod routes;
pub mod search;
pub mod serve;
pub mod state;
pub mod store;
pub mod tally;
pub mod telemetry;
pub mod tiers;
#[cfg(feature = "cli")]
pub mod world;
