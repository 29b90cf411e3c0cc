//! Sends the requests of a plan, in an open loop.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | the settings of a run |
//! | [`routing`] | which region a user is sent to |
//! | `planner` | a thread that generates requests ahead of time |
//! | `timer` | waking up on time |
//! | `worker` | threads that send requests when they are due |
//! | `request` | sends the requests of users and records them |
//! | `url`, `paging` | a request as one exchange |
//! | `cells`, `coding` | a request through the client of cell answers, which may take several exchanges |
//! | `outcome` | the limits of a request and what came of it |
//! | `verify` | an answer compared with the exact endpoint's |
//!
//! Invariant: when a request is sent depends on the plan and the clock alone. A server can only prevent requests from being sent
//! by using up all connections, and then the unsent requests are counted.

mod cells;
mod coding;
mod outcome;
mod paging;
mod planner;
mod request;
pub mod routing;
pub mod settings;
mod timer;
mod url;
mod verify;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::mpsc;

pub use self::routing::{Route, Routing};
pub use self::settings::{CellLevel, Mode, Region, RunSettings};
use self::worker::Worker;
use crate::plan::Plan;
use crate::record::Recorder;

/// Batches of requests that are generated ahead for each worker.
const BATCHES_AHEAD: usize = 64;
/// Time from starting a run to its first instant, in which the first requests are generated.
const LEAD_TIME: Duration = Duration::from_millis(100);

/// A run in progress.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<(), SenderError>>>,
    recorders: Vec<Arc<Mutex<Recorder>>>,
}

/// State shared by all threads of a run.
#[derive(Debug)]
struct Shared {
    settings: RunSettings,
    /// The beginning of the warm-up.
    start: Instant,
    stop: AtomicBool,
    in_flight: AtomicUsize,
    working: AtomicUsize,
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Starts a run.
///
/// # Errors
///
/// A thread cannot be started.
pub fn start(settings: RunSettings, plan: Plan, routing: Box<dyn Routing>) -> io::Result<Running> {
    let workers = settings.workers.max(1);
    let shared = Arc::new(Shared {
        start: Instant::now() + LEAD_TIME,
        stop: AtomicBool::new(false),
        in_flight: AtomicUsize::new(0),
        working: AtomicUsize::new(workers),
        settings,
    });
    let mut running = Running { shared: Arc::clone(&shared), threads: Vec::new(), recorders: Vec::new() };
    let mut lanes = Vec::with_capacity(workers);
    for number in 0..workers {
        let (lane, jobs) = mpsc::channel(BATCHES_AHEAD);
        let recorder = Arc::new(Mutex::new(shared.settings.recorder()));
        let worker = Worker::new(Arc::clone(&shared), Arc::clone(&recorder), number);
        let name = format!("send-{number}");
        running.threads.push(std::thread::Builder::new().name(name).spawn(move || worker.run(jobs))?);
        running.recorders.push(recorder);
        lanes.push(lane);
    }
    let planner = planner::Planner { shared, plan, routing, lanes };
    let plan = move || {
        planner.run();
        Ok(())
    };
    running.threads.push(std::thread::Builder::new().name("plan".to_owned()).spawn(plan)?);
    Ok(running)
}

impl Running {
    /// Time since the first instant; zero before it.
    pub fn elapsed(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Sends no more requests. Those in flight get a grace period.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Whether every request was sent and has ended.
    pub fn is_over(&self) -> bool {
        self.shared.working.load(Ordering::Acquire) == 0
    }

    /// Passes what each worker has recorded so far to `at`. It holds up the worker: be quick.
    pub fn inspect(&self, mut at: impl FnMut(&Recorder)) {
        self.recorders.iter().for_each(|recorder| at(&recorder.lock()));
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    ///
    /// A sending thread failed, and the measurement with it.
    pub fn finish(self) -> Result<Finished, SenderError> {
        for thread in self.threads {
            thread.join().map_err(|_| SenderError::Broke)??;
        }
        let took = self.shared.start.elapsed();
        let mut recorders = self.recorders.iter();
        let mut all = recorders.next().ok_or(SenderError::Broke)?.lock().clone();
        recorders.for_each(|recorder| all.merge(&recorder.lock()));
        let settings = &self.shared.settings;
        let interrupted = self.shared.stopped();
        // Requests planned for after the stop were never due.
        let measured = took.saturating_sub(settings.warmup).min(settings.measured);
        let connections = settings.regions.iter().map(Region::opened).collect();
        Ok(Finished { recorder: all, measured, interrupted, connections })
    }
}

/// Why a run has no result.
#[derive(Debug, Error)]
pub enum SenderError {
    /// A sending thread cannot work, most likely for lack of file descriptors.
    #[error(
        "cannot send: {0}; with too many open files, raise the limit (`ulimit -n`) or lower --workers and --connections"
    )]
    Cannot(io::Error),
    /// A thread ended unexpectedly.
    #[error("the sender failed unexpectedly: this is a bug")]
    Broke,
}

/// A finished run.
#[derive(Debug)]
pub struct Finished {
    /// What was recorded.
    pub recorder: Recorder,
    /// Length of the measured part that took place.
    pub measured: Duration,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Connections opened, by region.
    pub connections: Vec<u64>,
}
