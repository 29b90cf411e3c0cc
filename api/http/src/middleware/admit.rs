//! What a request for data passes on its way to its handler.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};

use super::audit::{self, Audited};
use super::deadline::is_upload;
use super::guard::{self, Asked};
use super::route::{is_of_writers, is_write, route_of};
use super::{deadline, rate_limit, shed};
use crate::access::Presented;
use crate::keys::Caller;
use crate::problem::Problem;
use crate::state::AppState;

/// Takes a request in if its client has not asked too often, there is room for it, and it may do what it asks for;
/// and gives it so much time.
pub async fn admit<F>(state: &AppState, mut request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let route = route_of(request.extensions());
    let is_read = !is_write(request.method(), route);
    let is_keyed = !is_read || state.access.keyed_reads() || route.is_some_and(is_of_writers);
    // Who it is matters to those who may do something only then, and to whom the request counts for.
    let presented = if is_keyed || state.limiter.is_some() {
        state.access.identify(request.headers())
    } else {
        Presented::Nothing
    };
    let quota = rate_limit::take(state, &mut request, &presented);
    let refused = quota.as_ref().and_then(rate_limit::refuse);
    let answered = match refused {
        Some(problem) => Err(problem),
        None if is_keyed => keyed(state, request, presented, answer).await,
        None => plain(state, request, answer).await,
    };
    let mut response = answered.unwrap_or_else(Problem::into_response);
    if is_read && is_keyed {
        guard::keep_private(&mut response);
    }
    rate_limit::tell(state, quota, response.headers_mut());
    response
}

/// A request that anybody may send.
async fn plain<F>(
    state: &AppState,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Response>,
{
    let _permit = shed::permit(state, request.method(), route_of(request.extensions()))?;
    deadline::limit(&state.config, request, answer).await
}

/// One that takes a right.
async fn keyed<F>(
    state: &AppState,
    request: Request,
    presented: Presented,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Response>,
{
    // A file on its way takes minutes; whoever takes imports bounds how many there are.
    let _permit = if is_upload(&request) {
        None
    } else {
        Some(shed::permit(state, request.method(), route_of(request.extensions()))?)
    };
    let (mut parts, body) = request.into_parts();
    let asked = Asked::of(&mut parts).await;
    let known = if let Presented::Key(caller) = &presented { Some(caller.clone()) } else { None };
    let who = guard::check(state, &asked, presented, &parts.headers)
        .inspect_err(|problem| note_refusal(state, &asked, known.as_ref(), problem))?;
    let request = Request::from_parts(parts, body);
    if !is_write(request.method(), route_of(request.extensions())) {
        return deadline::limit(&state.config, request, answer).await;
    }
    let audited = Audited::begin(asked.write, who);
    let response =
        deadline::limit(&state.config, request, answer).await.unwrap_or_else(Problem::into_response);
    audited.answered(&response);
    Ok(response)
}

fn note_refusal(state: &AppState, asked: &Asked, who: Option<&Caller>, problem: &Problem) {
    if asked.is_write() {
        audit::refused(state, &asked.write, who, problem.kind().status());
    }
}
