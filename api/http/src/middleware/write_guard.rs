//! Nothing changes without the write token, or a server that is explicitly open.
//!
//! An open server trusts every caller that reaches it, and the browser on its machine reaches it for any page on the web:
//! a page can post without asking first, and by rebinding its own name to the loopback address it can do
//! everything else. Browsers put the page's `Origin` on every request that may write, and pages cannot change
//! it. Invariant: an open server takes no write from a page that this machine has not served
//! itself, unless its operator has named the page's origin.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};

use crate::config::{Origins, WriteConfig};
use crate::problem::{Kind, Problem};

/// Refuses writes that are not allowed; reads always are.
pub fn check(writes: &WriteConfig, pages: &Origins, request: &Request) -> Result<(), Problem> {
    if is_write(request.method()) { authorize(writes, pages, request.headers()) } else { Ok(()) }
}

/// Whether a method may change something.
pub fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn authorize(writes: &WriteConfig, pages: &Origins, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &writes.token else {
        return if writes.open {
            refuse_foreign_pages(pages, headers)
        } else {
            Err(Problem::new(
                Kind::WriteDisabled,
                "this server takes no writes; its operator can enable them with CELLAR_WRITE_TOKEN, for callers with the token, or with CELLAR_WRITES_OPEN=true, for anybody",
            ))
        };
    };
    match bearer(headers) {
        Some(presented) if token.matches(presented) => Ok(()),
        Some(_) => Err(Problem::new(Kind::WriteUnauthorized, "the bearer token is not the write token")
            .challenge(r#"Bearer realm="cellar", error="invalid_token""#)),
        None => Err(Problem::new(
            Kind::WriteUnauthorized,
            "writing takes the header `Authorization: Bearer <write token>`",
        )
        .challenge(r#"Bearer realm="cellar""#)),
    }
}

fn refuse_foreign_pages(pages: &Origins, headers: &HeaderMap) -> Result<(), Problem> {
    let local = |origin: &HeaderValue| origin.to_str().is_ok_and(is_loopback_origin);
    if headers.get_all(header::ORIGIN).iter().all(|origin| local(origin) || pages.include(origin)) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::WriteDisabled,
        "this server takes writes from programs and from pages of this machine, not from other web pages; its operator can name their origins in CELLAR_CORS_WRITE_ORIGINS, or set CELLAR_WRITE_TOKEN, for callers with the token",
    ))
}

/// Whether an `Origin` (RFC 6454) names this machine; `null` does not.
fn is_loopback_origin(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    uri.scheme().is_some()
        && (host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback()))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_of_this_machine_are_local() {
        for local in ["http://localhost", "http://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:80"]
        {
            assert!(is_loopback_origin(local), "{local}");
        }
        for foreign in [
            "null",
            "",
            "localhost",
            "https://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com:8080",
            "http://localhost@example.com",
            "http://192.168.0.7",
        ] {
            assert!(!is_loopback_origin(foreign), "{foreign}");
        }
    }
}
