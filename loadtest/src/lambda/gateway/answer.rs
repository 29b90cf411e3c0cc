//! What a function answered, or why it did not, as a response.

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::outcome::InvokeError;

/// Header with the reason of a failure, for users of the emulator; the body is that of AWS.
const ERROR: HeaderName = HeaderName::from_static("x-rig-error");

/// A function's answer of format 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Structured {
    status_code: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    multi_value_headers: Map<String, Value>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response that an answer stands for. Without a status it is the body of a 200.
pub(super) fn of(payload: &[u8]) -> Response<Body> {
    let Ok(value) = serde_json::from_slice::<Value>(payload) else {
        return malformed("the function's answer is not JSON");
    };
    if value.get("statusCode").is_none() {
        let body = value.as_str().map_or_else(|| payload.to_vec(), |text| text.as_bytes().to_vec());
        return with_type(StatusCode::OK, body);
    }
    let structured = serde_json::from_value::<Structured>(value).map_err(|error| error.to_string());
    structured.and_then(build).unwrap_or_else(|reason| malformed(&reason))
}

fn build(answer: Structured) -> Result<Response<Body>, String> {
    let status = StatusCode::from_u16(answer.status_code).map_err(|error| error.to_string())?;
    let body = match answer.body.unwrap_or_default() {
        text if answer.is_base64_encoded => STANDARD.decode(text).map_err(|error| error.to_string())?,
        text => text.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let single = answer.headers.iter().map(|(name, value)| (name, text_of(value)));
    let multiple = answer.multi_value_headers.iter().map(|(name, values)| (name, joined(values)));
    let headers = response.headers_mut();
    for (name, value) in single.chain(multiple) {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            headers.insert(name, value);
        }
    }
    for cookie in answer.cookies {
        headers.append(SET_COOKIE, HeaderValue::try_from(cookie).map_err(|error| error.to_string())?);
    }
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    Ok(response)
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn joined(values: &Value) -> String {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().map(text_of).collect::<Vec<_>>().join(",")
}

/// The response to an invocation that failed.
pub(super) fn of_error(error: &InvokeError) -> Response<Body> {
    let (status, message) = match error {
        InvokeError::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Rate Exceeded."),
        InvokeError::EventTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        InvokeError::TimedOut { .. } => (StatusCode::GATEWAY_TIMEOUT, "Task timed out"),
        _ => (StatusCode::BAD_GATEWAY, "Internal Server Error"),
    };
    explained(status, message, &error.to_string())
}

fn malformed(reason: &str) -> Response<Body> {
    explained(StatusCode::BAD_GATEWAY, "Internal Server Error", reason)
}

fn explained(status: StatusCode, message: &str, reason: &str) -> Response<Body> {
    let mut response = with_type(status, json!({ "message": message }).to_string().into_bytes());
    let reason: String = reason.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
    if let Ok(reason) = HeaderValue::try_from(reason) {
        response.headers_mut().insert(ERROR, reason);
    }
    response
}

fn with_type(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
