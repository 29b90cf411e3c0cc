//! `ETag` and `If-None-Match` (RFC 9110, section 13.1.2).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use xxhash_rust::xxh3::xxh3_128;

/// A document with its entity tag, unless the client says that it has it.
pub(super) fn tagged(headers: &HeaderMap, media_type: &'static str, body: Vec<u8>) -> Response {
    let etag = HeaderValue::try_from(format!("\"{:032x}\"", xxh3_128(&body)));
    let etag = etag.unwrap_or(HeaderValue::from_static("\"\""));
    if matches(headers, &etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let sent = [(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), (header::ETAG, etag)];
    (sent, body).into_response()
}

/// Whether a client says that it has what an entity tag names. The comparison is weak; what is no list of entity tags
/// matches nothing.
pub(super) fn matches(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.into_iter().any(|list| list.trim() == "*" || holds(list, etag))
}

/// Entity tags may hold commas, so the list is read tag by tag.
fn holds(list: &str, etag: &str) -> bool {
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let opaque = rest.strip_prefix("W/").unwrap_or(rest);
        let Some(end) = opaque.strip_prefix('"').and_then(|inner| inner.find('"')) else { return false };
        let (tag, after) = opaque.split_at(end + 2);
        if tag == etag {
            return true;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(lists: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(header::IF_NONE_MATCH, list.parse().unwrap());
        }
        matches(&headers, &HeaderValue::from_static("\"a-br\""))
    }

    #[test]
    fn a_tag_is_found_in_lists_weak_or_strong() {
        for good in
            ["\"a-br\"", "W/\"a-br\"", "*", "\"x\", \"a-br\"", "\"x\",W/\"a-br\",\"y\"", "\"a,b\" , \"a-br\""]
        {
            assert!(matching(&[good]), "{good}");
        }
        assert!(matching(&["\"x\"", "\"a-br\""]), "over two lines");
    }

    #[test]
    fn what_is_no_such_tag_does_not_match() {
        for bad in ["", "\"a\"", "a-br", "\"a-br", "w/\"a-br\"", "\"x, a-br\"", "\"*\"", "junk, \"a-br\""] {
            assert!(!matching(&[bad]), "{bad}");
        }
        assert!(!matching(&[]));
    }
}
