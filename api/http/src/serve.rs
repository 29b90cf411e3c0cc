//! Serving a router on a listener until told to stop.
//!
//! A connection costs memory and a descriptor whether it asks for anything or not. So there is a number of them, a time
//! within which each has to ask for something first, and a time for which it may stay without asking; when there is no
//! room left, that one is short. Invariant: a connection on which nothing is asked keeps a new one out for
//! [`idle_when_full`](ConnectionLimits::idle_when_full) and one look at most, and the log says so while there is no room.

use std::future::ready;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{Request, Version, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use futures::future::Either;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

use crate::client::Peer;
use crate::live::Endless;
use crate::middleware::request_id;
use crate::problem::{self, Kind, Problem};

/// How often a connection is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The least time between two lines of the log about the same trouble.
const TELL_EVERY: Duration = Duration::from_mins(1);
/// Pause after an error of the listener: what it lacks, descriptors most likely, does not come at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Requests at a time on one HTTP/2 connection.
const STREAMS: u32 = 256;
/// Bytes of the headers of one request.
const HEADER_BYTES: u32 = 32 << 10;

/// Which names a server answers to.
///
/// A page on the web can have its own name lead to this machine (DNS rebinding), and its browser then takes what this server
/// says for the page's own. The `Host` tells: it is the page's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any: the server is meant to be reached by everybody, or something in front of it has looked.
    Any,
    /// `localhost`, addresses, and these.
    Local(Vec<String>),
}

impl Hosts {
    /// What is wrong with a request's `Host` (RFC 9112, section 3.2), if anything is.
    fn refuse<B>(&self, request: &Request<B>) -> Option<Problem> {
        let mut named = request.headers().get_all(header::HOST).iter();
        let (first, second) = (named.next(), named.next());
        let authority = request.uri().authority().map(Authority::as_str);
        let host = match (first, second) {
            (Some(host), None) => host.to_str().ok(),
            (None, None) if request.version() == Version::HTTP_2 => authority,
            (None, None) if request.version() == Version::HTTP_10 => return None,
            _ => None,
        };
        let Some(host) = host else {
            return Some(Problem::new(Kind::RequestInvalid, "the request must have one header `Host`"));
        };
        if self.answers_to(host) {
            return None;
        }
        let detail = "this server does not answer to the name in `Host`; its operator can add it to CELLAR_ALLOWED_HOSTS";
        Some(Problem::new(Kind::RequestInvalid, detail).parameter("host"))
    }

    fn answers_to(&self, host: &str) -> bool {
        let Self::Local(names) = self else { return true };
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        let local = |name: &str| name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok();
        local(name) || names.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

/// Bounds on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// At a time; others wait to be accepted.
    pub most: usize,
    /// Time for the first request of a connection to come in, up to the end of its headers.
    pub first_request: Duration,
    /// How long a connection may stay without a request.
    pub idle: Duration,
    /// The same while there is no room for another one.
    pub idle_when_full: Duration,
}

/// Bounds on connections, and names.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bounds on connections.
    pub connections: ConnectionLimits,
    /// Names that are answered to.
    pub hosts: Hosts,
}

impl Default for Limits {
    /// Any name.
    fn default() -> Self {
        Self { connections: ConnectionLimits::default(), hosts: Hosts::Any }
    }
}

impl Default for ConnectionLimits {
    /// 8,192 connections, 10 s for the first request, 75 s without a request, and 5 s when there is no room.
    fn default() -> Self {
        Self {
            most: 8_192,
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            idle_when_full: Duration::from_secs(5),
        }
    }
}

/// Serves HTTP/1.1 and HTTP/2 without TLS until `shutdown` completes, then takes no more connections and lets
/// requests in flight finish for at most `drain`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::time::Duration;
/// use cellar_http::serve::{self, Limits};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let (router, drain) = (axum::Router::new(), Duration::from_secs(5));
/// serve::run(listener, router, async {}, drain, Limits::default()).await;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn run(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
    Limits { connections: limits, hosts }: Limits,
) {
    let hosts = Arc::new(hosts);
    let room = Arc::new(Semaphore::new(limits.most));
    let (stop, stopping) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    let mut full = Told::default();
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room, &mut full) => accepted,
        };
        let (room, hosts) = (Arc::clone(&room), Arc::clone(&hosts));
        let (stream, peer, permit) = accepted;
        let connection = Connection { peer: Peer(peer), limits, room, hosts, stopping: stopping.clone() };
        tokio::spawn(connection.serve(stream, router.clone(), permit));
    }
    drop((listener, stopping));
    tracing::info!(drain_ms = drain.as_millis(), "stopping");
    // Nobody listens any more when all connections have ended.
    let _ = stop.send(());
    if tokio::time::timeout(drain, stop.closed()).await.is_err() {
        tracing::warn!("requests were still in flight when the time to drain was up");
    }
}

