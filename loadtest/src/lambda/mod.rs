//! A small, exact emulator of Lambda around a real binary: the Runtime API, environments, their limits and their ends.
//!
//! Each environment is a process with a Runtime API endpoint of its own on loopback, and handles one event at a time.
//!
//! Invariant: the function cannot tell the difference. It finds Lambda's variables and no others, real deadlines, Lambda's
//! statuses; it is stopped while it has nothing to do; and it is killed when its time is over.

mod cpu;
mod door;
mod environment;
mod exchange;
mod fleet;
mod function;
mod outcome;
mod pool;
mod process;
mod runtime_api;
mod variables;

pub use cpu::{CpuShare, vcpus_of};
pub use door::{Door, Gateway, get_event};
pub use fleet::{Fleet, Usage};
pub use function::{Function, Limits, MAX_EVENT_BYTES, MAX_RESPONSE_BYTES};
pub use outcome::{EnvironmentReport, Invocation, InvokeError, Memory};
