//! The sender: an open loop.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | what a run is to do |
//! | [`placement`] | which region a user is sent to |
//! | `planner` | a thread that thinks requests up ahead of time |
//! | `alarm` | waking up on time |
//! | `worker` | threads that send what is due |
//! | `request`, `url`, `paging` | one request of a user, as one exchange |
//! | `cells`, `coding` | the same through the client of cell answers, which may take several |
//! | `verify` | an answer compared with the exact endpoint's |
//!
//! Invariant: when a request is sent depends on the plan and the clock alone. What a server does can keep nothing from being
//! sent but by using up all connections, and then the requests that were not sent are counted.

mod alarm;
mod cells;
mod coding;
mod paging;
pub mod placement;
mod planner;
mod request;
pub mod settings;
mod url;
mod verify;
mod worker;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::mpsc;

pub use self::placement::{Placed, Placement};
pub use self::settings::{Mode, Region, RunSettings, Snap};
use self::worker::Worker;
use crate::plan::Plan;
use crate::record::Recorder;

/// Requests that are thought up ahead for a worker, in batches.
const BATCHES_AHEAD: usize = 64;
/// From when a run is begun to its first instant: time to think up the first requests.
const RUN_UP: Duration = Duration::from_millis(100);

/// A run that is under way.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<(), SenderError>>>,
    recorders: Vec<Arc<Mutex<Recorder>>>,
}

/// What all threads of a run look at.
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

/// Begins a run.
pub fn start(settings: RunSettings, plan: Plan, placement: Box<dyn Placement>) -> io::Result<Running> {
    let workers = settings.workers.max(1);
    let shared = Arc::new(Shared {
        start: Instant::now() + RUN_UP,
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
    let planner = planner::Planner { shared, plan, placement, lanes };
    let plan = move || {
        planner.run();
        Ok(())
    };
    running.threads.push(std::thread::Builder::new().name("plan".to_owned()).spawn(plan)?);
    Ok(running)
}

impl Running {
    /// Since the first instant; zero before it.
    pub fn elapsed(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// Requests under way.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Sends nothing more; what is under way is given a moment.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Whether all is sent and has come to an end.
    pub fn is_over(&self) -> bool {
        self.shared.working.load(Ordering::Acquire) == 0
    }

    /// Looks at what each worker has recorded so far. Senders wait meanwhile: be short.
    pub fn look(&self, mut at: impl FnMut(&Recorder)) {
        self.recorders.iter().for_each(|recorder| at(&lock(recorder)));
    }

    /// Waits for the end: what was recorded, and connections opened by region. An error means that a thread of the sender gave up, and with
    /// it the measurement.
    pub fn finish(self) -> Result<Finished, SenderError> {
        for thread in self.threads {
            thread.join().map_err(|_| SenderError::Broke)??;
        }
        let took = self.shared.start.elapsed();
        let mut recorders = self.recorders.iter();
        let mut all = lock(recorders.next().ok_or(SenderError::Broke)?).clone();
        recorders.for_each(|recorder| all.merge(&lock(recorder)));
        let settings = &self.shared.settings;
        let interrupted = self.shared.stopped();
        // What was planned after the stop was never due.
        let measured = took.saturating_sub(settings.warmup).min(settings.measured);
        let connections = settings.regions.iter().map(Region::opened).collect();
        Ok(Finished { recorder: all, measured, interrupted, connections })
    }
}

/// Why a run has no result.
#[derive(Debug, Error)]
pub enum SenderError {
    /// A thread that sends has no means to: files that it may open, most likely.
    #[error(
        "cannot send: {0}; with too many open files, raise the limit (`ulimit -n`) or lower --workers and --connections"
    )]
    Cannot(io::Error),
    /// A thread came to its end in an unforeseen way.
    #[error("the sender broke down, which is a defect of this program")]
    Broke,
}

/// A run at its end.
#[derive(Debug)]
pub struct Finished {
    /// What was recorded.
    pub recorder: Recorder,
    /// How much of the measured part took place.
    pub measured: Duration,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Connections opened, by region.
    pub connections: Vec<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
