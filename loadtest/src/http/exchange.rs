//! One request and its answer.

use std::error::Error as _;
use std::io;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response, Uri};
use tokio::time::timeout_at;

use super::pool::{Connection, Lease, Pool};
use super::target::BaseUrl;
use super::{Protocol, Settings};
use crate::record::Failure;

/// Longest body that is read, in bytes: 128 places of at most 64 KB each fit.
pub const MAX_BODY_BYTES: u64 = 16 << 20;

/// How much of a body is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing; bytes are only counted.
    Nothing,
    /// At least the first chunk.
    Beginning,
    /// All of it.
    All,
}

/// A complete answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// As much of the body as was to be kept, still with its content coding.
    pub body: Bytes,
    /// Length of the body.
    pub bytes: u64,
    /// When the head had arrived.
    pub first_byte: Instant,
}

/// A request without a complete answer: it failed, or no connection could be made.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    /// Why.
    pub failure: Failure,
    /// The status and when it arrived, if a head arrived.
    pub head: Option<(u16, Instant)>,
    /// Bytes of the body that arrived.
    pub bytes: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug)]
pub enum RequestError {
    /// All connections were in use until the deadline: nothing was sent.
    Unsent,
    /// Something went wrong.
    Failed(Failed),
}

impl From<Failure> for RequestError {
    fn from(failure: Failure) -> Self {
        Self::Failed(Failed { failure, head: None, bytes: 0 })
    }
}

impl Pool {
    /// Sends a GET for a path with its query.
    ///
    /// # Errors
    ///
    /// There is no complete answer by the deadline.
    pub async fn get(&self, path: &str, keep: Keep, deadline: Instant) -> Result<Answer, RequestError> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let Ok(slot) = timeout_at(deadline, self.slot()).await else { return Err(RequestError::Unsent) };
        let mut head = None;
        let mut bytes = 0;
        let answer = timeout_at(deadline, async {
            let lease = self.lease(slot).await?;
            let (response, lease) = self.send(lease, path).await?;
            let (parts, body) = response.into_parts();
            let (status, first_byte) = (parts.status.as_u16(), Instant::now());
            head = Some((status, first_byte));
            let body = collect(body, keep, &mut bytes).await?;
            if let Connection::Http1(sender) = lease.connection {
                self.give_back(sender);
            }
            Ok(Answer { status, headers: parts.headers, body, bytes, first_byte })
        });
        let answer: Result<Answer, Failure> = answer.await.unwrap_or(Err(Failure::TimeLimit));
        answer.map_err(|failure| RequestError::Failed(Failed { failure, head, bytes }))
    }

    async fn send<'p>(
        &'p self,
        lease: Lease<'p>,
        path: &str,
    ) -> Result<(Response<Incoming>, Lease<'p>), Failure> {
        let mut lease = lease;
        let mut request = request(&self.target.url, &self.settings, path).ok_or(Failure::BadAnswer)?;
        loop {
            let sent = match &mut lease.connection {
                Connection::Http1(sender) => sender.try_send_request(request).await,
                Connection::Http2(stream) => stream.sender().try_send_request(request).await,
            };
            let mut error = match sent {
                Ok(response) => return Ok((response, lease)),
                Err(error) => error,
            };
            // The server had closed the idle connection, and nothing was sent.
            match error.take_message() {
                Some(unsent) if lease.used => request = unsent,
                _ => return Err(class(error.error())),
            }
            lease = self.again(lease).await?;
        }
    }
}

/// Reads the body and returns as much of it as is to be kept.
async fn collect(mut body: Incoming, keep: Keep, bytes: &mut u64) -> Result<Bytes, Failure> {
    let mut kept = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| class(&error))?.into_data() else { continue };
        *bytes += data.len() as u64;
        if *bytes > MAX_BODY_BYTES {
            return Err(Failure::BodyTooLong);
        }
        match keep {
            Keep::Beginning | Keep::All if kept.is_empty() => kept = data,
            Keep::Nothing | Keep::Beginning => {}
            Keep::All => {
                if all.is_empty() {
                    all.extend_from_slice(&kept);
                }
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(if all.is_empty() { kept } else { all.freeze() })
}

fn request(url: &BaseUrl, settings: &Settings, path: &str) -> Option<Request<Empty<Bytes>>> {
    let mut request = Request::new(Empty::new());
    let headers = request.headers_mut();
    headers.reserve(3);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(settings.accept_encoding));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("cellar-loadtest/", env!("CARGO_PKG_VERSION"))),
    );
    let uri = match settings.protocol {
        Protocol::Http1 => {
            headers.insert(header::HOST, HeaderValue::try_from(&url.authority).ok()?);
            [&url.prefix, path].concat()
        }
        Protocol::Http2 => {
            let scheme = if url.secure { "https://" } else { "http://" };
            [scheme, &url.authority, &url.prefix, path].concat()
        }
    };
    *request.uri_mut() = Uri::try_from(uri).ok()?;
    Some(request)
}

/// The class of an error on an established connection.
fn class(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::BadHead;
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Failure::Closed;
    }
    let mut cause = error.source();
    while let Some(source) = cause {
        if let Some(error) = source.downcast_ref::<io::Error>() {
            return of_io(error.kind());
        }
        cause = source.source();
    }
    Failure::Reset
}

fn of_io(kind: io::ErrorKind) -> Failure {
    match kind {
        io::ErrorKind::UnexpectedEof => Failure::Closed,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Failure::BadBody,
        _ => Failure::Reset,
    }
}
