//! Requests through the function: as an event of a function URL, and back.

use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cellar_lambda::{Function, Reply};
use lambda_http::{Context, LambdaEvent};
use serde_json::{Map, Value, json};

/// Set this to `lambda`, and the tests of the HTTP API send their requests through the function.
const TRANSPORT_VARIABLE: &str = "CELLAR_TEST_TRANSPORT";

/// Time that an invocation has unless a test is about it: more than any request takes.
pub const PLENTY: Duration = Duration::from_mins(10);

/// Whether requests go through the function.
pub fn is_lambda() -> bool {
    match std::env::var(TRANSPORT_VARIABLE).as_deref() {
        Ok("lambda") => true,
        Ok("" | "http") | Err(_) => false,
        Ok(other) => panic!("{TRANSPORT_VARIABLE} is {other:?}; allowed: http, lambda"),
    }
}

/// An answer as it was received.
pub type Received = (StatusCode, HeaderMap, Bytes);

/// A context whose invocation has so much time left; a deadline that is past if none.
pub fn context(left: Option<Duration>) -> Context {
    let deadline = left.map_or(SystemTime::UNIX_EPOCH, |left| SystemTime::now() + left);
    let mut context = Context::default();
    "8476a536-e9f4-11e8-9739-2dfe598c3fcd".clone_into(&mut context.request_id);
    context.deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    context
}

/// Hands an event over.
pub async fn invoke(function: &Function, event: &Value, left: Option<Duration>) -> Result<Value, String> {
    let payload = serde_json::from_str(&event.to_string()).unwrap();
    let context = context(left);
    let deadline = context.deadline;
    let reply = function.handle(LambdaEvent::new(payload, context)).await;
    function.rest(deadline).await;
    let reply: Result<Reply, _> = reply;
    reply.map(|reply| serde_json::to_value(reply).unwrap()).map_err(|refusal| refusal.0)
}

/// Sends a request through the function.
pub async fn send(function: &Function, request: Request<Body>) -> Received {
    let event = event(request).await;
    received(&invoke(function, &event, Some(PLENTY)).await.expect("an answer to a request"))
}

/// The event of a function URL that a request becomes.
pub async fn event(request: Request<Body>) -> Value {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let (path, method) = (parts.uri.path(), parts.method.as_str());
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": joined(&parts.headers),
        "requestContext": {
            "domainName": "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1" },
            "stage": "$default",
        },
        "body": (!body.is_empty()).then(|| BASE64.encode(&body)),
        "isBase64Encoded": !body.is_empty(),
    })
}

/// Headers as function URLs have them: those of one name as one.
fn joined(headers: &HeaderMap) -> Map<String, Value> {
    let values = |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap());
    headers.keys().map(|name| (name.to_string(), values(name).collect::<Vec<_>>().join(",").into())).collect()
}

/// What a client receives of an answer.
pub fn received(reply: &Value) -> Received {
    let status = reply["statusCode"].as_u64().unwrap_or_else(|| panic!("an answer to a request: {reply}"));
    let mut headers = HeaderMap::new();
    for (name, value) in reply["headers"].as_object().unwrap() {
        headers.insert(name.parse::<HeaderName>().unwrap(), value.as_str().unwrap().parse().unwrap());
    }
    let body = reply["body"].as_str().unwrap();
    let body = if reply["isBase64Encoded"] == true { BASE64.decode(body).unwrap() } else { body.into() };
    (StatusCode::from_u16(status as u16).unwrap(), headers, body.into())
}
