//! Lines of text: the common and the combined log format, `CloudFront`'s standard log, and the log of AWS's load balancers.
//!
//! What stands before the address is passed over: the host of a combined log with virtual hosts, and what a container
//! engine, journald or a collector of logs writes before every line of a program.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use super::request::{LoggedRequest, Time};
use super::{LogError, time};

/// `host ident user [time] "GET target HTTP/1.1" status bytes …`, or a line of a load balancer.
pub(super) fn parse(line: &str) -> Result<LoggedRequest<'_>, LogError> {
    load_balancer(line).map_or_else(|| combined(line), Ok)
}

fn combined(line: &str) -> Result<LoggedRequest<'_>, LogError> {
    let (before, time, after) = if let Some((start, end)) = bracketed_time(line) {
        (&line[..start], Time::Common(&line[start + 1..end]), &line[end + 1..])
    } else {
        let quote = line.find('"').ok_or_else(|| unreadable(line))?;
        (&line[..quote], Time::Missing("no time in brackets"), &line[quote..])
    };
    let request = after.split('"').nth(1).ok_or(LogError::NoRequest)?;
    let (reads, target) = request_line(request)?;
    Ok(LoggedRequest { client: client(before).into(), time, reads, target: target.into() })
}

fn unreadable(line: &str) -> LogError {
    if line.contains(' ') { LogError::NoRequest } else { LogError::Format }
}

/// Where the time in brackets begins and ends. Container engines and journald write brackets of their own before it.
fn bracketed_time(line: &str) -> Option<(usize, usize)> {
    let bracket = |(start, _): (usize, &str)| line[start..].find(']').map(|end| (start, start + end));
    let mut brackets = line.match_indices('[').filter_map(bracket);
    let first = brackets.clone().next();
    brackets.find(|&(start, end)| time::is_common(&line[start + 1..end])).or(first)
}

/// The address in what stands before the time: the last one that is an IP address, for a proxy's or a virtual host's name comes
/// before it; else the third word from the end, which is followed by two about the user.
fn client(before: &str) -> &str {
    let words: Vec<&str> = before.split_ascii_whitespace().collect();
    let address = words.iter().rev().find_map(|word| address(word.trim_matches(['"', ','])));
    address
        .or_else(|| words.get(words.len().checked_sub(3)?).copied())
        .or(words.first().copied())
        .unwrap_or_default()
}

/// The IP address of a text, without the port behind it.
pub(super) fn address(text: &str) -> Option<&str> {
    let bare = text.trim_start_matches('[');
    if text.parse::<IpAddr>().is_ok() {
        return Some(text);
    }
    text.parse::<SocketAddr>().ok()?;
    let (host, _) = bare.rsplit_once(':')?;
    Some(host.trim_end_matches(']'))
}

/// Kinds of requests in the log of an application load balancer (docs of Elastic Load Balancing, "Access log entries").
const BALANCED: [&str; 6] = ["http", "https", "h2", "grpcs", "ws", "wss"];

/// `type time elb client:port target:port times… "GET https://host:443/target HTTP/1.1" …`; a classic one has no type.
fn load_balancer(line: &str) -> Option<LoggedRequest<'_>> {
    let mut words = line.split(' ');
    let first = words.next()?;
    let time = if BALANCED.contains(&first) { words.next()? } else { first };
    if !time.ends_with('Z') || time::any(time).is_err() {
        return None;
    }
    let client = address(words.nth(1)?)?;
    // The target, and then how long it took: container engines write a time before a line, too, but no numbers.
    words.nth(1)?.parse::<f64>().ok()?;
    let (reads, target) = request_line(line.split('"').nth(1)?).ok()?;
    Some(LoggedRequest { client: client.into(), time: Time::Text(time.into()), reads, target: target.into() })
}

/// Whether a request line reads, and its target.
pub(super) fn request_line(request: &str) -> Result<(bool, &str), LogError> {
    let parts: Vec<&str> = request.split(' ').collect();
    match parts[..] {
        [method, target, protocol] if protocol.starts_with("HTTP/") => Ok((reads(method), target)),
        _ => Err(LogError::RequestLine),
    }
}

pub(super) fn reads(method: &str) -> bool {
    method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD")
}

