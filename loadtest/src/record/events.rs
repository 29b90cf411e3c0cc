//! What is recorded: requests of users, and the exchanges with servers that they take.

use std::time::Duration;

use super::account::Account;
use super::failure::Failure;

/// A request of a user, at its end. With cells it can take several exchanges, else it takes one.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// The region that the user was sent to, by number.
    pub region: usize,
    /// When it was planned, from the start of the measured part.
    pub planned: Duration,
    /// From the planned instant to when the sender took it up.
    pub send_delay: Duration,
    /// From the planned instant to the end, with the injected round trip.
    pub latency: Duration,
    /// From the planned instant to the first byte of the answer's head.
    pub first_byte: Option<Duration>,
    /// Why there is no answer.
    pub failure: Option<Failure>,
    /// What the client of cell answers made of it.
    pub refined: Option<Refined>,
}

/// How the client of cell answers came to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refined {
    /// Whether a cell's certificate vouches for it; else it is from the exact endpoint.
    pub certified: bool,
    /// Cells asked for.
    pub tries: u32,
}

/// One request over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The status, if a head came.
    pub status: Option<u16>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// How long it took; the first of a user's request since its planned instant.
    pub latency: Duration,
    /// The same up to the end of the head.
    pub first_byte: Option<Duration>,
    /// Bytes of the body, as sent.
    pub bytes: u64,
    /// What the answer says of itself.
    pub account: Account,
}

/// What came of comparing an answer with the exact endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Same,
    /// Not the same: which request, and where they differ.
    Differs(String),
    /// The exact endpoint did not answer.
    Unknown,
}
