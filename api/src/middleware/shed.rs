//! Turning requests away while the process works on as many as it can: a queue would only make all of them late.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Works on the request if there is room for it.
pub async fn shed(State(state): State<AppState>, request: Request, next: Next) -> Result<Response, Problem> {
    let Ok(_permit) = state.in_flight.try_acquire() else {
        return Err(
            Problem::new(Kind::Overloaded, "too many requests at a time; try again shortly").retry_after_s(1)
        );
    };
    Ok(next.run(request).await)
}
