//! Work that runs beside requests: bulk reads and writes of whole collections.

pub mod backup;
pub mod categories;
pub mod edge_map;
pub mod edge_plan;
pub mod export;
pub mod front;
pub mod import;
pub mod progress;
pub mod replace;
pub mod stats;
pub mod verify;
