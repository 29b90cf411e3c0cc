//! Between events of HTTP APIs and function URLs (payload format 2.0) and the requests and responses of the router.
//!
//! Not `lambda_http`'s own conversion: it makes the path anew, so that `..` and empty segments are lost, panics on a
//! `Host` or a query that is no part of a URL, and drops all but the first of several response headers of one name.
//!
//! Invariant: what the router sees is what was sent, byte for byte: the query always; the path as far as the event
//! holds it (API Gateway's HTTP APIs decode it, function URLs do not); and nothing that is sent can end the process.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cellar_http::client::Peer;
use cellar_http::middleware::request_id;
use cellar_http::problem::{Kind, Problem};
use lambda_http::Context;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

/// Most bytes of an answer that is not streamed (Lambda quotas, "Invocation payload"), without room for headers.
const MAX_ANSWER_BYTES: usize = 6_291_556 - (64 << 10);

/// The stage of an HTTP API that is no part of the path.
const DEFAULT_STAGE: &str = "$default";

/// Part of the domain of every function URL, whose paths are not decoded.
const FUNCTION_URL_DOMAIN: &str = ".lambda-url.";

/// X-Ray's header, which Lambda gives beside the event.
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// What cannot stand in a path as it is: a decoded path has been one that could.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An answer in payload format 2.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpReply {
    /// Status.
    pub status_code: u16,
    /// Headers; several of one name are one, with commas.
    pub headers: BTreeMap<String, String>,
    /// What would be `Set-Cookie`, which cannot be joined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// The body.
    pub body: String,
    /// Whether the body is in base64: it is compressed, or no text.
    pub is_base64_encoded: bool,
}

impl HttpReply {
    /// Nothing but a status.
    pub(super) fn empty(status_code: u16) -> Self {
        let (headers, cookies, body) = Default::default();
        Self { status_code, headers, cookies, body, is_base64_encoded: false }
    }
}

/// What is said of a request whose event cannot be read.
pub(super) fn unreadable() -> Problem {
    Problem::new(Kind::RequestInvalid, "the request cannot be understood")
        .internal("the event has a header or a method that is none")
}

/// The request that an event stands for.
pub fn request(event: ApiGatewayV2httpRequest, context: &Context) -> Result<Request, Problem> {
    let uri = uri(&event)?;
    let body = body(event.body, event.is_base64_encoded)?;
    let mut request = Request::new(body);
    *request.method_mut() = event.request_context.http.method;
    *request.uri_mut() = uri;
    let mut headers = event.headers;
    add_cookies(&mut headers, event.cookies.as_deref());
    if let Some(trace) = value(context.xray_trace_id.as_deref()) {
        headers.insert(TRACE, trace);
    }
    if let Some(id) = value(Some(&context.request_id)) {
        headers.entry(request_id::HEADER).or_insert(id);
    }
    *request.headers_mut() = headers;
    let peer = event.request_context.http.source_ip.as_deref().and_then(|text| text.parse().ok());
    if let Some(peer) = peer {
        request.extensions_mut().insert(Peer(peer));
    }
    Ok(request)
}

fn value(text: Option<&str>) -> Option<HeaderValue> {
    text.filter(|text| !text.is_empty()).and_then(|text| HeaderValue::from_str(text).ok())
}

fn add_cookies(headers: &mut HeaderMap, cookies: Option<&[String]>) {
    let joined = cookies.filter(|cookies| !cookies.is_empty()).map(|cookies| cookies.join("; "));
    if let Some(cookies) = value(joined.as_deref()) {
        headers.insert(header::COOKIE, cookies);
    }
}

fn uri(event: &ApiGatewayV2httpRequest) -> Result<Uri, Problem> {
    let raw = event.raw_path.as_deref().unwrap_or("/");
    let context = &event.request_context;
    let is_raw = context.domain_name.as_deref().is_some_and(|domain| domain.contains(FUNCTION_URL_DOMAIN));
    let path = escaped(without_stage(raw, context.stage.as_deref()), is_raw);
    let query = event.raw_query_string.as_deref().filter(|query| !query.is_empty());
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let uri = Uri::try_from(text).ok().filter(|uri| uri.path().starts_with('/'));
    uri.ok_or_else(|| Problem::new(Kind::QueryMalformed, "the URL holds characters that no URL may hold"))
}

/// A stage other than the default one comes before the path.
fn without_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let Some(stage) = stage.filter(|stage| *stage != DEFAULT_STAGE && !stage.is_empty()) else { return path };
    let below = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    match below {
        Some("") => "/",
        Some(below) if below.starts_with('/') => below,
        _ => path,
    }
}

/// A path with what cannot stand in one escaped. Escapes that are there stay; a `%` that begins none was an escape
/// itself, unless the path is as it was sent.
fn escaped(path: &str, is_raw: bool) -> String {
    let mut text = String::with_capacity(path.len());
    let mut parts = path.split('%');
    text.extend(parts.next().map(|part| utf8_percent_encode(part, NOT_IN_PATHS)).into_iter().flatten());
    for part in parts {
        let digits = part.as_bytes();
        let is_escape = digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit);
        text.push_str(if is_raw || is_escape { "%" } else { "%25" });
        text.extend(utf8_percent_encode(part, NOT_IN_PATHS));
    }
    text
}

fn body(text: Option<String>, is_base64: bool) -> Result<Body, Problem> {
    let Some(text) = text else { return Ok(Body::empty()) };
    if !is_base64 {
        return Ok(Body::from(text));
    }
    let bytes = BASE64.decode(text.as_bytes());
    bytes
        .map(Body::from)
        .map_err(|_| Problem::new(Kind::BodyInvalid, "the body is not the base64 it is said to be"))
}

/// The answer that a response stands for.
pub async fn reply(response: Response) -> Result<HttpReply, Problem> {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await;
    let bytes = bytes
        .map_err(|error| Problem::new(Kind::Internal, "the answer broke off").internal(error.to_string()))?;
    let is_coded = parts.headers.contains_key(header::CONTENT_ENCODING);
    let text = if is_coded { None } else { std::str::from_utf8(&bytes).ok() };
    let length = text.map_or_else(|| bytes.len().div_ceil(3) * 4, json_length);
    if length > MAX_ANSWER_BYTES {
        return Err(too_large(length));
    }
    let (headers, cookies) = flat(&parts.headers);
    Ok(HttpReply {
        status_code: parts.status.as_u16(),
        headers,
        cookies,
        is_base64_encoded: text.is_none(),
        body: text.map_or_else(|| BASE64.encode(&bytes), str::to_owned),
    })
}

/// Bytes that a text takes in a JSON string.
fn json_length(text: &str) -> usize {
    let extra = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..=0x1f => 5,
        _ => 0,
    });
    text.len() + extra.sum::<usize>()
}

fn too_large(bytes: usize) -> Problem {
    let detail = format!(
        "the answer takes {bytes} bytes; {MAX_ANSWER_BYTES} can be sent at a time. Ask for fewer places with `limit`"
    );
    Problem::new(Kind::AnswerTooLarge, detail).parameter("limit")
}

fn flat(headers: &HeaderMap) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut flat, mut cookies) = (BTreeMap::<String, String>::new(), Vec::new());
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        if name == header::SET_COOKIE {
            cookies.push(value.into_owned());
        } else {
            flat.entry(name.as_str().to_owned())
                .and_modify(|joined| {
                    joined.push_str(", ");
                    joined.push_str(&value);
                })
                .or_insert_with(|| value.into_owned());
        }
    }
    (flat, cookies)
}

#[cfg(test)]
mod tests;
