//! Errors as the client sees them: RFC 9457 problems.
//!
//! There are two worlds. What a client sees is a [`Kind`] with a stable `type`, a `detail` written for the
//! caller, and where it applies the `parameter` at fault and what is `allowed`. What the log sees is the
//! [`internal`](Problem::internal) text: names of tables, keys, messages of the SDK. It is never serialized.
//!
//! Invariant: every response with a status of 400 or more is a problem. [`complete`] sees to that for what
//! the framework answers by itself, and adds the request id.

mod convert;
mod kind;

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

pub use self::kind::Kind;

/// Media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error for a client.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: Kind,
    detail: Cow<'static, str>,
    parameter: Option<Cow<'static, str>>,
    position: Option<usize>,
    allowed: Option<Cow<'static, str>>,
    errors: Vec<FeatureFault>,
    retry_after_s: Option<u32>,
    challenge: Option<Cow<'static, str>>,
    internal: Option<String>,
}

/// One feature of a body that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureFault {
    /// Index of the feature in the batch, from 0.
    pub index: usize,
    /// JSON pointer of the member at fault.
    pub pointer: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

#[derive(Serialize)]
struct Members<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FeatureFault],
}

impl Problem {
    /// A problem of a kind, with a text for the caller.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            kind,
            detail: detail.into(),
            parameter: None,
            position: None,
            allowed: None,
            errors: Vec::new(),
            retry_after_s: None,
            challenge: None,
            internal: None,
        }))
    }

    /// Names the parameter at fault.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.parameter = Some(name.into());
        self
    }

    /// Says at which character of the parameter the fault is, counted from 1.
    #[must_use]
    pub fn position(mut self, position: usize) -> Self {
        self.0.position = Some(position);
        self
    }

    /// Says what would be allowed.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<Cow<'static, str>>) -> Self {
        self.0.allowed = Some(allowed.into());
        self
    }

    /// Lists the features at fault.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FeatureFault>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Says how to authenticate: the value of `WWW-Authenticate`.
    #[must_use]
    pub fn challenge(mut self, challenge: impl Into<Cow<'static, str>>) -> Self {
        self.0.challenge = Some(challenge.into());
        self
    }

    /// Adds what only the log may see.
    #[must_use]
    pub fn internal(mut self, text: impl Into<String>) -> Self {
        self.0.internal = Some(text.into());
        self
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The text for the caller.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The name of the parameter at fault.
    pub fn parameter_name(&self) -> Option<&str> {
        self.0.parameter.as_deref()
    }

    /// The text for the log.
    pub fn internal_text(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }

    /// As JSON, for a document that holds it.
    pub fn json(&self) -> Vec<u8> {
        self.with_instance(None)
    }

    fn with_instance(&self, instance: Option<&str>) -> Vec<u8> {
        let Parts { kind, detail, parameter, position, allowed, errors, .. } = &*self.0;
        let members = Members {
            r#type: format!("/problems/{}", kind.slug()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            instance,
            parameter: parameter.as_deref(),
            position: *position,
            allowed: allowed.as_deref(),
            errors,
        };
        serde_json::to_vec(&members).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind().status(), self.json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        let challenge = self.0.challenge.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(challenge)) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Makes a problem of any error response that is none yet, and puts the request id into it.
pub fn complete(response: Response, method: &Method, request_id: &str) -> Response {
    let status = response.status();
    if status.as_u16() < 400 {
        return response;
    }
    let (mut parts, _) = match response.extensions().get::<Problem>() {
        Some(_) => response.into_parts(),
        None => of_status(status, method).into_response().into_parts(),
    };
    let Some(problem) = parts.extensions.get::<Problem>() else {
        return Response::from_parts(parts, Body::empty());
    };
    let json = problem.with_instance(Some(request_id));
    parts.headers.insert(header::CONTENT_LENGTH, json.len().into());
    let body = if *method == Method::HEAD { Body::empty() } else { json.into() };
    Response::from_parts(parts, body)
}

fn of_status(status: StatusCode, method: &Method) -> Problem {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail = format!("{method} is not a method of this resource; the header `Allow` lists those");
            Problem::new(Kind::MethodNotAllowed, detail)
        }
        StatusCode::NOT_FOUND => Problem::new(Kind::RouteUnknown, "nothing lives at this path"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::BodyTooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(Kind::MediaTypeUnsupported, Kind::MediaTypeUnsupported.meaning())
        }
        _ if status.is_client_error() => {
            Problem::new(Kind::RequestInvalid, "the request cannot be understood")
                .internal(format!("answered with a bare {status}"))
        }
        _ => Problem::new(Kind::Internal, "something went wrong on the server")
            .internal(format!("answered with a bare {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(problem: &Problem) -> serde_json::Value {
        serde_json::from_slice(&problem.with_instance(Some("r-1"))).unwrap()
    }

    #[test]
    fn members_are_those_of_rfc_9457_and_the_parameter() {
        let problem = Problem::new(Kind::ParameterOutOfRange, "`lat` is 91")
            .parameter("lat")
            .allowed("-90 to 90")
            .internal("secret");
        assert_eq!(
            json(&problem),
            serde_json::json!({
                "type": "/problems/parameter-out-of-range",
                "title": "Parameter out of range",
                "status": 400,
                "detail": "`lat` is 91",
                "instance": "r-1",
                "parameter": "lat",
                "allowed": "-90 to 90",
            })
        );
    }

    #[test]
    fn a_bare_error_becomes_a_problem() {
        let response = complete(StatusCode::METHOD_NOT_ALLOWED.into_response(), &Method::PUT, "r-1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(response.extensions().get::<Problem>().unwrap().kind(), Kind::MethodNotAllowed);
    }
}
