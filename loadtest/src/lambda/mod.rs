//! A small, exact emulator of Lambda around a real binary: the Runtime API, execution environments, and their limits.
//!
//! Each environment is a process with a Runtime API endpoint of its own on loopback, and handles one event at a time.
//!
//! Invariant: the function cannot tell the difference. It gets Lambda's environment variables and no others, real deadlines and
//! Lambda's statuses; it is frozen while it has no event, and killed when it exceeds its time limit.

mod cpu;
mod environment;
mod exchange;
mod fleet;
mod function;
mod gateway;
mod launch;
mod outcome;
mod pool;
mod process;
mod runtime_api;
mod variables;

pub use cpu::{CpuShare, vcpus_of};
pub use fleet::{Fleet, Usage};
pub use function::{Function, Limits, MAX_EVENT_BYTES, MAX_RESPONSE_BYTES};
pub use gateway::{Gateway, GatewayEmulator, get_event};
pub use outcome::{EnvironmentReport, Invocation, InvokeError, Memory};
