//! The emulator of Lambda around real processes.

mod costs;
mod fleet;
mod gateway;
mod runtime_api;
mod support;
