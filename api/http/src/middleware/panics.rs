//! A panic in a handler costs its own request an answer, and nobody else theirs.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use crate::problem::{Kind, Problem};

/// Turns panics into problems; the log gets the panic's message.
pub async fn caught(answered: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(answer)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
fn answer(payload: Box<dyn Any + Send + 'static>) -> Response {
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("of an unknown kind");
    Problem::new(Kind::Internal, "something went wrong on the server; the log has more under the request id")
        .internal(format!("panic: {message}"))
        .into_response()
}