/// Accepts a connection when there is room for one.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    full: &mut Told,
) -> (TcpStream, IpAddr, OwnedSemaphorePermit) {
    loop {
        if room.available_permits() == 0 {
            full.tell(|| tracing::warn!("no room for another connection: idle ones are closed sooner"));
        }
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(room).acquire_owned().await else { continue };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip(), permit),
            // Of a connection that ended before it was accepted.
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                full.tell(|| tracing::error!(%error, "connections cannot be accepted"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// When something was last told in the log.
#[derive(Default)]
struct Told(Option<Instant>);

impl Told {
    fn tell(&mut self, say: impl FnOnce()) {
        let now = Instant::now();
        if self.0.is_none_or(|at| now.saturating_duration_since(at) >= TELL_EVERY) {
            self.0 = Some(now);
            say();
        }
    }
}

struct Connection {
    peer: Peer,
    limits: ConnectionLimits,
    room: Arc<Semaphore>,
    hosts: Arc<Hosts>,
    stopping: watch::Receiver<()>,
}

/// What a connection asks for.
struct Activity {
    opened: tokio::time::Instant,
    /// Requests that are being answered.
    requests: AtomicUsize,
    /// When the last answer was ready, in milliseconds since the connection was opened; 0 before the first one.
    answered_ms: AtomicU64,
}

/// A request that is being answered, until it is dropped.
struct Asking(Arc<Activity>);

impl Connection {
    async fn serve(mut self, stream: TcpStream, router: Router, _permit: OwnedSemaphorePermit) {
        // Answers are written in one piece; waiting to fill a segment would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        let activity = Arc::new(Activity::new());
        let (asking, hosts, peer) = (Arc::clone(&activity), Arc::clone(&self.hosts), self.peer);
        let service = tower::service_fn(move |mut request: Request<_>| {
            request.extensions_mut().insert(peer);
            let asking = Asking::begin(&asking);
            let answer = match hosts.refuse(&request) {
                None => Either::Left(router.clone().oneshot(request.map(Body::new))),
                Some(problem) => {
                    let id = request_id::of(request.headers());
                    let id = id.to_str().unwrap_or_default();
                    let response = problem::complete(problem.into_response(), request.method(), id);
                    Either::Right(ready(Ok(response)))
                }
            };
            async move {
                let answer = answer.await;
                answer.map(|response| if is_endless(&response) { kept(response, asking) } else { response })
            }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        // No limit of its own for headers: it would cost a timer for each request. `expired` has one.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES);
        let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut served = pin!(served);
        let mut expired = pin!(activity.expired(self.limits, &self.room));
        let mut ends = false;
        loop {
            tokio::select! {
                ended = &mut served => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection ended");
                    }
                    return;
                }
                _ = self.stopping.changed(), if !ends => {
                    ends = true;
                    served.as_mut().graceful_shutdown();
                }
                // Nothing is under way on it.
                () = &mut expired => return,
            }
        }
    }
}

fn is_endless(response: &Response) -> bool {
    response.extensions().get::<Endless>().is_some()
}

/// An answer that counts as being given until its body is dropped.
fn kept(response: Response, asking: Asking) -> Response {
    response.map(|body| {
        Body::from_stream(body.into_data_stream().inspect(move |_| {
            let _held = &asking;
        }))
    })
}

impl Activity {
    fn new() -> Self {
        let opened = tokio::time::Instant::now();
        Self { opened, requests: AtomicUsize::new(0), answered_ms: AtomicU64::new(0) }
    }

    /// Waits until the connection has been without a request for too long.
    async fn expired(&self, limits: ConnectionLimits, room: &Semaphore) {
        loop {
            let idle = if room.available_permits() == 0 { limits.idle_when_full } else { limits.idle };
            let answered_ms = self.answered_ms.load(Ordering::Acquire);
            let limit = if answered_ms == 0 { limits.first_request.min(idle) } else { idle };
            let silent = self.opened.elapsed().saturating_sub(Duration::from_millis(answered_ms));
            if self.requests.load(Ordering::Acquire) == 0 && silent >= limit {
                return;
            }
            tokio::time::sleep(limit.saturating_sub(silent).clamp(Duration::from_millis(10), LOOK_EVERY))
                .await;
        }
    }
}

impl Asking {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.requests.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(activity))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Self(activity) = self;
        let now_ms = u64::try_from(activity.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        activity.answered_ms.store(now_ms.max(1), Ordering::Release);
        activity.requests.fetch_sub(1, Ordering::AcqRel);
    }
}
