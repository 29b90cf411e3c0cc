//! How a request can fail.

use serde::{Deserialize, Serialize};

/// A class of failures. What counts as a success is a whole answer with a status of 2xx.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// No connection for another reason.
    Unreachable,
    /// The handshake of TLS or HTTP/2 failed.
    Handshake,
    /// The connection was reset, or broken in another way.
    Reset,
    /// The connection was closed before the answer was whole.
    Closed,
    /// No whole answer within the time limit.
    TimeLimit,
    /// The answer's head is no HTTP, or too long.
    BadHead,
    /// The answer's body is not coded as its head says.
    BadBody,
    /// The answer's body is longer than is read.
    BodyTooLong,
    /// A status below 200 or of 3xx: redirects are not followed.
    Redirect,
    /// A status of 4xx.
    ClientError,
    /// A status of 5xx or beyond.
    ServerError,
    /// An answer that cannot be one to what was asked.
    BadAnswer,
}

impl Failure {
    /// All classes.
    pub const ALL: [Self; 13] = [
        Self::Refused,
        Self::Unreachable,
        Self::Handshake,
        Self::Reset,
        Self::Closed,
        Self::TimeLimit,
        Self::BadHead,
        Self::BadBody,
        Self::BodyTooLong,
        Self::Redirect,
        Self::ClientError,
        Self::ServerError,
        Self::BadAnswer,
    ];

    /// The class of a status; `None` if it is a success.
    pub const fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            400..=499 => Some(Self::ClientError),
            500.. => Some(Self::ServerError),
            _ => Some(Self::Redirect),
        }
    }

    /// In a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "no connection",
            Self::Handshake => "handshake failed",
            Self::Reset => "connection reset",
            Self::Closed => "closed too early",
            Self::TimeLimit => "time limit",
            Self::BadHead => "garbage in the head",
            Self::BadBody => "garbage in the body",
            Self::BodyTooLong => "body too long",
            Self::Redirect => "status 1xx, 3xx",
            Self::ClientError => "status 4xx",
            Self::ServerError => "status 5xx",
            Self::BadAnswer => "not an answer to this",
        }
    }
}
