//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cellar_model::condition::{Conditions, Tags, tag_of};

use crate::problem::{Kind, Problem};

const TAGS_ALLOWED: &str = "`*`, or entity tags in double quotes, separated by commas";

/// The conditions of a write.
pub struct Guarded(pub Conditions);

/// That a write comes without conditions, where none can be kept.
pub struct Unconditional;

/// A place with its entity tag, unless the client says that it has it. It is not compressed: its tag is of what is stored,
/// and what writers name in `If-Match` (docs/adr/0032).
pub(super) fn tagged_as(
    headers: &HeaderMap,
    media_type: &'static str,
    etag: HeaderValue,
    body: impl FnOnce() -> Vec<u8>,
) -> Response {
    if matches(headers, &etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let sent = [(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), (header::ETAG, etag)];
    (sent, body()).into_response()
}

/// The entity tag of a document.
pub(super) fn etag(body: &[u8]) -> HeaderValue {
    HeaderValue::try_from(tag_of(body)).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What a request that writes makes a condition of. Unlike a read, it must not go on as if it had set none.
impl<S: Send + Sync> FromRequestParts<S> for Guarded {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let if_match = tags(&parts.headers, &header::IF_MATCH, "If-Match")?;
        let if_none_match = tags(&parts.headers, &header::IF_NONE_MATCH, "If-None-Match")?;
        Ok(Self(Conditions { if_match, if_none_match }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Unconditional {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        for (name, shown) in [(header::IF_MATCH, "If-Match"), (header::IF_NONE_MATCH, "If-None-Match")] {
            if parts.headers.contains_key(name) {
                let detail =
                    format!("`{shown}` is for writes of single places; this request cannot depend on it");
                return Err(Problem::new(Kind::HeaderInvalid, detail).parameter(shown));
            }
        }
        Ok(Self)
    }
}

/// What a field lists; its lines are one list.
fn tags(headers: &HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Option<Tags>, Problem> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    Tags::parse(&lines.join(",")).map(Some).map_err(|error| {
        Problem::new(Kind::HeaderInvalid, format!("`{shown}` is {error}"))
            .parameter(shown)
            .allowed(TAGS_ALLOWED)
    })
}

/// What is said of a write whose conditions do not hold.
pub(super) fn unmet(conditions: &Conditions) -> Problem {
    let (detail, parameter) = match (&conditions.if_match, &conditions.if_none_match) {
        (Some(_), None) => {
            ("the place is not what `If-Match` says; read it again and decide anew", "If-Match")
        }
        (None, Some(Tags::Any)) => ("there is a place of this id already", "If-None-Match"),
        (None, _) => ("the place is what `If-None-Match` rules out", "If-None-Match"),
        (Some(_), Some(_)) => ("the place is not what `If-Match` and `If-None-Match` say", "If-Match"),
    };
    Problem::new(Kind::PreconditionFailed, detail).parameter(parameter)
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
