//! A request as an event of payload format 2.0.
//!
//! Headers with the same name are joined by commas, and so are query parameters; cookies have a list of their own; a body that is not
//! text is base64-encoded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::header::{CONTENT_TYPE, COOKIE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// What is in front of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// A function URL.
    FunctionUrl,
    /// An HTTP API of API Gateway, with one default route.
    HttpApi,
}

impl Gateway {
    fn domain_suffix(self) -> &'static str {
        match self {
            Self::FunctionUrl => "lambda-url.us-east-1.on.aws",
            Self::HttpApi => "execute-api.us-east-1.amazonaws.com",
        }
    }

    fn account(self) -> &'static str {
        match self {
            Self::FunctionUrl => "anonymous",
            Self::HttpApi => "123456789012",
        }
    }
}

/// The API's id, and its part of the domain.
const ID: &str = "celllambda0rig";

/// The event of a GET through a function URL from loopback; `None` if the argument is not a path.
///
/// ```
/// let event = cellar_loadtest::lambda::get_event("/health?depth=deep").unwrap();
/// assert!(String::from_utf8_lossy(&event).contains(r#""rawQueryString":"depth=deep""#));
/// ```
pub fn get_event(path_and_query: &str) -> Option<Bytes> {
    if !path_and_query.starts_with('/') {
        return None;
    }
    let request = Request::get(path_and_query).header(HOST, "localhost").header("user-agent", "loadtest");
    let (parts, ()) = request.body(()).ok()?.into_parts();
    Some(of(Gateway::FunctionUrl, &parts, b"", ([127, 0, 0, 1], 0).into()).to_string().into())
}

pub(super) fn of(gateway: Gateway, parts: &Parts, body: &[u8], peer: SocketAddr) -> Value {
    let (body, is_base64) = body_of(&parts.headers, body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.uri.path(),
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers(parts, peer),
        "requestContext": context(gateway, parts, peer),
        "isBase64Encoded": is_base64,
    });
    let optional =
        [("cookies", cookies(&parts.headers)), ("queryStringParameters", parameters(parts)), ("body", body)];
    for (name, value) in optional {
        if !value.is_null() {
            event[name] = value;
        }
    }
    event
}

fn context(gateway: Gateway, parts: &Parts, peer: SocketAddr) -> Value {
    let now = SystemTime::now();
    let epoch_ms = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let agent = parts.headers.get("user-agent").map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    json!({
        "accountId": gateway.account(),
        "apiId": ID,
        "domainName": format!("{ID}.{}", gateway.domain_suffix()),
        "domainPrefix": ID,
        "http": {
            "method": parts.method.as_str(),
            "path": parts.uri.path(),
            "protocol": if parts.version == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" },
            "sourceIp": peer.ip().to_string(),
            "userAgent": agent,
        },
        "requestId": format!("{:016x}", fastrand::u64(..)),
        "routeKey": "$default",
        "stage": "$default",
        "time": time_of(now),
        "timeEpoch": epoch_ms,
    })
}

/// As in access logs: `12/Mar/2020:19:03:58 +0000`.
fn time_of(now: SystemTime) -> String {
    let date = httpdate::fmt_http_date(now);
    let fields: Vec<_> = date.split(' ').collect();
    match fields[..] {
        [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
        _ => date,
    }
}

fn headers(parts: &Parts, peer: SocketAddr) -> Value {
    let mut joined = BTreeMap::<&str, String>::new();
    for (name, value) in parts.headers.iter().filter(|(name, _)| **name != COOKIE) {
        join(joined.entry(name.as_str()).or_default(), &String::from_utf8_lossy(value.as_bytes()));
    }
    if let Some(authority) = parts.uri.authority() {
        joined.entry(HOST.as_str()).or_insert_with(|| authority.to_string());
    }
    join(joined.entry("x-forwarded-for").or_default(), &peer.ip().to_string());
    joined.insert("x-forwarded-proto", "https".into());
    joined.insert("x-forwarded-port", "443".into());
    json!(joined)
}

fn join(joined: &mut String, value: &str) {
    if !joined.is_empty() {
        joined.push(',');
    }
    joined.push_str(value);
}

fn cookies(headers: &HeaderMap) -> Value {
    let values = headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let cookies: Vec<_> = values
        .flat_map(|value| value.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    if cookies.is_empty() { Value::Null } else { json!(cookies) }
}

fn parameters(parts: &Parts) -> Value {
    let Some(query) = parts.uri.query().filter(|query| !query.is_empty()) else { return Value::Null };
    let mut joined = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match joined.get_mut(name.as_ref()) {
            Some(Value::String(known)) => {
                known.push(',');
                known.push_str(&value);
            }
            _ => {
                joined.insert(name.into_owned(), value.into_owned().into());
            }
        }
    }
    Value::Object(joined)
}

/// Text as it is, anything else base64-encoded.
fn body_of(headers: &HeaderMap, body: &[u8]) -> (Value, bool) {
    if body.is_empty() {
        return (Value::Null, false);
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(headers) => (text.into(), false),
        _ => (STANDARD.encode(body).into(), true),
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let named = ["application/json", "application/javascript", "application/xml"];
    !headers.contains_key("content-encoding")
        && (kind.starts_with("text/") || named.contains(&kind.as_str()) || kind.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event_of(request: Request<&'static [u8]>) -> Value {
        let (parts, body) = request.into_parts();
        of(Gateway::FunctionUrl, &parts, body, "192.0.2.7:1234".parse().unwrap())
    }

    #[test]
    fn what_comes_twice_is_joined_and_cookies_are_a_list() {
        let request = Request::get("/v1/a%20b?c=1&c=2&d=%C3%A9%26")
            .header("accept", "text/html")
            .header("accept", "*/*")
            .header("cookie", "a=1; b=2")
            .header("cookie", "c=3");
        let event = event_of(request.body(b"".as_slice()).unwrap());
        assert_eq!(event["rawPath"], "/v1/a%20b");
        assert_eq!(event["rawQueryString"], "c=1&c=2&d=%C3%A9%26");
        assert_eq!(event["queryStringParameters"], json!({ "c": "1,2", "d": "é&" }));
        assert_eq!(event["headers"]["accept"], "text/html,*/*");
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert!(event["headers"].get("cookie").is_none() && event.get("body").is_none(), "{event}");
        assert_eq!(event["headers"]["x-forwarded-for"], "192.0.2.7");
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.7");
    }

    #[test]
    fn only_text_is_sent_as_text() {
        let request =
            |kind: &str, body| event_of(Request::put("/x").header("content-type", kind).body(body).unwrap());
        let text = request("application/geo+json; charset=utf-8", "{\"é\":1}".as_bytes());
        assert_eq!((&text["body"], &text["isBase64Encoded"]), (&"{\"é\":1}".into(), &false.into()));
        for (kind, body) in [("application/octet-stream", b"abc".as_slice()), ("text/plain", b"\xff\x00")] {
            let event = request(kind, body);
            assert_eq!(event["isBase64Encoded"], true, "{kind}");
            assert_eq!(STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn time_is_written_as_in_access_logs() {
        let at = UNIX_EPOCH + Duration::from_secs(1_583_348_638);
        assert_eq!(time_of(at), "04/Mar/2020:19:03:58 +0000");
    }
}
