//! Bodies of requests: JSON text of a known media type, of a bounded length, in bounded time.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, header};

use crate::middleware::deadline::Deadline;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

const MEDIA_TYPES: [&str; 2] = ["application/geo+json", "application/json"];

/// A body that is text and says to be JSON, or does not say what it is.
pub struct JsonText(pub String);

impl FromRequest<AppState> for JsonText {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &AppState) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        check_encoding(request.headers())?;
        DefaultBodyLimit::max(state.config.max_body_bytes).apply(&mut request);
        let deadline = request.extensions().get::<Deadline>().copied();
        let read = Bytes::from_request(request, state);
        let bytes = match deadline {
            Some(Deadline(at)) => tokio::time::timeout_at(at.into(), read).await,
            None => Ok(read.await),
        };
        let bytes = bytes
            .map_err(|_| Problem::new(Kind::BodyTimeout, "the body was not received in time"))?
            .map_err(|rejection| refuse(&rejection, state.config.max_body_bytes))?;
        String::from_utf8(bytes.into())
            .map(Self)
            .map_err(|_| Problem::new(Kind::BodyInvalid, "the body is not UTF-8"))
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if MEDIA_TYPES.iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(Problem::new(Kind::MediaTypeUnsupported, "the body must be GeoJSON or JSON")
        .parameter("content-type")
        .allowed(MEDIA_TYPES.join(", ")))
}

/// Bodies are read as they are. One that is compressed would have to be bounded twice, and is four megabytes at most.
fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.all(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(Problem::new(Kind::MediaTypeUnsupported, "the body must not be compressed")
        .parameter("content-encoding")
        .allowed("identity"))
}

fn refuse(rejection: &BytesRejection, max_body_bytes: usize) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Problem::new(Kind::BodyTooLarge, format!("the body is longer than {max_body_bytes} bytes"))
                .allowed(format!("at most {max_body_bytes} bytes"))
        }
        other => Problem::new(Kind::BodyInvalid, "the body ended before it was complete")
            .internal(other.to_string()),
    }
}
