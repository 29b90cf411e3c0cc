//! What a request for data passes on its way to its handler.

use axum::extract::Request;
use axum::response::Response;

use super::{deadline, shed, write_guard};
use crate::problem::Problem;
use crate::state::AppState;

/// Takes a request in if there is room for it and it may do what it asks for, and gives it so much time.
pub async fn admit<F>(
    state: &AppState,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Response>,
{
    let _permit = shed::permit(state, request.method())?;
    write_guard::check(&state.writes, &state.config.cors.writes, &request)?;
    deadline::limit(&state.config, request, answer).await
}
