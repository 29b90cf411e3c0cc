//! Lines that are JSON objects, as servers, CDNs and collectors of logs write them.
//!
//! Members have no common names. Those that are known are looked for first, wherever they are in the object; else any text that
//! is the path of a search counts. What clients can choose freely (headers such as `Referer`) is never looked at.

use serde_json::{Map, Value};

use super::LogError;
use super::request::{LoggedRequest, Time};
use super::search::COLLECTIONS;
use super::text::{self, cloudfront_target, request_line};

/// Members that may hold what is wanted, in order of preference.
const TIMES: [&str; 14] = [
    "timestamp(ms)",
    "StartUTC",
    "EdgeStartTimestamp",
    "start_time",
    "time",
    "timestamp",
    "@timestamp",
    "ts",
    "time_iso8601",
    "time_local",
    "msec",
    "datetime",
    "requestTime",
    "date",
];
const CLIENTS: [&str; 17] = [
    "client",
    "client_ip",
    "ClientHost",
    "ClientIP",
    "ClientAddr",
    "remote_ip",
    "remote_addr",
    "remoteIp",
    "ip",
    "c-ip",
    "clientIp",
    "sourceIp",
    "x_forwarded_for",
    "http_x_forwarded_for",
    "remote_address",
    "downstream_remote_address",
    "clientip",
];
const METHODS: [&str; 7] = [
    "method",
    "request_method",
    "RequestMethod",
    "requestMethod",
    "ClientRequestMethod",
    "cs-method",
    "httpMethod",
];
const TARGETS: [&str; 14] = [
    "request_uri",
    "uri",
    "url",
    "cs-uri-stem",
    "RequestPath",
    "requestUrl",
    "ClientRequestURI",
    "request_path",
    "path",
    "request",
    "requestURI",
    "request_line",
    "target",
    "rawPath",
];
const QUERIES: [&str; 7] =
    ["query", "args", "query_string", "querystring", "queryString", "rawQueryString", "cs-uri-query"];

/// Members that clients choose.
const HEADERS: [&str; 12] = [
    "headers",
    "resp_headers",
    "request_headers",
    "referer",
    "referrer",
    "http_referer",
    "http_referrer",
    "cs(Referer)",
    "request_Referer",
    "user_agent",
    "http_user_agent",
    "cs(User-Agent)",
];

/// Members that hold the line of a program, where a container engine or a collector wrote the object around it.
const LINES: [&str; 5] = ["log", "message", "msg", "MESSAGE", "textPayload"];

pub(super) fn parse(line: &str) -> Result<LoggedRequest<'static>, LogError> {
    let json: Value = serde_json::from_str(line).map_err(|error| LogError::Json(error.to_string()))?;
    let Some(members) = json.as_object() else { return Err(LogError::Format) };
    if let Some(request) = LINES.iter().find_map(|name| wrapped(members.get(*name)?)) {
        return Ok(request);
    }
    // Without a target it is a message of another kind.
    let (reads, target) = target(&json).unwrap_or_default();
    let method = first(&json, &METHODS).and_then(Value::as_str);
    Ok(LoggedRequest {
        client: client(&json).into(),
        time: time(&json),
        reads: method.map_or(reads, text::reads),
        target: target.into(),
    })
}

/// The request in a line that another object was written around.
fn wrapped(line: &Value) -> Option<LoggedRequest<'static>> {
    let line = line.as_str()?.trim();
    let request =
        if line.starts_with('{') { parse(line).ok()? } else { text::parse(line).ok()?.into_owned() };
    (!request.target.is_empty()).then_some(request)
}

/// `CloudFront` writes day and time of day apart.
fn time(json: &Value) -> Time<'static> {
    let member = |name: &str| json.get(name).and_then(Value::as_str);
    if let (Some(date), Some(time), None) = (member("date"), member("time"), json.get("timestamp(ms)")) {
        return Time::Text(format!("{date} {time}").into());
    }
    first(json, &TIMES).cloned().map_or(Time::Missing("no time"), Time::Json)
}

/// The first address of a list of proxies, without its port.
fn client(json: &Value) -> String {
    let text = first(json, &CLIENTS).and_then(Value::as_str).unwrap_or_default();
    let first = text.split(',').next().unwrap_or_default().trim();
    text::address(first).unwrap_or(first).to_owned()
}

/// The first of some members that is there, wherever in the object.
fn first<'a>(json: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let Value::Object(members) = json else { return None };
    let here = names.iter().filter_map(|name| members.get(*name));
    let usable = |value: &&Value| !value.is_object() && !matches!(value.as_str(), Some("" | "-"));
    here.into_iter().find(usable).or_else(|| inner(members).find_map(|member| first(member, names)))
}

fn inner(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    members.iter().filter(|(name, _)| !is_header(name)).map(|(_, value)| value)
}

fn is_header(name: &str) -> bool {
    HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header))
}

