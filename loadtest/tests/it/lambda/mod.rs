//! The emulator of Lambda around real processes.

mod fleet;
mod gateway;
mod runtime_api;
mod support;
