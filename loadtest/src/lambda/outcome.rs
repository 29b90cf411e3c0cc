//! What comes of an invocation.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use thiserror::Error;

/// An invocation that was answered.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What the function answered.
    pub payload: Bytes,
    /// The environment's number, from 0 in the order of their starts.
    pub environment: u64,
    /// If the environment was started for this invocation: from the start of its process to its first request for an
    /// event.
    pub init: Option<Duration>,
    /// From handing the event over to the answer's last byte.
    pub took: Duration,
    /// From asking the fleet to the answer: an init and the waiting for it included.
    pub total: Duration,
}

impl Invocation {
    /// Whether an environment had to be started for it.
    pub fn is_cold(&self) -> bool {
        self.init.is_some()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvokeError {
    /// As many environments as are allowed are busy.
    #[error("Rate Exceeded.")]
    Throttled,
    /// The event is larger than [`MAX_EVENT_BYTES`](super::MAX_EVENT_BYTES).
    #[error("the event has {bytes} bytes, more than {limit}")]
    EventTooLarge {
        /// The event's size.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// No answer within the function's time limit, or no request for an event within that of the init; the environment
    /// was killed.
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
        /// With which status or by which signal.
        how: String,
    },
    /// The function said that it failed, for this event or in its init.
    #[error("{kind}: {}", String::from_utf8_lossy(payload))]
    Function {
        /// The error's type, as in `Lambda-Runtime-Function-Error-Type`.
        kind: String,
        /// What it said.
        payload: Bytes,
    },
    /// The answer was larger than [`MAX_RESPONSE_BYTES`](super::MAX_RESPONSE_BYTES).
    #[error("Response payload size exceeded maximum allowed payload size ({limit} bytes).")]
    ResponseTooLarge {
        /// The most there may be.
        limit: usize,
    },
    /// The process could not be started.
    #[error("cannot start {binary}: {reason}")]
    Start {
        /// The program.
        binary: String,
        /// What the system said.
        reason: String,
    },
}

/// What is known of one environment.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentReport {
    /// Its number, from 0 in the order of starts.
    pub number: u64,
    /// Its process, as the system numbers it.
    pub process: u32,
    /// Whether it was started beforehand and is kept.
    pub provisioned: bool,
    /// From the start of the process to its first request for an event.
    pub init: Option<Duration>,
    /// The time that the first invocation took.
    pub first: Option<Duration>,
    /// How many invocations came after the first.
    pub warm_count: u64,
    /// The time that those took in all.
    pub warm_total: Duration,
    /// Resident memory: now, or just before the end if the fleet ended it.
    pub memory: Option<Memory>,
    /// How it ended; `None` while it lives.
    pub exit: Option<String>,
}

/// Resident memory of a process, in KiB, as the kernel counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// `VmRSS`: now.
    pub resident_kib: u64,
    /// `VmHWM`: the most so far.
    pub peak_kib: u64,
}
