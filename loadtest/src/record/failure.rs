//! How a request can fail.

use serde::{Deserialize, Serialize};

/// A class of failures. A success is a complete answer with a status of 2xx.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// No connection, for another reason.
    Unreachable,
    /// The server's certificate is not trusted, or not for this name.
    Certificate,
    /// The server does not speak the protocol that was asked for.
    Protocol,
    /// The handshake of TLS or HTTP/2 failed for another reason.
    Handshake,
    /// The connection was reset or broke in another way.
    Reset,
    /// The connection was closed before the answer was complete.
    Closed,
    /// No complete answer within the time limit.
    TimeLimit,
    /// The head of the answer is not valid HTTP, or too long.
    BadHead,
    /// The body of the answer is not encoded as its head says.
    BadBody,
    /// The body of the answer is longer than the limit.
    BodyTooLong,
    /// A status below 200 or of 3xx: redirects are not followed.
    Redirect,
    /// A status of 4xx.
    ClientError,
    /// A status of 5xx or beyond.
    ServerError,
    /// An answer that does not fit the request.
    BadAnswer,
}

impl Failure {
    /// All classes.
    pub const ALL: [Self; 15] = [
        Self::Refused,
        Self::Unreachable,
        Self::Certificate,
        Self::Protocol,
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

    /// A short description.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "no connection",
            Self::Certificate => "certificate not trusted (--ca FILE names its authority)",
            Self::Protocol => "the server does not speak this protocol (--http)",
            Self::Handshake => "handshake failed",
            Self::Reset => "connection reset",
            Self::Closed => "closed too early",
            Self::TimeLimit => "time limit",
            Self::BadHead => "malformed head",
            Self::BadBody => "malformed body",
            Self::BodyTooLong => "body too long",
            Self::Redirect => "status 1xx, 3xx",
            Self::ClientError => "status 4xx",
            Self::ServerError => "status 5xx",
            Self::BadAnswer => "unexpected answer",
        }
    }
}
