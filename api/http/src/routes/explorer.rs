//! The explorer: a page for people who open the address in a browser.
//!
//! It is built from `explorer/` and `api/client/typescript` into one file, which is checked in, so that whoever builds
//! the server needs nothing else (docs/adr/0028).

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::coded::Kept;
use super::html;
use crate::problem::Problem;

const TEXT: &str = include_str!("../../explorer/explorer.html");

static PAGE: LazyLock<Kept> = LazyLock::new(|| Kept::new(html::MEDIA_TYPE, TEXT));

/// The policy that the page has in itself, for what stands in front of the server and would add one of its own.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = TEXT.split("content=\"").find(|text| text.starts_with("default-src"));
    let policy = policy.and_then(|text| text.split('"').next());
    policy
        .and_then(|text| HeaderValue::from_str(text).ok())
        .unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The explorer
///
/// A map on which to search, which shows where answers come from: cells, certificates, pages, tiers, times.
#[utoipa::path(get, path = "/explorer", tag = "service", operation_id = "explorer",
    params(("if-none-match" = inline(Option<String>), Header, description = "Entity tags of the pages that the client has")),
    responses(
        (status = 200, description = "A page for people", body = String, content_type = "text/html"),
        (status = 304, description = "The client has it"),
    ))]
pub async fn explorer(headers: HeaderMap) -> Result<Response, Problem> {
    let mut response = page(&headers).await?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}

/// The page. What it may load and run stands in it: itself, and this server.
pub(super) async fn page(headers: &HeaderMap) -> Result<Response, Problem> {
    let mut response = PAGE.answer(headers).await?;
    html::secure(&mut response, &POLICY);
    Ok(response)
}