/// Tab-separated values; `-` is nothing.
pub(super) fn cloudfront<'a>(columns: &[String], line: &'a str) -> Result<LoggedRequest<'a>, LogError> {
    let values: Vec<&str> = line.split('\t').collect();
    let value = |name: &str| {
        let column = columns.iter().position(|column| column == name)?;
        values.get(column).copied().filter(|value| *value != "-")
    };
    let stem = value("cs-uri-stem").ok_or(LogError::NoPath)?;
    let time = match (value("timestamp(ms)"), value("timestamp"), value("date"), value("time")) {
        (Some(time), ..) | (None, Some(time), ..) => Time::Text(time.into()),
        (None, None, Some(date), Some(time)) => Time::Text(format!("{date} {time}").into()),
        _ => Time::Missing("no date and time"),
    };
    let client = value("c-ip").unwrap_or_default().into();
    let target = cloudfront_target(stem, value("cs-uri-query"));
    Ok(LoggedRequest { client, time, reads: value("cs-method").is_none_or(reads), target })
}

/// Path and query as they were requested: `CloudFront` writes the `%` of a request as `%25` ("Standard log file format").
pub(super) fn cloudfront_target<'a>(stem: &'a str, query: Option<&str>) -> Cow<'a, str> {
    let target = query.map_or(Cow::Borrowed(stem), |query| Cow::Owned(format!("{stem}?{query}")));
    if target.contains("%25") { Cow::Owned(target.replace("%25", "%")) } else { target }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str =
        r#"[10/Oct/2000:13:55:36 -0700] "GET /v1/collections/bars/nearby?lat=1&lon=2 HTTP/1.1" 200 5"#;

    #[test]
    fn the_client_is_found_behind_whatever_comes_before() {
        for (before, expected) in [
            ("10.0.0.1 - -", "10.0.0.1"),
            ("10.0.0.1 - Mary Ann", "10.0.0.1"),
            ("example.com:80 10.0.0.1 - -", "10.0.0.1"),
            ("web-1  | 10.0.0.1 - bob", "10.0.0.1"),
            ("2024-01-01T00:00:00.000000000Z stdout F 2001:db8::7 - -", "2001:db8::7"),
            ("Oct 10 13:55:36 host nginx[123]: 10.0.0.1 - -", "10.0.0.1"),
            ("[pod/web-7c5/nginx] 10.0.0.1 - -", "10.0.0.1"),
            ("<134>2016-07-04T22:37:26Z cache-sjc3120 logs[63577]: 10.0.0.1 - -", "10.0.0.1"),
            ("[2001:db8::7]:4711 - -", "2001:db8::7"),
            ("host.example - -", "host.example"),
            ("web-1 | host.example - -", "host.example"),
            ("x", "x"),
        ] {
            let line = format!("{before} {REQUEST}");
            let request = parse(&line).unwrap();
            assert_eq!(request.client, expected, "{line}");
            assert_eq!(request.at_ns(), Ok(971_211_336_000_000_000), "{line}");
            assert!(request.search().is_some(), "{line}");
        }
    }

    #[test]
    fn load_balancers_write_times_addresses_and_whole_urls() {
        let target = "https://places.example:443/v1/collections/bars/nearby?lat=1&lon=2";
        for begin in [
            "https 2000-10-10T20:55:36.000000Z app/cellar/50dc6c495c0c9188",
            "2000-10-10T20:55:36.000000Z cellar",
        ] {
            let line = format!(
                r#"{begin} 10.0.0.1:2817 10.1.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET {target} HTTP/2.0" "curl/8" - -"#
            );
            let request = parse(&line).unwrap();
            assert_eq!((&*request.client, request.at_ns()), ("10.0.0.1", Ok(971_211_336_000_000_000)));
            assert_eq!(request.search().unwrap().name(), "bars");
        }
    }

    #[test]
    fn a_percent_sign_is_written_as_three_characters_by_cloudfront() {
        assert_eq!(
            cloudfront_target("/cells/gh%253Au0/nearby", Some("lon=%252B2")),
            "/cells/gh%3Au0/nearby?lon=%2B2"
        );
        assert_eq!(cloudfront_target("/a", None), "/a");
    }
}
