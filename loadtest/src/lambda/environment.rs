//! One environment: a process, its Runtime API endpoint, and what was seen of it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::watch;

use super::cpu::Group;
use super::exchange::{Answer, Event, Exchange, Order, Poll, Refusal};
use super::outcome::{EnvironmentReport, Memory};
use super::pool::Pool;
use super::process::{self, Process, Started};
use super::{runtime_api, variables};

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) number: u64,
    pub(super) provisioned: bool,
    exchange: Exchange,
    process: Process,
    started: Instant,
    seen: Mutex<Seen>,
    end: watch::Sender<Option<End>>,
    pool: Weak<Pool>,
}

/// How an environment ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    Exited(String),
    InitFailed { kind: String, payload: Bytes },
}

#[derive(Debug, Default)]
struct Seen {
    init: Option<Duration>,
    first: Option<Duration>,
    warm_count: u64,
    warm_total: Duration,
    memory: Option<Memory>,
}

impl Environment {
    /// Starts one. It belongs to the pool, which hears when it is idle and when it is gone.
    pub(super) async fn start(pool: &Arc<Pool>, number: u64, provisioned: bool) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = format!("rig/[$LATEST]{number:032x}");
        let variables = variables::of(&pool.function, listener.local_addr()?, &stream, provisioned);
        let hold = pool.hold(number)?;
        let Started { child, process, at, group } = process::start(&pool.function, variables, hold).await?;
        let environment = Arc::new(Self {
            number,
            provisioned,
            exchange: Exchange::new(),
            process,
            started: at,
            seen: Mutex::default(),
            end: watch::Sender::new(None),
            pool: Arc::downgrade(pool),
        });
        pool.started(&environment);
        tokio::spawn(watch(environment.clone(), listener, child, group));
        Ok(environment)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds an invocation to it.
    pub(super) fn send(&self, order: Order) {
        self.process.thaw();
        self.exchange.send(order);
    }

    /// The runtime asks for an event.
    pub(super) fn polled(self: &Arc<Self>) -> Result<(), Refusal> {
        match self.exchange.polled()? {
            Poll::First { bound } => {
                self.seen().init = Some(self.started.elapsed());
                if !bound {
                    self.idle();
                }
            }
            Poll::Again(returned) => {
                self.idle();
                let _ = returned.send(());
            }
            Poll::Repeated => {}
        }
        Ok(())
    }

    fn idle(self: &Arc<Self>) {
        if let Some(pool) = self.pool.upgrade() {
            if pool.limits.freeze {
                self.process.freeze();
            }
            pool.idle(self);
        }
    }

    pub(super) async fn event(&self) -> Event {
        self.exchange.event().await
    }

    pub(super) fn answer(&self, id: &str, answer: Answer) -> Result<(), Refusal> {
        self.exchange.answer(id, answer)
    }

    pub(super) fn init_failed(&self, kind: String, payload: Bytes) -> Result<(), Refusal> {
        self.exchange.init_failed()?;
        self.ended(End::InitFailed { kind, payload });
        self.kill();
        Ok(())
    }

    /// When the event that is handed over now must be answered, in milliseconds since 1970.
    pub(super) fn deadline_ms(&self) -> u64 {
        self.pool
            .upgrade()
            .map_or(0, |pool| pool.clock.unix_ms().saturating_add(pool.function.timeout.as_millis() as u64))
    }

    pub(super) fn arn(&self) -> String {
        self.pool.upgrade().map(|pool| pool.function.arn()).unwrap_or_default()
    }

    /// Notes how long an invocation took.
    pub(super) fn took(&self, took: Duration) {
        let mut seen = self.seen();
        if seen.first.is_none() {
            seen.first = Some(took);
        } else {
            seen.warm_count += 1;
            seen.warm_total += took;
        }
    }

    pub(super) fn init(&self) -> Option<Duration> {
        self.seen().init
    }

    /// Ends it. Its memory is measured a last time.
    pub(super) fn kill(&self) {
        if let Some(memory) = self.process.memory() {
            self.seen().memory = Some(memory);
        }
        self.process.kill();
    }

    fn ended(&self, end: End) {
        self.end.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(end);
            first
        });
    }

    /// Waits for its end.
    pub(super) async fn end(&self) -> End {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await.map(|end| end.clone()) {
            Ok(Some(end)) => end,
            _ => End::Exited("unseen".into()),
        }
    }

    pub(super) fn report(&self) -> EnvironmentReport {
        let exit = self.end.borrow().as_ref().map(|end| match end {
            End::Exited(how) => how.clone(),
            End::InitFailed { kind, .. } => format!("init failed: {kind}"),
        });
        let seen = self.seen();
        EnvironmentReport {
            number: self.number,
            process: self.process.number,
            provisioned: self.provisioned,
            init: seen.init,
            first: seen.first,
            warm_count: seen.warm_count,
            warm_total: seen.warm_total,
            memory: self.process.memory().or(seen.memory),
            exit,
        }
    }
}

/// Serves the Runtime API until the process ends.
async fn watch(environment: Arc<Environment>, listener: TcpListener, mut child: Child, group: Option<Group>) {
    let router = runtime_api::router(environment.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let status = child.wait().await;
    server.abort();
    drop(group);
    environment.ended(End::Exited(match status {
        Ok(status) => format!("with {status}"),
        Err(error) => format!("unseen: {error}"),
    }));
    if let Some(pool) = environment.pool.upgrade() {
        pool.gone(&environment);
    }
}
