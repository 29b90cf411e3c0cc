//! The time that a request has, fixed when it comes in and carried to every store call.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;

use crate::config::ApiConfig;
use crate::problem::Problem;
use crate::state::AppState;

/// What a handler has, past the deadline of its store calls, to say that time is up.
const GRACE: Duration = Duration::from_millis(250);

/// When the request's time is up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

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
        _ => config.write_time_limit,
    };
    let deadline = Instant::now() + time_limit;
    request.extensions_mut().insert(Deadline(deadline));
    let answer = tokio::time::timeout_at((deadline + GRACE).into(), answer(request)).await;
    answer.map_err(|_| Problem::out_of_time().internal("the handler overran its deadline"))
}
