//! The Runtime API over HTTP, with an endpoint for each environment.
//!
//! Statuses and bodies are as documented (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) and as in AWS's Runtime
//! Interface Emulator: 202 for accepted, 400 for an unknown id, 403 for an invalid state transition, 413 for an answer that is too
//! large.

use std::error::Error;
use std::sync::{Arc, Weak};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::LengthLimitError;
use serde_json::json;

use super::environment::Environment;
use super::exchange::{Answer, Event, Poll, Refusal};
use super::function::MAX_RESPONSE_BYTES;
use super::pool::Pool;

type Shared = State<Endpoint>;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// Longest error payload that is read; Lambda truncates longer ones.
const MAX_ERROR_BYTES: usize = 256 * 1024;

/// The endpoint of one environment.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) environment: Arc<Environment>,
    pub(super) pool: Weak<Pool>,
}

impl Endpoint {
    /// The runtime asks for an event: unless an invocation is waiting for the environment, it is idle.
    fn polled(&self) -> Result<(), Refusal> {
        match self.environment.polled()? {
            Poll::First { bound: true } | Poll::Repeated => {}
            Poll::First { bound: false } => self.idle(),
            Poll::Again(returned) => {
                self.idle();
                let _ = returned.send(());
            }
        }
        Ok(())
    }

    fn idle(&self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.idle(&self.environment);
        }
    }
}

pub(super) fn router(endpoint: Endpoint) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(endpoint)
}

async fn next(State(endpoint): Shared) -> Result<Response, Refusal> {
    endpoint.polled()?;
    let event = endpoint.environment.event().await;
    Ok(event_response(&endpoint.environment, event))
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
    State(Endpoint { environment, .. }): Shared,
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
    State(Endpoint { environment, .. }): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let payload = error_text(body).await;
    environment.answer(&id, Answer::Error { kind: error_type(&headers), payload })?;
    Ok(accepted())
}

async fn init_error(
    State(Endpoint { environment, .. }): Shared,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
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
