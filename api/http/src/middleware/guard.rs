//! Nothing changes without a key, or a server that is explicitly open; and nothing is read without one if so
//! configured.
//!
//! An open server trusts every caller that reaches it, and the browser on its machine reaches it for any page on the
//! web: a page can post without asking first, and by rebinding its own name to the loopback address it can do
//! everything else. Browsers put the page's `Origin` on every request that may write, and pages cannot change it.
//! Invariant: an open server takes no write from a page that this machine has not served itself, unless its operator
//! has named the page's origin.

use std::net::IpAddr;

use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::Response;
use cellar_search::cells::representation::CACHE_TAG;

use super::audit::Write;
use super::rate_limit::may_be_shared;
use super::route::{is_of_writers, is_write, route_of};
use crate::access::{Access, Presented};
use crate::config::Origins;
use crate::keys::{Caller, Refused, Right, Scope};
use crate::paths;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// What answers are to those who may have them only by their key: kept by themselves, and asked for again.
const OF_A_KEY: HeaderValue = HeaderValue::from_static("private, no-cache");

/// What a request asks for.
#[derive(Debug)]
pub struct Asked {
    right: Right,
    /// What it would change.
    pub write: Write,
}

impl Asked {
    /// By its method and its path, with the parameters that its route has.
    pub async fn of(parts: &mut Parts) -> Self {
        let params = RawPathParams::from_request_parts(parts, &()).await.ok();
        let named = |name| params.iter().flatten().find(|(key, _)| *key == name).map(|(_, value)| value);
        let collection = named("collection").and_then(|text| text.parse().ok());
        let place = named("id").and_then(|text| text.parse().ok());
        let route = route_of(&parts.extensions);
        let right = match parts.method {
            ref method if !is_write(method, route) && !route.is_some_and(is_of_writers) => Right::Read,
            Method::DELETE if route == Some(paths::COLLECTION) => Right::Admin,
            _ => Right::Write,
        };
        Self { right, write: Write { method: parts.method.clone(), collection, place } }
    }

    /// Whether it would change something.
    pub fn is_write(&self) -> bool {
        self.right != Right::Read && is_write(&self.write.method, None)
    }

    fn scope(&self) -> Scope {
        Scope::new(self.right, self.write.collection.clone())
    }
}

/// Refuses what a caller may not do; says who it is, if that is known.
pub fn check(
    state: &AppState,
    asked: &Asked,
    presented: Presented,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Problem> {
    let access = &state.access;
    if asked.right == Right::Read && !access.keyed_reads() {
        return Ok(None);
    }
    if !access.is_guarded() {
        return open(access, &state.config.cors.writes, headers).map(|()| None);
    }
    match presented {
        Presented::Key(caller) if caller.may(asked.right, asked.write.collection.as_ref()) => {
            Ok(Some(caller))
        }
        Presented::Key(caller) => Err(lacks(&caller, &asked.scope())),
        Presented::Invalid(refused) => Err(invalid(asked.right, refused)),
        Presented::Nothing => Err(missing(asked.right)),
    }
}

fn open(access: &Access, pages: &Origins, headers: &HeaderMap) -> Result<(), Problem> {
    if access.is_open() {
        return refuse_foreign_pages(pages, headers);
    }
    Err(Problem::new(
        Kind::WriteDisabled,
        "this server takes no writes; its operator can enable them with CELLAR_API_KEYS_FILE or CELLAR_WRITE_TOKEN, for callers with a key, or with CELLAR_WRITES_OPEN=true, for anybody",
    ))
}

fn unauthorized(right: Right) -> Kind {
    if right == Right::Read { Kind::ReadUnauthorized } else { Kind::WriteUnauthorized }
}

fn missing(right: Right) -> Problem {
    let detail = if right == Right::Read {
        "reading takes the header `Authorization: Bearer <key>`"
    } else {
        "writing takes the header `Authorization: Bearer <key>`, with an API key or the write token"
    };
    Problem::new(unauthorized(right), detail).challenge(r#"Bearer realm="cellar""#)
}

fn invalid(right: Right, refused: Refused) -> Problem {
    let detail = match refused {
        Refused::Unknown => "the bearer token is no key of this server",
        Refused::Expired => "the API key has expired; its owner needs another one",
    };
    Problem::new(unauthorized(right), detail).challenge(r#"Bearer realm="cellar", error="invalid_token""#)
}

fn lacks(caller: &Caller, scope: &Scope) -> Problem {
    let detail = format!("the API key {} has no scope that includes `{scope}`, which this takes", caller.id);
    Problem::new(Kind::ScopeMissing, detail)
        .allowed(scope.to_string())
        .challenge(format!(r#"Bearer realm="cellar", error="insufficient_scope", scope="{scope}""#))
}

/// Keeps an answer that took a key from those who have none.
pub fn keep_private(response: &mut Response) {
    let headers = response.headers_mut();
    if may_be_shared(headers) {
        headers.insert(header::CACHE_CONTROL, OF_A_KEY);
    }
    headers.remove(CACHE_TAG);
    headers.append(header::VARY, HeaderValue::from_static("authorization"));
}

fn refuse_foreign_pages(pages: &Origins, headers: &HeaderMap) -> Result<(), Problem> {
    let local = |origin: &HeaderValue| origin.to_str().is_ok_and(is_loopback_origin);
    if headers.get_all(header::ORIGIN).iter().all(|origin| local(origin) || pages.include(origin)) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::WriteDisabled,
        "this server takes writes from programs and from pages of this machine, not from other web pages; its operator can name their origins in CELLAR_CORS_WRITE_ORIGINS, or set CELLAR_API_KEYS_FILE or CELLAR_WRITE_TOKEN, for callers with a key",
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
