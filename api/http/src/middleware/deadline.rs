//! The time that a request has, fixed when it comes in and carried to every store call.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;

use super::route::{is_write, route_of};
use crate::config::ApiConfig;
use crate::paths;
use crate::problem::Problem;
use crate::state::AppState;

/// What a handler has, past the deadline of its store calls, to say that time is up.
const GRACE: Duration = Duration::from_millis(250);

/// The same where the transport itself ends: what is left has to do.
const SHORT_GRACE: Duration = Duration::from_millis(20);

/// When the request's time is up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// When whoever carries the answer has to have it, whatever it is. A transport that ends by itself leaves it in the
/// request's extensions; it only ever shortens the time that a request has.
#[derive(Clone, Copy, Debug)]
pub struct AnswerBy(pub Instant);

impl FromRequestParts<AppState> for Deadline {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let set = parts.extensions.get::<Self>().copied();
        Ok(set.unwrap_or_else(|| Self(Instant::now() + state.config.read_time_limit)))
    }
}

/// Sets the deadline, and answers when it has passed without an answer.
pub async fn limit<F>(
    config: &ApiConfig,
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Response>,
{
    let time_limit = match *request.method() {
        Method::GET | Method::HEAD => config.read_time_limit,
        _ if !is_write(request.method(), route_of(request.extensions())) => config.read_time_limit,
        _ if is_upload(&request) => config.upload_time_limit,
        _ => config.write_time_limit,
    };
    let by = request.extensions().get::<AnswerBy>().copied();
    let (deadline, end) = bounds(Instant::now(), time_limit, by);
    request.extensions_mut().insert(Deadline(deadline));
    let answer = tokio::time::timeout_at(end.into(), answer(request)).await;
    answer.map_err(|_| Problem::out_of_time().internal("the handler overran its deadline"))
}

/// Whether a request brings a file to be imported.
pub fn is_upload(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    *request.method() == Method::POST && route == Some(paths::IMPORTS)
}

/// Until when store calls may take, and the handler.
fn bounds(now: Instant, time_limit: Duration, by: Option<AnswerBy>) -> (Instant, Instant) {
    let (deadline, end) = (now + time_limit, now + time_limit + GRACE);
    let Some(AnswerBy(by)) = by else { return (deadline, end) };
    let short = |grace| by.checked_sub(grace).map_or(now, |at| at.max(now));
    (deadline.min(short(2 * SHORT_GRACE)), end.min(short(SHORT_GRACE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_transport_only_shortens() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let usual = (now + 2 * second, now + 2 * second + GRACE);
        assert_eq!(bounds(now, 2 * second, None), usual);
        assert_eq!(bounds(now, 2 * second, Some(AnswerBy(now + 60 * second))), usual);
        let (deadline, end) = bounds(now, 2 * second, Some(AnswerBy(now + second)));
        assert!(deadline < end && end < now + second, "each has something left to speak with");
        let past = now.checked_sub(Duration::from_millis(1)).unwrap_or(now);
        assert_eq!(bounds(now, second, Some(AnswerBy(past))), (now, now));
    }
}
