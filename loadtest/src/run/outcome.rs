//! How long a request may take, and what came of it.

use std::time::{Duration, Instant};

use crate::http::{Answer, RequestError};
use crate::record::{Exchange, Failure, Refined, ResponseInfo};

/// When a request was due and must end, on the clock of this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) due: Instant,
    pub(super) deadline: Instant,
    /// Offset from the start of the measured part; `None` during the warm-up.
    pub(super) planned: Option<Duration>,
    /// Added to what is measured.
    pub(super) round_trip: Duration,
}

impl Times {
    /// Those of a request that is due now and is not measured.
    pub(super) fn unmeasured(limit: Duration) -> Self {
        let now = Instant::now();
        Self { due: now, deadline: now + limit, planned: None, round_trip: Duration::ZERO }
    }

    /// Time left until the deadline; zero past it.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What came of a request.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) failure: Option<Failure>,
    pub(super) refined: Option<Refined>,
    /// Nothing was sent: all connections were in use.
    pub(super) unsent: bool,
}

/// An exchange over HTTP, timed from `since`; `None` if the request was never sent.
pub(super) fn exchange(
    answer: &Result<Answer, RequestError>,
    since: Instant,
    round_trip: Duration,
) -> Option<Exchange> {
    let latency = since.elapsed() + round_trip;
    let after = |at: Instant| at.saturating_duration_since(since) + round_trip;
    match answer {
        Ok(answer) => Some(Exchange {
            status: Some(answer.status),
            failure: Failure::of_status(answer.status),
            latency,
            first_byte: Some(after(answer.first_byte)),
            bytes: answer.bytes,
            response: ResponseInfo::of(&answer.headers),
        }),
        Err(RequestError::Failed(failed)) => Some(Exchange {
            status: failed.head.map(|(status, _)| status),
            failure: Some(failed.failure),
            latency,
            first_byte: failed.head.map(|(_, at)| after(at)),
            bytes: failed.bytes,
            response: ResponseInfo::default(),
        }),
        Err(RequestError::Unsent) => None,
    }
}
