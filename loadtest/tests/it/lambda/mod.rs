//! The emulator of Lambda around real processes.

mod fleet;
mod runtime_api;
mod support;
