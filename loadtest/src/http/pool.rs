//! Connections to a target, idle or in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect::{Protocol, Sender, Settings, open};
use super::target::Target;
use crate::record::Failure;

/// Concurrent requests over one HTTP/2 connection: the lowest limit that RFC 9113 recommends to servers.
const STREAMS: usize = 100;

/// The connections to a target. A request waits when all of them are in use and no more may be opened.
#[derive(Debug)]
pub struct Pool {
    pub(super) target: Target,
    pub(super) settings: Settings,
    idle: Mutex<Vec<http1::SendRequest<Empty<Bytes>>>>,
    shared: Mutex<Vec<Arc<Shared>>>,
    /// Held while a shared connection is being opened, so that others wait for it instead of opening their own.
    opening: tokio::sync::Mutex<()>,
    slots: Semaphore,
    opened: AtomicU64,
}

/// A connection that carries many requests at a time.
#[derive(Debug)]
pub(super) struct Shared {
    sender: http2::SendRequest<Empty<Bytes>>,
    streams: AtomicUsize,
}

/// A connection, held for one request.
#[derive(Debug)]
pub(super) struct Lease<'p> {
    pub(super) connection: Connection,
    /// Whether it has carried requests before: the server may have closed it since.
    pub(super) used: bool,
    slot: SemaphorePermit<'p>,
}

#[derive(Debug)]
pub(super) enum Connection {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(Stream),
}

/// A stream of a shared connection.
#[derive(Debug)]
pub(super) struct Stream(Arc<Shared>);

impl Stream {
    pub(super) fn sender(&self) -> http2::SendRequest<Empty<Bytes>> {
        self.0.sender.clone()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool without any connection yet.
    pub fn new(target: Target, settings: Settings) -> Self {
        let each = if settings.protocol == Protocol::Http2 { STREAMS } else { 1 };
        let slots = Semaphore::new(settings.connections.saturating_mul(each).min(Semaphore::MAX_PERMITS));
        Self {
            target,
            settings,
            idle: Mutex::default(),
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            slots,
            opened: AtomicU64::new(0),
        }
    }

    /// Connections opened so far.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Waits for a free slot for a request.
    pub(super) async fn slot(&self) -> SemaphorePermit<'_> {
        self.slots.acquire().await.expect("the semaphore is never closed")
    }

    /// A connection for the holder of a slot: an idle one, or a new one.
    pub(super) async fn lease<'p>(&'p self, slot: SemaphorePermit<'p>) -> Result<Lease<'p>, Failure> {
        let (connection, used) = match self.settings.protocol {
            Protocol::Http1 => self.http1().await?,
            Protocol::Http2 => self.http2().await?,
        };
        Ok(Lease { connection, used, slot })
    }

    /// Replaces a connection that turned out to be closed.
    pub(super) async fn again<'p>(&'p self, closed: Lease<'p>) -> Result<Lease<'p>, Failure> {
        let Lease { slot, connection, .. } = closed;
        drop(connection);
        self.lease(slot).await
    }

    /// Returns a connection whose answer was read to its end.
    pub(super) fn give_back(&self, connection: http1::SendRequest<Empty<Bytes>>) {
        if !connection.is_closed() {
            self.idle.lock().push(connection);
        }
    }

    async fn http1(&self) -> Result<(Connection, bool), Failure> {
        // The most recently used one, so that connections not needed at this rate stay idle.
        while let Some(mut sender) = { self.idle.lock().pop() } {
            if sender.ready().await.is_ok() {
                return Ok((Connection::Http1(sender), true));
            }
        }
        match self.open().await? {
            Sender::Http1(sender) => Ok((Connection::Http1(sender), false)),
            Sender::Http2(_) => Err(Failure::Handshake),
        }
    }

    async fn http2(&self) -> Result<(Connection, bool), Failure> {
        if let Some(stream) = self.stream() {
            return Ok((Connection::Http2(stream), true));
        }
        let _opening = self.opening.lock().await;
        if let Some(stream) = self.stream() {
            return Ok((Connection::Http2(stream), true));
        }
        let Sender::Http2(sender) = self.open().await? else { return Err(Failure::Handshake) };
        let shared = Arc::new(Shared { sender, streams: AtomicUsize::new(1) });
        self.shared.lock().push(Arc::clone(&shared));
        Ok((Connection::Http2(Stream(shared)), false))
    }

    /// A free stream of a shared connection, if there is one.
    fn stream(&self) -> Option<Stream> {
        let mut shared = self.shared.lock();
        shared.retain(|connection| !connection.sender.is_closed());
        let room = |connection: &&Arc<Shared>| connection.streams.load(Ordering::Relaxed) < STREAMS;
        let connection = shared.iter().find(room)?;
        // The lock is held, so no other request takes the stream meanwhile.
        connection.streams.fetch_add(1, Ordering::Relaxed);
        Some(Stream(Arc::clone(connection)))
    }

    async fn open(&self) -> Result<Sender, Failure> {
        // Boxed because it is large and rare: the futures of requests should not carry its size.
        let sender = Box::pin(open(&self.target, &self.settings)).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(sender)
    }
}
