//! One environment: a process, the state of its Runtime API, and what was seen of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::exchange::{Answer, Dispatch, Event, Exchange, Poll, Refusal};
use super::function::Function;
use super::outcome::{EnvironmentReport, Memory};
use super::process::Process;

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) number: u64,
    pub(super) provisioned: bool,
    function: Arc<Function>,
    exchange: Exchange,
    process: Process,
    started: Instant,
    seen: Mutex<Seen>,
    end: watch::Sender<Option<End>>,
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
    pub(super) fn new(
        number: u64,
        provisioned: bool,
        function: Arc<Function>,
        process: Process,
        started: Instant,
    ) -> Self {
        Self {
            number,
            provisioned,
            function,
            exchange: Exchange::new(),
            process,
            started,
            seen: Mutex::default(),
            end: watch::Sender::new(None),
        }
    }

    /// Sends it an invocation.
    pub(super) fn send(&self, dispatch: Dispatch) {
        self.process.thaw();
        self.exchange.send(dispatch);
    }

    /// The runtime asks for an event. The first time, its init is over.
    pub(super) fn polled(&self) -> Result<Poll, Refusal> {
        let poll = self.exchange.polled()?;
        if matches!(poll, Poll::First { .. }) {
            self.seen.lock().init = Some(self.started.elapsed());
        }
        Ok(poll)
    }

    /// Stops the process until the next event.
    pub(super) fn freeze(&self) {
        self.process.freeze();
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

    /// When an event that is handed over now must be answered, in milliseconds since 1970.
    pub(super) fn deadline_ms(&self) -> u64 {
        let deadline = SystemTime::now() + self.function.timeout;
        deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
    }

    pub(super) fn arn(&self) -> String {
        self.function.arn()
    }

    /// Notes how long an invocation took.
    pub(super) fn took(&self, took: Duration) {
        let mut seen = self.seen.lock();
        if seen.first.is_none() {
            seen.first = Some(took);
        } else {
            seen.warm_count += 1;
            seen.warm_total += took;
        }
    }

    pub(super) fn init(&self) -> Option<Duration> {
        self.seen.lock().init
    }

    /// Kills it, after measuring its memory a last time.
    pub(super) fn kill(&self) {
        if let Some(memory) = self.process.memory() {
            self.seen.lock().memory = Some(memory);
        }
        self.process.kill();
    }

    /// Notes how it ended; what is known first counts.
    pub(super) fn ended(&self, end: End) {
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
        let seen = self.seen.lock();
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
