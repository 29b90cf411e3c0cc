//! Work that runs beside requests: bulk reads and writes of whole collections.

#[cfg(feature = "cli")]
pub mod backup;
#[cfg(feature = "cli")]
pub mod checksum;
#[cfg(feature = "cli")]
pub mod edge_map;
#[cfg(feature = "cli")]
pub mod edge_plan;
#[cfg(feature = "cli")]
pub mod export;
#[cfg(feature = "cli")]
pub mod import;
#[cfg(any(feature = "cli", feature = "lambda"))]
mod numbers;
#[cfg(feature = "cli")]
pub mod verify;
#[cfg(any(feature = "cli", feature = "lambda"))]
pub mod warm;

#[cfg(any(feature = "cli", feature = "lambda"))]
pub(crate) use numbers::grouped;
