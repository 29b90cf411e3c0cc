//! Documents for people who follow links in a browser: the class HTML of OGC API - Features.
//!
//! They are made here, whole, of what the JSON documents are made of, and run nothing. Invariant: what may be loaded is
//! in `Content-Security-Policy`: the style that is in the page, by its hash, and an empty icon.

mod pages;

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

pub(super) use self::pages::{Listed, collection, collections, conformance, items, landing, place};
use super::coded;
use crate::base::Base;
use crate::paths;
use crate::problem::Problem;

/// Media type of the pages.
pub(super) const MEDIA_TYPE: &str = "text/html; charset=utf-8";

const STYLE: &str = include_str!("style.css");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page: its title, the way to it, where it is as JSON, and what it says.
struct Page<'a> {
    base: &'a Base,
    title: &'a str,
    /// Names and paths of what it is part of.
    way: &'a [(&'a str, &'a str)],
    /// A whole address.
    json: &'a str,
    main: Markup,
}

impl Page<'_> {
    fn text(self) -> String {
        let Self { base, title, way, json, main } = self;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) }
                    link rel="icon" href="data:,";
                    link rel="alternate" type="application/json" href=(json);
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        nav aria-label="Way" {
                            a href=(base.address(paths::API)) { "Cellar" }
                            @for (name, path) in way { a href=(base.address(path)) { (name) } }
                        }
                        span {
                            a href=(json) { "JSON" } " "
                            a href=(base.address(paths::EXPLORER)) { "Explorer" }
                        }
                    }
                    main { h1 { (title) } (main) }
                }
            }
        };
        page.into_string()
    }
}

/// A page as an answer, unless the client says that it has it.
pub(super) async fn answer(headers: &HeaderMap, page: String) -> Result<Response, Problem> {
    let mut response = coded::tagged(headers, MEDIA_TYPE, page.into()).await?;
    secure(&mut response, &POLICY);
    Ok(response)
}

/// Says what a page may load, and that it is in no frame.
pub(super) fn secure(response: &mut Response, policy: &HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
