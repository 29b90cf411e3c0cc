//! The explorer: a page for people who open the address in a browser.
//!
//! It is built from `explorer/` and `api/client/typescript` into one file, which is checked in, so that whoever builds
//! the server needs nothing else (docs/adr/0028).

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::conditional::tagged;

const PAGE: &str = include_str!("../../explorer/explorer.html");

/// The explorer
///
/// A map on which to search, which shows where answers come from: cells, certificates, pages, tiers, times.
#[utoipa::path(get, path = "/explorer", tag = "service", operation_id = "explorer",
    params(("if-none-match" = inline(Option<String>), Header, description = "Entity tags of the pages that the client has")),
    responses(
        (status = 200, description = "A page for people", body = String, content_type = "text/html"),
        (status = 304, description = "The client has it"),
    ))]
pub async fn explorer(headers: HeaderMap) -> Response {
    let mut response = page(&headers);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// The page. What it may load and run stands in it: itself, and this server.
pub(super) fn page(headers: &HeaderMap) -> Response {
    let mut response = tagged(headers, "text/html; charset=utf-8", PAGE.into());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Whether somebody asks who wants to look at a page: browsers name HTML, programs do not.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
        media_type.trim().eq_ignore_ascii_case("text/html") && !refuses(parameters)
    })
}

/// Whether the weight among the parameters of a range is 0.
fn refuses(parameters: &str) -> bool {
    let weight = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    weight.and_then(|weight| weight.parse::<f64>().ok()) == Some(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_from_programs() {
        for (accept, wanted) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("application/json, Text/HTML ;q=0.5", true),
            ("*/*", false),
            ("application/json", false),
            ("text/html;q=0, */*", false),
            ("text/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(is_wanted(&headers), wanted, "{accept}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }
}
