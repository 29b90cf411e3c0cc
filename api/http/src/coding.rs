//! Answers that are compressed for one request (docs/adr/0032).
//!
//! Invariant: what has an entity tag is left as it is, for whoever made the tag has chosen the coding with it; so are what is
//! coded already and what is too short to be worth it.

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use cellar_search::cells::encoding::{Coding, Effort};

use crate::problem::{Kind, Problem};

/// Shorter answers are sent as they are: they fit into one packet of the network anyway.
const LEAST_BYTES: usize = 1 << 10;

/// Longer ones are compressed on a thread where that holds up nobody else: this many take less than a millisecond.
const MOST_AT_ONCE_BYTES: usize = 64 << 10;

/// What a request says of codings, not read yet: most answers do not depend on it.
pub(crate) struct Accepted {
    line: Option<HeaderValue>,
    is_read: bool,
}

impl Accepted {
    /// Of a request.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(header::ACCEPT_ENCODING).iter();
        let first = lines.next().cloned();
        let joined = lines.fold(first, |joined, line| {
            let both = [joined.as_ref()?.as_bytes(), line.as_bytes()].join(&b","[..]);
            HeaderValue::from_bytes(&both).ok()
        });
        Self { line: joined, is_read: matches!(*method, Method::GET | Method::HEAD) }
    }

    fn negotiated(self) -> Option<Coding> {
        let headers = HeaderMap::from_iter(self.line.map(|line| (header::ACCEPT_ENCODING, line)));
        Coding::negotiated(&headers, Effort::Once)
    }
}

/// An answer in the coding that the client prefers.
///
/// # Errors
///
/// If the client takes none, and the answer is neither about an error nor about something that is done.
pub(crate) async fn compressed(response: Response, accepted: Accepted) -> Result<Response, Problem> {
    if !may_be_compressed(&response) {
        return Ok(response);
    }
    let is_answer = accepted.is_read && response.status() == StatusCode::OK;
    let coding = match accepted.negotiated() {
        None if is_answer => return Err(unacceptable()),
        negotiated => negotiated.unwrap_or(Coding::Identity),
    };
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX)
        .await
        .map_err(|error| Problem::new(Kind::Internal, "the answer broke off").internal(error.to_string()))?;
    let bytes = encode(bytes, coding, Effort::Once).await?;
    if parts.headers.contains_key(header::CONTENT_LENGTH) {
        parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    }
    tell(&mut parts.headers, coding);
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn may_be_compressed(response: &Response) -> bool {
    let headers = response.headers();
    response.body().size_hint().exact().is_some_and(|bytes| is_worth_it(bytes as usize))
        && !headers.contains_key(header::ETAG)
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Whether so many bytes are worth compressing.
pub(crate) const fn is_worth_it(bytes: usize) -> bool {
    bytes >= LEAST_BYTES
}

/// Says which coding an answer has, and that it depends on the client.
pub(crate) fn tell(headers: &mut HeaderMap, coding: Coding) {
    headers.append(header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING));
    if coding != Coding::Identity {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
}

/// Bytes in a coding.
pub(crate) async fn encode(bytes: Bytes, coding: Coding, effort: Effort) -> Result<Bytes, Problem> {
    let encoded = match coding {
        Coding::Identity => return Ok(bytes),
        coding if bytes.len() <= MOST_AT_ONCE_BYTES => coding.encode(&bytes, effort),
        coding => {
            let encoding = tokio::task::spawn_blocking(move || coding.encode(&bytes, effort));
            encoding.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
        }
    };
    encoded.map(Bytes::from).map_err(|error| {
        Problem::new(Kind::Internal, "the answer cannot be compressed").internal(error.to_string())
    })
}

/// What is said to a client that takes no coding that there is.
pub(crate) fn unacceptable() -> Problem {
    Problem::new(Kind::EncodingUnacceptable, Kind::EncodingUnacceptable.meaning())
        .parameter("accept-encoding")
        .allowed("br, zstd, gzip, identity")
}
