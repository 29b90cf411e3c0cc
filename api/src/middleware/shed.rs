//! Turning requests away while the process works on as many as it can: a queue would only make all of them late.

use tokio::sync::SemaphorePermit;

use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// A permit to work on a request, if there is room for it.
pub fn permit(state: &AppState) -> Result<SemaphorePermit<'_>, Problem> {
    state.in_flight.try_acquire().map_err(|_| {
        Problem::new(Kind::Overloaded, "too many requests at a time; try again shortly").retry_after_s(1)
    })
}
