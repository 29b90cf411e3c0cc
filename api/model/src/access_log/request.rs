//! A request by a line of a log.

use std::borrow::Cow;

use serde_json::Value;

use super::{LogError, LoggedSearch, time};

/// A request by a line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedRequest<'a> {
    /// The address of the client, without its port; empty if the line does not tell.
    pub client: Cow<'a, str>,
    pub(super) time: Time<'a>,
    /// Whether it was a GET or a HEAD.
    pub(super) reads: bool,
    /// The path and the query, or the whole URL.
    pub(super) target: Cow<'a, str>,
}

/// A time that is parsed when it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Time<'a> {
    /// Why there is none.
    Missing(&'static str),
    /// As the common log format writes it.
    Common(&'a str),
    Text(Cow<'a, str>),
    Json(Value),
}

impl Time<'_> {
    fn into_owned(self) -> Time<'static> {
        match self {
            Self::Missing(why) => Time::Missing(why),
            Self::Common(text) => Time::Text(Cow::Owned(text.to_owned())),
            Self::Text(text) => Time::Text(Cow::Owned(text.into_owned())),
            Self::Json(value) => Time::Json(value),
        }
    }
}

impl LoggedRequest<'_> {
    /// When it was, in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// The line has no time, or one in no known form.
    pub fn at_ns(&self) -> Result<i64, LogError> {
        match &self.time {
            Time::Missing(why) => Err(LogError::NoTime(why)),
            Time::Common(text) => time::common(text),
            Time::Text(text) => time::any(text),
            Time::Json(value) => time::of_json(value),
        }
    }

    /// The search that it asked for; `None` for any other request, and for one that writes.
    pub fn search(&self) -> Option<LoggedSearch<'_>> {
        if self.reads { LoggedSearch::parse(&self.target) } else { None }
    }

    pub(super) fn into_owned(self) -> LoggedRequest<'static> {
        LoggedRequest {
            client: Cow::Owned(self.client.into_owned()),
            time: self.time.into_owned(),
            reads: self.reads,
            target: Cow::Owned(self.target.into_owned()),
        }
    }
}
