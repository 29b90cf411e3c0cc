//! Turning requests away while the process works on as many as it can: a queue would only make all of them late.

use axum::http::Method;

use super::route::is_write;
use crate::in_flight::Permit;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// A permit to work on a request, if there is room for it. Reads, writes and searches that come in a body have room of their own:
/// bodies that come slowly keep nobody else waiting.
pub fn permit<'a>(state: &'a AppState, method: &Method, route: Option<&str>) -> Result<Permit<'a>, Problem> {
    let in_flight = match *method {
        _ if is_write(method, route) => &state.writes_in_flight,
        Method::POST => &state.posted_in_flight,
        _ => &state.in_flight,
    };
    in_flight.enter().ok_or_else(|| {
        Problem::new(Kind::Overloaded, "too many requests at a time; try again shortly").retry_after_s(1)
    })
}
