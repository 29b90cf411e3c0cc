//! The Runtime API over HTTP, one endpoint for each environment.
//!
//! Statuses and bodies as documented (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) and as AWS's
//! Runtime Interface Emulator gives them: 202 for what is taken, 400 for an unknown id, 403 for what the state does not
//! allow, 413 for an answer that is too large.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::LengthLimitError;
use serde_json::json;

use super::environment::Environment;
use super::exchange::{Answer, Event, Refusal};
use super::function::MAX_RESPONSE_BYTES;

type Shared = State<Arc<Environment>>;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// Longest text of an error that is read; Lambda cuts longer ones.
const MAX_ERROR_BYTES: usize = 256 * 1024;

pub(super) fn router(environment: Arc<Environment>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(environment)
}

async fn next(State(environment): Shared) -> Result<Response, Refusal> {
    environment.polled()?;
    let event = environment.event().await;
    Ok(event_response(&environment, event))
}

fn event_response(environment: &Environment, event: Event) -> Response {
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", event.id),
        ("lambda-runtime-deadline-ms", environment.deadline_ms().to_string()),
        ("lambda-runtime-invoked-function-arn", environment.arn()),
        ("lambda-runtime-trace-id", event.trace),
    ];
    (headers, event.payload).into_response()
}

async fn response(
    State(environment): Shared,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    match to_bytes(body, MAX_RESPONSE_BYTES).await {
        Ok(payload) => {
            environment.answer(&id, Answer::Response(payload))?;
            Ok(accepted())
        }
        Err(error) if is_too_large(&error) => {
            environment.answer(&id, Answer::TooLarge)?;
            Ok(too_large())
        }
        // The connection broke: no answer.
        Err(_) => {
            Ok(refuse(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated"))
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    error.source().is_some_and(<dyn Error>::is::<LengthLimitError>)
}

async fn error(
    State(environment): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let payload = error_text(body).await;
    environment.answer(&id, Answer::Error { kind: error_type(&headers), payload })?;
    Ok(accepted())
}

async fn init_error(State(environment): Shared, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let payload = error_text(body).await;
    environment.init_failed(error_type(&headers), payload)?;
    Ok(accepted())
}

async fn error_text(body: Body) -> Bytes {
    to_bytes(body, MAX_ERROR_BYTES).await.unwrap_or_default()
}

fn error_type(headers: &HeaderMap) -> String {
    let value = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or("Function.Unknown").to_owned()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], r#"{"status":"OK"}"#).into_response()
}

fn too_large() -> Response {
    let message = format!("Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "errorMessage": message, "errorType": kind }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::UnknownId => refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
            Self::Transition(from) => {
                let message = format!("State transition failed for the runtime, which is {from}");
                refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
            }
        }
    }
}
