//! Where clients reach the API: what links begin with.
//!
//! OGC API - Features wants links that are whole addresses, and some clients resolve no others. Invariant: what a header
//! says of the way here counts only if the other end of the connection is a trusted proxy. No shared cache keeps an answer
//! that has such links.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, header};

use crate::client::{ForwardedHeader, Peer, Proxies, forwarded_member};
use crate::state::AppState;

const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What links begin with; empty where nothing is known, so that they are paths.
#[derive(Default)]
pub struct Base(String);

impl Base {
    /// Whether nothing is known.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of a path.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromRequestParts<AppState> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let config = &state.config;
        if let Some(url) = &config.public_url {
            return Ok(Self(url.clone()));
        }
        if !config.links_by_host {
            return Ok(Self(String::new()));
        }
        let own = parts.uri.authority().map(Authority::as_str);
        let own = own.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
        let peer = parts.extensions.get::<Peer>();
        let proxies = &config.clients.proxies;
        let is_proxied = peer.is_some_and(|Peer(peer)| proxies.trusts(*peer));
        Ok(Self(if is_proxied { forwarded(proxies, &parts.headers, own) } else { of("http", own, "") }))
    }
}

/// By what a trusted proxy says of the request that it got.
fn forwarded(proxies: &Proxies, headers: &HeaderMap, own: Option<&str>) -> String {
    let last = |name: &HeaderName| {
        let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next().map(str::trim)
    };
    let member = |name: &str| forwarded_member(headers, name);
    let (proto, host) = match proxies.header {
        ForwardedHeader::XForwardedFor => (last(&PROTO), last(&HOST)),
        ForwardedHeader::Forwarded => (member("proto"), member("host")),
    };
    let scheme =
        if proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")) { "https" } else { "http" };
    let prefix = last(&PREFIX).map(|prefix| prefix.trim_end_matches('/')).filter(|prefix| is_path(prefix));
    of(scheme, host.filter(|host| is_host(host)).or(own), prefix.unwrap_or_default())
}

fn of(scheme: &str, host: Option<&str>, prefix: &str) -> String {
    host.filter(|host| is_host(host)).map_or_else(String::new, |host| format!("{scheme}://{host}{prefix}"))
}

fn is_host(host: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && host.bytes().all(is_plain)
}

fn is_path(prefix: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~');
    prefix.starts_with('/') && !prefix.contains("//") && prefix.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(header: ForwardedHeader, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        forwarded(&Proxies { trusted: Vec::new(), header }, &headers, Some("inner:8080"))
    }

    #[test]
    fn a_proxy_says_how_it_was_reached() {
        let x = |lines: &[(&'static str, &str)]| base(ForwardedHeader::XForwardedFor, lines);
        assert_eq!(x(&[]), "http://inner:8080");
        assert_eq!(x(&[("x-forwarded-proto", "https")]), "https://inner:8080");
        let all = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "made.up, geo.example.com"),
            ("x-forwarded-prefix", "/cellar/"),
        ];
        assert_eq!(x(&all), "https://geo.example.com/cellar");
        assert_eq!(
            x(&[("forwarded", "host=geo.example.com")]),
            "http://inner:8080",
            "it is not the header to trust"
        );
        let of = |line: &str| base(ForwardedHeader::Forwarded, &[("forwarded", line)]);
        assert_eq!(
            of("for=1.2.3.4;proto=https;host=\"geo.example.com:8443\""),
            "https://geo.example.com:8443"
        );
        assert_eq!(of("host=first.example.com, for=x;host=last.example.com"), "http://last.example.com");
    }

    #[test]
    fn what_is_no_host_or_path_is_not_repeated() {
        let x = |name, value| base(ForwardedHeader::XForwardedFor, &[(name, value)]);
        for bad in ["a/b", "a\"b", "<script>", "u@a", "a b", ""] {
            assert_eq!(x("x-forwarded-host", bad), "http://inner:8080", "{bad}");
        }
        for bad in ["no-slash", "//evil.example.com", "/a?b", "/a b", "/\"", "/"] {
            assert_eq!(x("x-forwarded-prefix", bad), "http://inner:8080", "{bad}");
        }
        assert_eq!(x("x-forwarded-proto", "javascript"), "http://inner:8080");
        assert_eq!(of("http", Some("a/b"), ""), "", "then links are paths");
    }
}
