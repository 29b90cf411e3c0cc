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

/// Longest body that is read: 128 places of at most 64 KB each fit.
pub const MAX_BODY_BYTES: u64 = 16 << 20;

/// How much of a body is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing; it is counted.
    Nothing,
    /// At least the first piece that comes.
    Beginning,
    /// All of it.
    All,
}

/// A whole answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// As much of the body as was to be kept, in the coding in which it came.
    pub body: Bytes,
    /// Length of the body.
    pub bytes: u64,
    /// When the head was there.
    pub first_byte: Instant,
}

/// A request that was sent, or for which no connection could be made, without a whole answer.
#[derive(Clone, Copy, Debug)]
pub struct Broken {
    /// Why.
    pub failure: Failure,
    /// The status, and when it came, if a head came.
    pub head: Option<(u16, Instant)>,
    /// Bytes of the body that came.
    pub bytes: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug)]
pub enum Missed {
    /// All connections were in use until the deadline: nothing was sent.
    Unsent,
    /// Something went wrong.
    Broken(Broken),
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self::Broken(Broken { failure, head: None, bytes: 0 })
    }
}

impl Pool {
    /// Sends a GET for a path with its query.
    pub async fn get(&self, path: &str, keep: Keep, deadline: Instant) -> Result<Answer, Missed> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let Ok(slot) = timeout_at(deadline, self.slot()).await else { return Err(Missed::Unsent) };
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
        answer.map_err(|failure| Missed::Broken(Broken { failure, head, bytes }))
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
            // The server had closed the connection while it waited, and nothing was sent.
            match error.take_message() {
                Some(unsent) if lease.used => request = unsent,
                _ => return Err(class(error.error())),
            }
            lease = self.again(lease).await?;
        }
    }
}

/// The body, as much as is to be kept.
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

/// The class of an error after a connection was there.
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
