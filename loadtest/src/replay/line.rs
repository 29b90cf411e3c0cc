//! A line of a log.

use std::borrow::Cow;

use serde_json::Value;

use super::instant;

/// What a line holds.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// A comment, or nothing.
    Empty,
    /// A request.
    Request {
        /// When, in nanoseconds since 1970, or why that is not known.
        at_ns: Result<i64, String>,
        client: Cow<'a, str>,
        /// Whether it was a GET or HEAD.
        reads: bool,
        /// The path and the query, or the whole URL.
        target: String,
    },
}

/// Columns of `CloudFront`'s log, by the last header.
#[derive(Clone, Debug)]
pub(super) struct Fields(Vec<String>);

impl Default for Fields {
    /// The columns that are looked at, where they have been since the first version of the log.
    fn default() -> Self {
        let known = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
                     cs(User-Agent) cs-uri-query";
        Self(known.split(' ').map(str::to_owned).collect())
    }
}

/// Members of a JSON line that may hold what is wanted, in order of preference.
const TIMES: [&str; 9] = [
    "time",
    "timestamp",
    "@timestamp",
    "ts",
    "time_iso8601",
    "time_local",
    "msec",
    "datetime",
    "requestTime",
];
const CLIENTS: [&str; 8] =
    ["client", "client_ip", "remote_addr", "ip", "c-ip", "clientIp", "sourceIp", "x_forwarded_for"];
const METHODS: [&str; 4] = ["method", "request_method", "cs-method", "httpMethod"];
const QUERIES: [&str; 5] = ["query", "args", "query_string", "querystring", "cs-uri-query"];
const COLLECTIONS: &str = "/v1/collections/";

/// Parses a line. A `#Fields` header is remembered.
pub(super) fn parse<'a>(line: &'a str, fields: &mut Fields) -> Result<Line<'a>, String> {
    if let Some(comment) = line.strip_prefix('#') {
        if let Some(names) = comment.strip_prefix("Fields:") {
            fields.0 = names.split_whitespace().map(str::to_owned).collect();
        }
        return Ok(Line::Empty);
    }
    match line.as_bytes() {
        [] => Ok(Line::Empty),
        [b'{', ..] => json(line),
        _ if line.contains('\t') => cloudfront(line, fields),
        _ => combined(line),
    }
}

/// `host ident user [time] "GET target HTTP/1.1" status bytes …`
fn combined(line: &str) -> Result<Line<'_>, String> {
    let (client, _) = line.split_once(' ').ok_or("neither a log line nor JSON")?;
    let at_ns = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let at_ns =
        at_ns.ok_or_else(|| "no time in brackets".to_owned()).and_then(|(time, _)| instant::common(time));
    let request = line.split('"').nth(1).ok_or("no request in quotes")?;
    let (reads, target) = request_line(request)?;
    Ok(Line::Request { at_ns, client: client.into(), reads, target: target.to_owned() })
}

fn request_line(request: &str) -> Result<(bool, &str), String> {
    let parts: Vec<&str> = request.split(' ').collect();
    match parts[..] {
        [method, target, protocol] if protocol.starts_with("HTTP/") => Ok((reads(method), target)),
        _ => Err("no request line".to_owned()),
    }
}

fn reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// Tab-separated values; `-` is nothing.
fn cloudfront<'a>(line: &'a str, fields: &Fields) -> Result<Line<'a>, String> {
    let values: Vec<&str> = line.split('\t').collect();
    let value = |name: &str| {
        let column = fields.0.iter().position(|field| field == name)?;
        values.get(column).copied().filter(|value| *value != "-")
    };
    let stem = value("cs-uri-stem").ok_or("no cs-uri-stem")?;
    let target = value("cs-uri-query").map_or_else(|| stem.to_owned(), |query| format!("{stem}?{query}"));
    let at_ns = match (value("timestamp(ms)"), value("timestamp"), value("date"), value("time")) {
        (Some(time), ..) | (None, Some(time), ..) => instant::any(time),
        (None, None, Some(date), Some(time)) => instant::any(&format!("{date} {time}")),
        _ => Err("no date and time".to_owned()),
    };
    let client = value("c-ip").unwrap_or_default().into();
    Ok(Line::Request { at_ns, client, reads: value("cs-method").is_none_or(reads), target })
}

fn json(line: &str) -> Result<Line<'static>, String> {
    let json: Value = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    let Some((reads, target)) = target(&json) else {
        // A message of another kind.
        return Ok(Line::Request {
            at_ns: Err(String::new()),
            client: "".into(),
            reads: false,
            target: String::new(),
        });
    };
    let at_ns = first(&json, &TIMES).map_or_else(|| Err("no time".to_owned()), instant::of_json);
    let client = first(&json, &CLIENTS).and_then(Value::as_str).unwrap_or_default().to_owned().into();
    let method = first(&json, &METHODS).and_then(Value::as_str);
    Ok(Line::Request { at_ns, client, reads: method.map_or(reads, self::reads), target })
}

/// The first of some members that is there, wherever in the object.
fn first<'a>(json: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let Value::Object(members) = json else { return None };
    let here = names.iter().find_map(|name| members.get(*name)).filter(|value| !value.is_object());
    here.or_else(|| members.values().find_map(|member| first(member, names)))
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
            let (reads, target) = members.values().find_map(target)?;
            let query = QUERIES.iter().find_map(|name| members.get(*name)?.as_str());
            match query {
                Some(query) if !target.contains('?') => {
                    Some((reads, format!("{target}?{}", query.trim_start_matches('?'))))
                }
                _ => Some((reads, target)),
            }
        }
        _ => None,
    }
}
