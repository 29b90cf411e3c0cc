//! Keeps one connection for commands: made when it is first needed, made anew when it is lost, with pauses between
//! attempts that fail.
//!
//! Invariant: nobody waits longer than one attempt to connect takes, and nobody waits during the pause between two. An
//! attempt is a task of its own, so that a caller that gives up neither ends it nor leaves it half done.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use redis::{ErrorKind, PushInfo, PushKind, RedisError, ServerErrorKind};

use super::dialer::{Dialer, Link};
use crate::backoff::Backoff;
use crate::remote::RemoteError;

/// Pauses between failed attempts.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(1) };

/// An established connection.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) link: Link,
    id: u64,
    liveness: Arc<Liveness>,
}

/// Whether a connection answers.
///
/// Callers give up long before the connection's own limit ends, so a connection to a host that is gone would be kept
/// for as long as the network allows. What counts is for how long something was asked and nothing was answered.
struct Liveness {
    born: Instant,
    /// When the oldest command since the last answer was sent, in milliseconds after `born`, plus one; 0: none.
    asked_ms: AtomicU64,
    /// Whether anything was ever answered.
    answered: AtomicBool,
}

type Attempt = Shared<BoxFuture<'static, Result<Connection, RemoteError>>>;

enum State {
    /// No connection; `error` says why, and there is no attempt before `retry_at`.
    Down { error: RemoteError, failures: u32, retry_at: Instant },
    /// An attempt is under way.
    Dialing(Attempt),
    /// A connection, and how many attempts in a row before it had failed or brought one that never answered.
    Up(Connection, u32),
}

/// The connection of one remote tier.
pub(super) struct SharedConnection {
    dialer: Dialer,
    silence_limit: Duration,
    next_id: AtomicU64,
    state: Mutex<State>,
}

impl SharedConnection {
    /// Connects to nothing yet.
    pub(super) fn new(dialer: Dialer, silence_limit: Duration) -> Arc<Self> {
        let error = RemoteError::Unavailable("not connected yet".to_owned());
        let state = State::Down { error, failures: 0, retry_at: Instant::now() };
        Arc::new(Self { dialer, silence_limit, next_id: AtomicU64::new(1), state: Mutex::new(state) })
    }

    pub(super) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The connection, made if there is none.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Connection, RemoteError> {
        let attempt = match self.current() {
            Ok(connection) => return Ok(connection),
            Err(attempt) => attempt?,
        };
        attempt.await
    }

    /// The connection, or the attempt to wait for, or why there is none during the pause between attempts.
    fn current(self: &Arc<Self>) -> Result<Connection, Result<Attempt, RemoteError>> {
        let mut state = self.state.lock();
        let failures = match &*state {
            State::Up(connection, _) if !connection.liveness.is_silent(self.silence_limit) => {
                return Ok(connection.clone());
            }
            State::Up(connection, failures) => connection.liveness.failures_so_far(*failures),
            State::Dialing(attempt) => return Err(Ok(attempt.clone())),
            State::Down { error, retry_at, .. } if Instant::now() < *retry_at => {
                return Err(Err(error.clone()));
            }
            State::Down { failures, .. } => *failures,
        };
        let attempt = self.begin_attempt(failures);
        *state = State::Dialing(attempt.clone());
        Err(Ok(attempt))
    }

    /// Begins to connect, in a task of its own that leaves the outcome in the state.
    fn begin_attempt(self: &Arc<Self>, failures: u32) -> Attempt {
        let shared = Arc::clone(self);
        let task = tokio::spawn(async move {
            let outcome = AssertUnwindSafe(shared.dial()).catch_unwind().await;
            let outcome = outcome
                .unwrap_or_else(|_| Err(RemoteError::Unavailable("connecting ended in a panic".to_owned())));
            let mut state = shared.state.lock();
            *state = match &outcome {
                Ok(connection) => State::Up(connection.clone(), failures),
                Err(error) => down(error.clone(), failures + 1),
            };
            outcome
        });
        let shared = Arc::downgrade(self);
        let joined = async move {
            match task.await {
                Ok(outcome) => outcome,
                // The runtime ended and took the task along; let the next runtime try again.
                Err(_) => Err(abandoned(&shared)),
            }
        };
        joined.boxed().shared()
    }

