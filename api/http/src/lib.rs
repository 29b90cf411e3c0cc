//! The HTTP API: a request comes in through the [`router`] and its [`params`], is answered by one of the [`routes`],
//! and whatever goes wrong becomes a [`problem`].

pub mod access;
pub mod base;
pub mod client;
mod coding;
pub mod config;
pub mod description;
pub mod emf;
mod extent;
pub mod health;
pub mod idempotency;
pub mod imports;
pub mod in_flight;
pub mod instance;
pub mod keys;
pub mod known;
pub mod live;
pub mod middleware;
pub mod params;
pub mod paths;
pub mod problem;
pub mod rate;
pub mod repeats;
pub mod request_stats;
pub mod router;
pub mod routes;
pub mod serve;
pub mod state;
pub mod telemetry;
pub mod tiling;
pub mod vector_tile;
