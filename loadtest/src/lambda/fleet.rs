//! The service's side: takes events, finds or starts environments, returns answers.
//!
//! As in Lambda, an environment has one invocation at a time; an invocation that starts an environment is bound to it; the time
//! limit begins when the event is handed over, and an environment that exceeds it is killed.
//!
//! Unlike Lambda, a failed init is reported at once instead of being retried with the invocation; and an answer is returned when its
//! environment is ready for the next event or has ended, so that the next invocation finds it idle. [`Invocation::took`] ends with
//! the answer all the same.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::cpu::CpuShare;
use super::environment::{End, Environment};
use super::exchange::{Answer, Answered, Dispatch};
use super::function::{Function, Limits, MAX_EVENT_BYTES, MAX_RESPONSE_BYTES};
use super::launch::launch;
use super::outcome::{EnvironmentReport, Invocation, InvokeError};
use super::pool::{Pool, Slot};

/// Interval between checks for expired idle environments. They get no event in any case.
const SWEEP_INTERVAL: Duration = Duration::from_millis(20);

/// The environments of a function. Dropping it kills them.
#[derive(Debug)]
pub struct Fleet {
    pool: Arc<Pool>,
    sweeper: AbortHandle,
}

/// How much of the fleet was in use since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Most concurrent invocations.
    pub busy_peak: usize,
    /// Total time for which invocations held an environment, including inits: divided by the elapsed time, it is the mean number of
    /// busy environments.
    pub busy_total: Duration,
}

impl Fleet {
    /// A fleet on the system's clock. Waits for the provisioned environments to be ready.
    ///
    /// # Errors
    ///
    /// A provisioned environment cannot be started, or its init fails.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), cellar_loadtest::lambda::InvokeError> {
    /// use cellar_loadtest::lambda::{Fleet, Function, Limits};
    ///
    /// let fleet = Fleet::start(Function::new("nearby", "target/dist/bootstrap"), Limits::default()).await?;
    /// let answer = fleet.invoke(r#"{"instruction":"warmer"}"#.into()).await?;
    /// assert!(answer.is_cold());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(function: Function, limits: Limits) -> Result<Self, InvokeError> {
        Self::with_clock(function, limits, Instant::now).await
    }

    /// A fleet whose idle times follow the clock `now`. Deadlines and time limits are in real time.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn with_clock(
        function: Function,
        limits: Limits,
        now: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Result<Self, InvokeError> {
        let pool = Arc::new(Pool::new(function, limits, Box::new(now)));
        let fleet = Self { sweeper: tokio::spawn(sweep(pool.clone())).abort_handle(), pool };
        fleet.provision().await?;
        Ok(fleet)
    }

    async fn provision(&self) -> Result<(), InvokeError> {
        let mut environments = Vec::new();
        for _ in 0..self.pool.limits.provisioned {
            environments.push(start(&self.pool, self.pool.number(), true).await?);
        }
        for environment in environments {
            self.ready(&environment).await?;
        }
        Ok(())
    }

    /// Waits for the end of an init without an invocation.
    async fn ready(&self, environment: &Environment) -> Result<(), InvokeError> {
        let id = format!("init-{}", environment.number);
        let ready = async {
            loop {
                let changed = self.pool.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if environment.init().is_some() {
                    return Ok(());
                }
                tokio::select! {
                    () = changed => {}
                    end = environment.end() => return Err(failure(&id, end)),
                }
            }
        };
        let limit = self.pool.limits.init;
        timeout(limit, ready).await.unwrap_or_else(|_| {
            environment.kill();
            Err(InvokeError::TimedOut { id, after: limit })
        })
    }

    /// Invokes the function, in an idle environment or in a new one.
    ///
    /// # Errors
    ///
    /// The invocation is throttled, exceeds a limit, or the function fails.
    pub async fn invoke(&self, event: Bytes) -> Result<Invocation, InvokeError> {
        if event.len() > MAX_EVENT_BYTES {
            return Err(InvokeError::EventTooLarge { bytes: event.len(), limit: MAX_EVENT_BYTES });
        }
        let slot = self.pool.slot()?;
        let id = request_id();
        // In a task of its own: the invocation continues even if the caller does not wait.
        let turn = tokio::spawn(turn(self.pool.clone(), slot, id.clone(), event));
        turn.await.unwrap_or_else(|_| Err(InvokeError::Exited { id, how: "with the emulator".into() }))
    }

    /// Stops the environments that were idle for too long; returns how many. On the system's clock this happens by itself.
    pub fn reap(&self) -> usize {
        self.pool.reap()
    }

    /// Reports of all environments so far, by number.
    pub fn environments(&self) -> Vec<EnvironmentReport> {
        self.pool.reports()
    }

    /// Number of live environments, including those in their init.
    pub fn live_count(&self) -> usize {
        self.pool.live_count()
    }

    /// Number of idle environments.
    pub fn idle_count(&self) -> usize {
        self.pool.idle_count()
    }

    /// How the CPU is limited.
    pub fn cpu(&self) -> CpuShare {
        self.pool.cpu.clone()
    }

    /// How much of it was in use so far.
    pub fn usage(&self) -> Usage {
        let used = self.pool.used();
        Usage { busy_peak: used.busy_peak, busy_total: used.busy_total }
    }

    /// Stops all environments, waits until they are gone, and returns their reports.
    pub async fn shutdown(self) -> Vec<EnvironmentReport> {
        loop {
            let changed = self.pool.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            self.pool.close();
            if self.pool.live_count() == 0 {
                return self.pool.reports();
            }
            changed.await;
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.sweeper.abort();
        self.pool.close();
    }
}

