//! What is recorded: requests of users, and their exchanges with servers.

use std::time::Duration;

use super::failure::Failure;
use super::response::ResponseInfo;

/// A finished request of a user. Through cells it can take several exchanges, otherwise one.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Index of the region.
    pub region: usize,
    /// When it was due, from the start of the measured part.
    pub planned: Duration,
    /// From the due instant to when it was sent.
    pub send_delay: Duration,
    /// From the due instant to the end, plus the added round trip.
    pub latency: Duration,
    /// From the due instant to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// How the client of cell answers found the result.
    pub refined: Option<Refined>,
}

/// How the client of cell answers found a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refined {
    /// Whether a cell certifies it; otherwise it comes from the exact endpoint.
    pub certified: bool,
    /// Cells requested.
    pub tries: u32,
}

/// One HTTP request.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The status, if a head arrived.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// How long it took; for the first exchange of a request, from the due instant.
    pub latency: Duration,
    /// The same up to the end of the head.
    pub first_byte: Option<Duration>,
    /// Bytes of the body, as sent.
    pub bytes: u64,
    /// What the headers say.
    pub response: ResponseInfo,
}

/// The outcome of comparing a result with the exact endpoint's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Same,
    /// Different: for which request, and where.
    Differs(String),
    /// The exact endpoint did not answer.
    Unknown,
}
