//! The emulator of Lambda around real processes.

mod door;
mod fleet;
mod runtime_api;
mod support;
