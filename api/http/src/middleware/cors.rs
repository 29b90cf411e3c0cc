//! Web pages of other origins: what their browsers are told (Fetch Standard, "CORS protocol").
//!
//! A browser hands an answer to a page only if the answer says that the page may have it. Reads say so to everybody unless
//! configured otherwise, and then the answer is the same for all, so caches need not keep one for each origin. No answer
//! depends on cookies, and none allows them.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::route::{is_write, route_of};
use crate::config::{CorsConfig, Origins};
use crate::problem::{Kind, Problem};

/// How long a browser may remember what a preflight was told, in seconds. Chromium remembers it for two hours at most.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");

/// Headers of answers that a page may read, beside those that it always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Age, Cache-Status, Content-Location, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, x-request-id",
);

/// Headers that a page may send, beside those that it always may.
const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, traceparent, x-request-id",
);

const ANY: HeaderValue = HeaderValue::from_static("*");

/// What is known of the page that a request comes from.
pub struct Page {
    origin: Option<HeaderValue>,
    is_write: bool,
}

impl Page {
    /// Of a request.
    pub fn of(request: &Request) -> Self {
        let origin = request.headers().get(header::ORIGIN).cloned();
        Self { origin, is_write: is_write(request.method(), route_of(request.extensions())) }
    }

    /// Says on an answer whether the page may have it.
    pub fn permit(&self, config: &CorsConfig, headers: &mut HeaderMap) {
        let allowed = if self.is_write { &config.writes } else { &config.reads };
        if let Origins::These(_) = allowed {
            headers.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
        }
        let origin = match (allowed, &self.origin) {
            (Origins::Any, _) => ANY,
            (allowed, Some(origin)) if allowed.include(origin) => origin.clone(),
            _ => return,
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// The method that a preflight asks for, if a request is one.
fn asked(request: &Request) -> Option<&HeaderValue> {
    if *request.method() != Method::OPTIONS || !request.headers().contains_key(header::ORIGIN) {
        return None;
    }
    request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight, if the request is one: a browser asks before it lets a page write. `methods` are those of the
/// resource.
pub fn preflight(config: &CorsConfig, request: &Request, methods: &[Method]) -> Option<Response> {
    let asked = asked(request)?;
    let method = Method::from_bytes(asked.as_bytes()).ok();
    let has = |method: &Method| {
        methods.contains(method) || (*method == Method::HEAD && methods.contains(&Method::GET))
    };
    let Some(method) = method.filter(has) else {
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let problem =
            Problem::new(Kind::MethodNotAllowed, "the resource does not know the method that is asked for")
                .parameter("access-control-request-method")
                .allowed(names.join(", "));
        return Some(problem.into_response());
    };
    let is_write = is_write(&method, route_of(request.extensions()));
    let page = Page { origin: request.headers().get(header::ORIGIN).cloned(), is_write };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    page.permit(config, headers);
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let method = HeaderValue::from_str(method.as_str()).ok()?;
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ACCEPTED);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    }
    let vary: [HeaderName; 2] =
        [header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_REQUEST_HEADERS];
    for name in vary {
        headers.append(header::VARY, HeaderValue::from_name(name));
    }
    Some(response)
}