async fn sweep(pool: Arc<Pool>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        pool.reap();
    }
}

async fn start(pool: &Arc<Pool>, number: u64, provisioned: bool) -> Result<Arc<Environment>, InvokeError> {
    launch(pool, number, provisioned).await.map_err(|error| InvokeError::Start {
        binary: pool.function.binary.display().to_string(),
        reason: error.to_string(),
    })
}

/// One invocation, until its environment is ready for the next one or gone.
async fn turn(pool: Arc<Pool>, slot: Slot, id: String, event: Bytes) -> Result<Invocation, InvokeError> {
    let asked = Instant::now();
    let answer = match slot {
        Slot::Idle(environment) => serve(&pool, &environment, id, event, asked, false).await,
        Slot::New(number) => match start(&pool, number, false).await {
            Ok(environment) => serve(&pool, &environment, id, event, asked, true).await,
            Err(error) => Err(error),
        },
    };
    pool.free(asked.elapsed());
    answer
}

async fn serve(
    pool: &Pool,
    environment: &Environment,
    id: String,
    payload: Bytes,
    asked: Instant,
    cold: bool,
) -> Result<Invocation, InvokeError> {
    let (delivered, handed) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let (returned, back) = oneshot::channel();
    environment.send(Dispatch { id: id.clone(), trace: trace_id(), payload, delivered, answer, returned });
    within(environment, &id, pool.limits.init, handed).await?;
    let limit = pool.function.timeout;
    let handed_at = Instant::now();
    let Answered { answer, took } = within(environment, &id, limit, answered).await?;
    let total = asked.elapsed();
    environment.took(took);
    // It has until the deadline to ask for the next event.
    let _ = within(environment, &id, limit.saturating_sub(handed_at.elapsed()), back).await;
    let init = if cold { environment.init() } else { None };
    match answer {
        Answer::Response(payload) => {
            Ok(Invocation { payload, environment: environment.number, init, took, total })
        }
        Answer::Error { kind, payload } => Err(InvokeError::Function { kind, payload }),
        Answer::TooLarge => Err(InvokeError::ResponseTooLarge { limit: MAX_RESPONSE_BYTES }),
    }
}

/// Waits for the environment's next step, unless it ends before, or exceeds a limit, for which it is killed.
async fn within<T>(
    environment: &Environment,
    id: &str,
    limit: Duration,
    next: oneshot::Receiver<T>,
) -> Result<T, InvokeError> {
    let outcome = timeout(limit, async {
        tokio::select! {
            biased;
            Ok(next) = next => Ok(next),
            end = environment.end() => Err(failure(id, end)),
        }
    });
    outcome.await.unwrap_or_else(|_| {
        environment.kill();
        Err(InvokeError::TimedOut { id: id.to_owned(), after: limit })
    })
}

fn failure(id: &str, end: End) -> InvokeError {
    match end {
        End::Exited(how) => InvokeError::Exited { id: id.to_owned(), how },
        End::InitFailed { kind, payload } => InvokeError::Function { kind, payload },
    }
}

/// A random UUID of version 4.
fn request_id() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0xc << 60) | (4 << 76) | (8 << 60);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// An X-Ray header of a request that is not sampled.
fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let root = fastrand::u128(..) >> 32;
    format!("Root=1-{seconds:08x}-{root:024x};Parent={:016x};Sampled=0", fastrand::u64(..))
}
