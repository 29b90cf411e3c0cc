//! The outcome of an invocation.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use thiserror::Error;

/// An invocation that was answered.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The answer of the function.
    pub payload: Bytes,
    /// Number of the environment, from 0 in order of starts.
    pub environment: u64,
    /// Duration of the init, if the environment was started for this invocation: from the start of its process to its first request
    /// for an event.
    pub init: Option<Duration>,
    /// From handing over the event to the last byte of the answer.
    pub took: Duration,
    /// From invoking to the answer, including an init.
    pub total: Duration,
}

impl Invocation {
    /// Whether an environment had to be started for it.
    pub fn is_cold(&self) -> bool {
        self.init.is_some()
    }
}

/// Why an invocation failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvokeError {
    /// The limit of concurrent invocations is reached.
    #[error("Rate Exceeded.")]
    Throttled,
    /// The event is larger than [`MAX_EVENT_BYTES`](super::MAX_EVENT_BYTES).
    #[error("the event has {bytes} bytes, more than {limit}")]
    EventTooLarge {
        /// The event's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There was no answer within the function's time limit, or no request for an event within that of the init; the environment was
    /// killed.
    #[error("RequestId: {id} Error: Task timed out after {:.2} seconds", after.as_secs_f64())]
    TimedOut {
        /// The invocation.
        id: String,
        /// The limit.
        after: Duration,
    },
    /// The process ended before it answered.
    #[error("RequestId: {id} Error: Runtime exited {how}")]
    Exited {
        /// The invocation.
        id: String,
        /// With which status, or by which signal.
        how: String,
    },
    /// The function reported an error, for this event or in its init.
    #[error("{kind}: {}", String::from_utf8_lossy(payload))]
    Function {
        /// The error's type, as in `Lambda-Runtime-Function-Error-Type`.
        kind: String,
        /// The error payload.
        payload: Bytes,
    },
    /// The answer was larger than [`MAX_RESPONSE_BYTES`](super::MAX_RESPONSE_BYTES).
    #[error("Response payload size exceeded maximum allowed payload size ({limit} bytes).")]
    ResponseTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The process could not be started.
    #[error("cannot start {binary}: {reason}")]
    Start {
        /// The program.
        binary: String,
        /// The reason given by the system.
        reason: String,
    },
}

/// The report of an environment.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentReport {
    /// Its number, from 0 in order of starts.
    pub number: u64,
    /// Its process id.
    pub process: u32,
    /// Whether it is provisioned.
    pub provisioned: bool,
    /// Duration of the init: from the start of the process to its first request for an event.
    pub init: Option<Duration>,
    /// Duration of the first invocation.
    pub first: Option<Duration>,
    /// Number of later invocations.
    pub warm_count: u64,
    /// Total duration of the later invocations.
    pub warm_total: Duration,
    /// Resident memory: now, or just before the fleet killed it.
    pub memory: Option<Memory>,
    /// How it ended; `None` while it lives.
    pub exit: Option<String>,
}

/// Resident memory of a process, in KiB, as the kernel counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// `VmRSS`: current.
    pub resident_kib: u64,
    /// `VmHWM`: the peak.
    pub peak_kib: u64,
}