    async fn dial(self: &Arc<Self>) -> Result<Connection, RemoteError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::downgrade(self);
        let pushes = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection
                && let Some(shared) = shared.upgrade()
            {
                shared.lost(id, RemoteError::Unavailable("the connection was closed".to_owned()));
            }
            Ok::<(), redis::aio::SendError>(())
        };
        match tokio::time::timeout(self.dialer.limit(), self.dialer.link(pushes)).await {
            Ok(Ok(link)) => Ok(Connection { link, id, liveness: Arc::new(Liveness::new()) }),
            Ok(Err(error)) => Err(match self.dialer.secret.classify(&error) {
                RemoteError::TimedOut => no_connection_in_time(),
                error => error,
            }),
            Err(_) => Err(no_connection_in_time()),
        }
    }

    /// Classifies the failure of a command, and gives the connection up if that is of no more use.
    pub(super) fn failed(&self, connection: &Connection, error: &RedisError) -> RemoteError {
        let classified = self.dialer.secret.classify(error);
        match error.kind() {
            ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound => {
                if connection.is_over(error) {
                    self.lost(connection.id, classified.clone());
                }
            }
            // A primary that has become a replica keeps its connections; the name may lead to another one by now.
            ErrorKind::Server(ServerErrorKind::ReadOnly) => self.lost(connection.id, classified.clone()),
            _ => connection.liveness.hear(),
        }
        classified
    }

    /// Gives a connection up, unless there is another one by now. The next call connects anew, after a pause if this
    /// connection had never answered.
    fn lost(&self, id: u64, error: RemoteError) {
        let mut state = self.state.lock();
        if let State::Up(connection, failures) = &*state
            && connection.id == id
        {
            let failures = connection.liveness.failures_so_far(*failures);
            *state = match failures {
                0 => State::Down { error, failures, retry_at: Instant::now() },
                _ => down(error, failures),
            };
        }
    }
}

fn no_connection_in_time() -> RemoteError {
    RemoteError::Unavailable("no connection within the time limit".to_owned())
}

fn down(error: RemoteError, failures: u32) -> State {
    State::Down { error, failures, retry_at: Instant::now() + BACKOFF.after(failures) }
}

fn abandoned(shared: &Weak<SharedConnection>) -> RemoteError {
    let error = RemoteError::Unavailable("connecting was abandoned".to_owned());
    if let Some(shared) = shared.upgrade() {
        let mut state = shared.state.lock();
        if matches!(&*state, State::Dialing(_)) {
            *state = State::Down { error: error.clone(), failures: 0, retry_at: Instant::now() };
        }
    }
    error
}

impl Connection {
    /// Notes that a command is sent.
    pub(super) fn ask(&self) {
        let now_ms = self.liveness.born.elapsed().as_millis() as u64 + 1;
        let _ = self.liveness.asked_ms.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Notes that something was answered.
    pub(super) fn hear(&self) {
        self.liveness.hear();
    }

    /// Whether an error means that this connection will not work any more. A cluster connection mends itself, unless
    /// it has lost every node.
    fn is_over(&self, error: &RedisError) -> bool {
        match self.link {
            Link::Single(_) => true,
            Link::Cluster(_) => {
                error.kind() == ErrorKind::ClusterConnectionNotFound || error.is_connection_dropped()
            }
        }
    }
}

impl Liveness {
    fn new() -> Self {
        Self { born: Instant::now(), asked_ms: AtomicU64::new(0), answered: AtomicBool::new(false) }
    }

    fn hear(&self) {
        self.asked_ms.store(0, Ordering::Relaxed);
        self.answered.store(true, Ordering::Relaxed);
    }

    fn is_silent(&self, limit: Duration) -> bool {
        let asked_ms = self.asked_ms.load(Ordering::Relaxed);
        asked_ms != 0 && self.born.elapsed() > Duration::from_millis(asked_ms - 1) + limit
    }

    /// Failures in a row, this connection included if it never answered.
    fn failures_so_far(&self, before: u32) -> u32 {
        if self.answered.load(Ordering::Relaxed) { 0 } else { before + 1 }
    }
}
