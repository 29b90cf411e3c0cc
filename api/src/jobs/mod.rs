//! Work that runs beside requests: bulk reads and writes of whole collections.

#[cfg(feature = "cli")]
pub mod edge_map;
#[cfg(feature = "cli")]
pub mod edge_plan;
#[cfg(feature = "cli")]
pub mod export;
#[cfg(feature = "cli")]
pub mod import;
#[cfg(feature = "cli")]
pub mod verify;
#[cfg(feature = "cli")]
pub mod warm;
