//! Keeps one connection for commands: made when it is first needed, made anew when it is lost, with pauses between
//! attempts that fail.
//!
//! Invariant: nobody waits longer than one attempt to connect takes, and nobody waits in the pause between two. An
//! attempt is a task of its own, so that a caller who gives up neither ends it nor leaves it half done.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use redis::{ErrorKind, PushInfo, PushKind, RedisError, ServerErrorKind};

use super::dial::{Dialer, Link};
use crate::remote::RemoteError;

/// Pause after the first failed attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An established connection.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) link: Link,
    id: u64,
    life: Arc<Life>,
}

/// Whether a connection answers.
///
/// Callers give up long before the connection's own limit ends, so a connection to a host that is gone would be kept
/// for as long as the network lets it. What counts is for how long something was asked and nothing was heard.
struct Life {
    born: Instant,
    /// When the oldest question since the last answer was asked, in milliseconds after `born`, plus one; 0: none.
    asked_ms: AtomicU64,
    /// Whether anything was ever answered.
    answered: AtomicBool,
}

type Attempt = Shared<BoxFuture<'static, Result<Line, RemoteError>>>;

enum State {
    /// No connection; `error` says why, and nobody tries before `retry_at`.
    Down { error: RemoteError, failures: u32, retry_at: Instant },
    /// Somebody tries.
    Dialing(Attempt),
    /// A connection, and how many attempts in a row had failed or brought one that never answered.
    Up(Line, u32),
}

/// The connection of one remote.
pub(super) struct Lines {
    dialer: Dialer,
    silence_limit: Duration,
    next_id: AtomicU64,
    state: Mutex<State>,
}

impl Lines {
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
    pub(super) async fn get(self: &Arc<Self>) -> Result<Line, RemoteError> {
        let attempt = match self.look() {
            Ok(line) => return Ok(line),
            Err(attempt) => attempt?,
        };
        attempt.await
    }

    /// The connection, or the attempt to wait for, or why there is none in the pause between attempts.
    fn look(self: &Arc<Self>) -> Result<Line, Result<Attempt, RemoteError>> {
        let mut state = self.state();
        let failures = match &*state {
            State::Up(line, _) if !line.life.is_silent(self.silence_limit) => return Ok(line.clone()),
            State::Up(line, failures) => line.life.failures_so_far(*failures),
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
        let lines = Arc::clone(self);
        let task = tokio::spawn(async move {
            let outcome = AssertUnwindSafe(lines.dial()).catch_unwind().await;
            let outcome = outcome
                .unwrap_or_else(|_| Err(RemoteError::Unavailable("connecting ended in a panic".to_owned())));
            let mut state = lines.state();
            *state = match &outcome {
                Ok(line) => State::Up(line.clone(), failures),
                Err(error) => down(error.clone(), failures + 1),
            };
            outcome
        });
        let lines = Arc::downgrade(self);
        let joined = async move {
            match task.await {
                Ok(outcome) => outcome,
                // The runtime ended and took the task along; let the next runtime try again.
                Err(_) => Err(abandoned(&lines)),
            }
        };
        joined.boxed().shared()
    }

    async fn dial(self: &Arc<Self>) -> Result<Line, RemoteError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let lines = Arc::downgrade(self);
        let pushes = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection
                && let Some(lines) = lines.upgrade()
            {
                lines.lost(id, RemoteError::Unavailable("the connection was closed".to_owned()));
            }
            Ok::<(), redis::aio::SendError>(())
        };
        match tokio::time::timeout(self.dialer.limit(), self.dialer.link(pushes)).await {
            Ok(Ok(link)) => Ok(Line { link, id, life: Arc::new(Life::new()) }),
            Ok(Err(error)) => Err(match self.dialer.secret.classify(&error) {
                RemoteError::TimedOut => no_connection_in_time(),
                error => error,
            }),
            Err(_) => Err(no_connection_in_time()),
        }
    }

    /// Takes note of how a command ended, and gives the connection up if it is of no more use.
    pub(super) fn failed(&self, line: &Line, error: &RedisError) -> RemoteError {
        let classified = self.dialer.secret.classify(error);
        match error.kind() {
            ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound => {
                if line.is_over(error) {
                    self.lost(line.id, classified.clone());
                }
            }
            // A primary that has become a replica keeps its connections; the name may lead to another one by now.
            ErrorKind::Server(ServerErrorKind::ReadOnly) => self.lost(line.id, classified.clone()),
            _ => line.life.hear(),
        }
        classified
    }

    /// Gives a connection up, unless there is another one by now. The next call connects anew, after a pause if this
    /// connection had never answered.
    fn lost(&self, id: u64, error: RemoteError) {
        let mut state = self.state();
        if let State::Up(line, failures) = &*state
            && line.id == id
        {
            let failures = line.life.failures_so_far(*failures);
            *state = match failures {
                0 => State::Down { error, failures, retry_at: Instant::now() },
                _ => down(error, failures),
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_connection_in_time() -> RemoteError {
    RemoteError::Unavailable("no connection within the time limit".to_owned())
}

fn down(error: RemoteError, failures: u32) -> State {
    let doubled = FIRST_PAUSE * 2_u32.saturating_pow(failures.saturating_sub(1).min(10));
    let pause = doubled.min(LONGEST_PAUSE).mul_f64(0.5 + fastrand::f64() / 2.0);
    State::Down { error, failures, retry_at: Instant::now() + pause }
}

fn abandoned(lines: &Weak<Lines>) -> RemoteError {
    let error = RemoteError::Unavailable("connecting was abandoned".to_owned());
    if let Some(lines) = lines.upgrade() {
        let mut state = lines.state();
        if matches!(&*state, State::Dialing(_)) {
            *state = State::Down { error: error.clone(), failures: 0, retry_at: Instant::now() };
        }
    }
    error
}

impl Line {
    /// Takes note that something is asked.
    pub(super) fn ask(&self) {
        let now_ms = self.life.born.elapsed().as_millis() as u64 + 1;
        let _ = self.life.asked_ms.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Takes note that something was answered.
    pub(super) fn hear(&self) {
        self.life.hear();
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

impl Life {
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