/// The path of a search with its query, which may be a member of its own, and whether it was read by a request line
/// that says so.
fn target(json: &Value) -> Option<(bool, String)> {
    match json {
        Value::String(text) => {
            if let Ok((reads, target)) = request_line(text) {
                return target.contains(COLLECTIONS).then(|| (reads, target.to_owned()));
            }
            let word = text.split([' ', '"']).find(|word| word.contains(COLLECTIONS))?;
            Some((true, word.to_owned()))
        }
        Value::Array(values) => values.iter().find_map(target),
        Value::Object(members) => {
            let known = TARGETS.iter().filter_map(|name| members.get(*name));
            let (reads, target) = known.chain(inner(members)).find_map(target)?;
            let query =
                QUERIES.iter().find_map(|name| members.get(*name)?.as_str()).filter(|query| *query != "-");
            let target = match query {
                Some(query) if !target.contains('?') => format!("{target}?{}", query.trim_start_matches('?')),
                _ => target,
            };
            let doubled = members.contains_key("cs-uri-stem");
            Some((reads, if doubled { cloudfront_target(&target, None).into_owned() } else { target }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_says_the_same_in_its_own_words() {
        let (path, query) = ("/v1/collections/bars/nearby", "lat=1&lon=2");
        for line in [
            // CloudFront, standard logging v2.
            format!(
                r#"{{"date":"2000-10-10","time":"20:55:36","x-edge-location":"CDG1","c-ip":"10.0.0.1","cs-method":"GET","cs-uri-stem":"{path}","cs-uri-query":"{query}","cs(Referer)":"https://x.example/v1/collections/inns/nearby"}}"#
            ),
            // Traefik.
            format!(
                r#"{{"ClientAddr":"10.0.0.1:5123","ClientHost":"10.0.0.1","RequestMethod":"GET","RequestPath":"{path}?{query}","StartUTC":"2000-10-10T20:55:36Z","level":"info","msg":"","time":"2000-10-10T20:55:39Z"}}"#
            ),
            // Caddy.
            format!(
                r#"{{"level":"info","ts":971211336.0,"logger":"http.log.access","msg":"handled request","request":{{"remote_ip":"10.0.0.1","remote_port":"5123","client_ip":"10.0.0.1","proto":"HTTP/2.0","method":"GET","host":"a.example","uri":"{path}?{query}","headers":{{"Referer":["https://x.example/v1/collections/inns/nearby"]}}}},"status":200}}"#
            ),
            // nginx, by a log_format of its own.
            format!(
                r#"{{"time_local":"10/Oct/2000:13:55:36 -0700","remote_addr":"10.0.0.1","http_referer":"https://x.example/v1/collections/inns/nearby","request":"GET {path}?{query} HTTP/1.1"}}"#
            ),
            format!(
                r#"{{"time_iso8601":"2000-10-10T13:55:36-07:00","remote_addr":"10.0.0.1","request_method":"GET","uri":"{path}","args":"{query}"}}"#
            ),
            // Fastly.
            format!(
                r#"{{"timestamp":"2000-10-10T20:55:36+0000","client_ip":"10.0.0.1","host":"a.example","request_method":"GET","url":"{path}?{query}","request_referer":"x"}}"#
            ),
            // Docker around nginx, and around Caddy.
            format!(
                r#"{{"log":"10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET {path}?{query} HTTP/1.1\" 200 5\n","stream":"stdout","time":"2000-10-10T20:55:40Z"}}"#
            ),
            format!(
                r#"{{"log":"{{\"ts\":971211336,\"request\":{{\"client_ip\":\"10.0.0.1\",\"method\":\"GET\",\"uri\":\"{path}?{query}\"}}}}\n","time":"x"}}"#
            ),
            // Google's and Cloudflare's.
            format!(
                r#"{{"httpRequest":{{"requestMethod":"GET","requestUrl":"https://a.example{path}?{query}","remoteIp":"10.0.0.1"}},"timestamp":"2000-10-10T20:55:36Z"}}"#
            ),
            format!(
                r#"{{"ClientIP":"10.0.0.1","ClientRequestMethod":"GET","ClientRequestURI":"{path}?{query}","EdgeStartTimestamp":971211336000000000}}"#
            ),
        ] {
            let request = parse(&line).unwrap();
            assert_eq!(
                (&*request.client, request.at_ns()),
                ("10.0.0.1", Ok(971_211_336_000_000_000)),
                "{line}"
            );
            let search = request.search().unwrap();
            assert_eq!((search.name(), search.position().unwrap().lon()), ("bars", 2.0), "{line}");
        }
    }

    #[test]
    fn what_is_written_is_no_search_and_what_clients_say_is_no_target() {
        let line = r#"{"method":"POST","uri":"/v1/collections/bars/nearby?lat=1&lon=2"}"#;
        assert!(parse(line).unwrap().search().is_none());
        for line in [
            r#"{"request":{"uri":"/health","headers":{"Referer":["/v1/collections/bars/nearby?lat=1&lon=2"]}}}"#,
            r#"{"uri":"/health","http_referer":"https://a.example/v1/collections/bars/nearby?lat=1&lon=2"}"#,
            r#"{"message":"started"}"#,
        ] {
            assert!(parse(line).unwrap().search().is_none(), "{line}");
        }
    }
}
