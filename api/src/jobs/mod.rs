//! Work that runs beside requests: bulk reads and writes of whole collections.

#[cfg(feature = "cli")]
pub mod export;
#[cfg(feature = "cli")]
pub mod import;
#[cfg(feature = "cli")]
pub mod verify;
#[cfg(feature = "cli")]
pub mod warm;
