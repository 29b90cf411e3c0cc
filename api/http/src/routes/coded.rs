//! Documents with entity tags, in the coding that a client prefers.
//!
//! A tag is strong, so each coding has its own: the document's, and what the coding adds to it. Invariant: a client that has
//! the document in a coding that it takes is told so, whichever that is (docs/adr/0032).

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cellar_model::condition::tag_of;
use cellar_search::cells::encoding::{Coding, Effort};
use tokio::sync::OnceCell;

use super::conditional::matches;
use crate::coding::{encode, is_worth_it, tell, unacceptable};
use crate::problem::Problem;

/// A document made for one request, unless the client says that it has it.
pub(super) async fn tagged(
    headers: &HeaderMap,
    media_type: &'static str,
    body: Vec<u8>,
) -> Result<Response, Problem> {
    let tag = tag_of(&body);
    if let Some(response) = held(headers, &tag, Effort::Once) {
        return Ok(response);
    }
    let coding = chosen(headers, body.len(), Effort::Once)?;
    let bytes = encode(body.into(), coding, Effort::Once).await?;
    Ok(sent(media_type, &tag, (coding, Effort::Once), bytes))
}

/// A document that is asked for often: each coding of it is made once.
#[derive(Debug)]
pub(super) struct Kept {
    media_type: &'static str,
    tag: String,
    plain: Bytes,
    coded: [OnceCell<Bytes>; Coding::ALL.len()],
}

impl Kept {
    /// A document of a media type.
    pub(super) fn new(media_type: &'static str, document: impl Into<Bytes>) -> Self {
        let plain = document.into();
        Self { media_type, tag: tag_of(&plain), plain, coded: Default::default() }
    }

    /// The document, unless the client says that it has it.
    pub(super) async fn answer(&self, headers: &HeaderMap) -> Result<Response, Problem> {
        if let Some(response) = held(headers, &self.tag, Effort::Kept) {
            return Ok(response);
        }
        let coding = chosen(headers, self.plain.len(), Effort::Kept)?;
        let kept = &self.coded[coding as usize];
        let bytes = kept.get_or_try_init(|| encode(self.plain.clone(), coding, Effort::Kept)).await?.clone();
        Ok(sent(self.media_type, &self.tag, (coding, Effort::Kept), bytes))
    }
}

fn chosen(headers: &HeaderMap, bytes: usize, effort: Effort) -> Result<Coding, Problem> {
    if !is_worth_it(bytes) {
        return Ok(Coding::Identity);
    }
    Coding::negotiated(headers, effort).ok_or_else(unacceptable)
}

/// That a client has the document, if it says so.
fn held(headers: &HeaderMap, tag: &str, effort: Effort) -> Option<Response> {
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return None;
    }
    let tags = Coding::ALL.into_iter().rev().filter(|coding| coding.is_acceptable(headers));
    let etag = tags.map(|coding| tag_in(tag, coding, effort)).find(|etag| matches(headers, etag))?;
    let mut response = (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    tell(response.headers_mut(), Coding::Identity);
    Some(response)
}

fn sent(media_type: &'static str, tag: &str, (coding, effort): (Coding, Effort), bytes: Bytes) -> Response {
    let is_chosen = coding != Coding::Identity || is_worth_it(bytes.len());
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::ETAG, tag_in(tag, coding, effort));
    if is_chosen {
        tell(headers, coding);
    }
    response
}

/// The tag of a document in a coding.
fn tag_in(tag: &str, coding: Coding, effort: Effort) -> HeaderValue {
    let opaque = tag.trim_end_matches('"');
    HeaderValue::try_from(format!("{opaque}{}\"", coding.etag_suffix(effort)))
        .unwrap_or(HeaderValue::from_static("\"\""))
}
