//! Threads that send requests when they are due.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;

use super::planner::Job;
use super::request::Requester;
use super::timer::Timer;
use super::{SenderError, Shared};
use crate::record::Recorder;

/// Requests that are sent in a row before answers are processed.
const BURST: usize = 16;
/// How long requests that are in flight when the run is stopped may still take.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// One sending thread: its connections, its recorder, its runtime.
pub(super) struct Worker {
    shared: Arc<Shared>,
    recorder: Arc<Mutex<Recorder>>,
    requester: Requester,
    /// Which answers are compared with the exact endpoint's.
    verify: Mutex<fastrand::Rng>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, recorder: Arc<Mutex<Recorder>>, number: usize) -> Self {
        let seed = shared.settings.seed.wrapping_add(number as u64);
        let requester = Requester::new(Arc::clone(&shared), Arc::clone(&recorder));
        Self { shared, recorder, requester, verify: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    /// Works until everything is sent and has ended. If the worker fails, the whole run is stopped.
    pub(super) fn run(self, jobs: Receiver<Vec<Job>>) -> Result<(), SenderError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let this = Arc::new(self);
        let runtime = runtime.map_err(SenderError::Cannot);
        let sent = runtime.and_then(|runtime| runtime.block_on(Self::work_apart(&this, jobs)));
        this.requester.report_connections();
        if sent.is_err() {
            this.shared.stop.store(true, Ordering::Relaxed);
        }
        this.shared.working.fetch_sub(1, Ordering::Release);
        sent
    }

    /// In a task of its own: waking the future that a runtime blocks on costs a system call each time, waking a task does not.
    async fn work_apart(this: &Arc<Self>, jobs: Receiver<Vec<Job>>) -> Result<(), SenderError> {
        let worker = Arc::clone(this);
        tokio::spawn(keep_a_timer());
        let sent = tokio::spawn(async move { worker.work(jobs).await }).await;
        sent.map_err(|_| SenderError::Broke)?.map_err(SenderError::Cannot)
    }

    async fn work(self: &Arc<Self>, mut jobs: Receiver<Vec<Job>>) -> io::Result<()> {
        let mut timer = Timer::new()?;
        let mut burst = 0;
        'jobs: while let Some(mut batch) = jobs.recv().await {
            while !batch.is_empty() {
                let group = together(&batch, self.shared.settings.group_within);
                let at = self.shared.start + batch[group - 1].at;
                while Instant::now() < at {
                    burst = 0;
                    timer.until(at).await?;
                    if self.shared.stopped() {
                        break 'jobs;
                    }
                }
                for job in batch.drain(..group) {
                    self.launch(job);
                    burst += 1;
                    if burst % BURST == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
        drop(jobs);
        self.wait().await;
        Ok(())
    }

    fn launch(self: &Arc<Self>, job: Job) {
        let region = job.route.region;
        let settings = &self.shared.settings;
        let planned = job.at.checked_sub(settings.warmup);
        if let Some(planned) = planned {
            self.recorder.lock().planned(region, planned);
        }
        let in_flight = self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        if in_flight >= settings.max_in_flight {
            self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
            if let Some(planned) = planned {
                self.recorder.lock().unsent(region, planned);
            }
            return;
        }
        let verify = settings.verify > 0.0 && self.verify.lock().f64() < settings.verify;
        let in_flight =
            InFlight { worker: Arc::clone(self), region, measured: planned.is_some(), ended: false };
        tokio::spawn(async move { in_flight.run(job, verify).await });
    }

    /// Waits for requests in flight: until they end, or for the grace period once the run is stopped.
    async fn wait(&self) {
        let mut stopped_since = None;
        while self.shared.in_flight.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if self.shared.stopped()
                && stopped_since.get_or_insert_with(Instant::now).elapsed() > GRACE_PERIOD
            {
                break;
            }
        }
    }
}

/// How many of the first jobs are sent together, at the due instant of the last of them: those due within this time of the first.
/// None is sent before its due instant, and none waits longer than this.
fn together(jobs: &[Job], within: Duration) -> usize {
    let last = jobs.first().map_or(Duration::ZERO, |first| first.at.saturating_add(within));
    jobs.partition_point(|job| job.at <= last)
}

/// Keeps a timer pending that fires before every time limit: setting the only or the next timer costs the runtime a system call.
async fn keep_a_timer() {
    const OFTEN: Duration = Duration::from_millis(50);
    loop {
        tokio::time::sleep(OFTEN).await;
    }
}

/// A request in flight. One that is dropped before its end counts as cut off.
struct InFlight {
    worker: Arc<Worker>,
    region: usize,
    measured: bool,
    ended: bool,
}

impl InFlight {
    async fn run(mut self, job: Job, verify: bool) {
        self.worker.requester.send(job, verify).await;
        self.ended = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.worker.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.measured && !self.ended {
            self.worker.recorder.lock().cut(self.region);
        }
    }
}

#[cfg(test)]
mod tests {
    use geo_index::Position;

    use super::*;
    use crate::plan::Search;
    use crate::run::Route;

    fn job(at_us: u64) -> Job {
        let position = Position::new(0.0, 0.0).unwrap();
        let search = Search { user: 0, position, radius: None, limit: 1, category: None, page: 0 };
        Job { at: Duration::from_micros(at_us), search, route: Route::default() }
    }

    #[test]
    fn what_is_due_within_the_time_is_sent_together() {
        let jobs: Vec<Job> = [100, 300, 600, 601, 2_000].map(job).into();
        for (from, within_us, group) in
            [(0, 0, 1), (0, 199, 1), (0, 500, 3), (0, 501, 4), (3, 500, 1), (4, 500, 1)]
        {
            assert_eq!(
                together(&jobs[from..], Duration::from_micros(within_us)),
                group,
                "{from} {within_us}"
            );
        }
        assert_eq!(together(&[job(5), job(5), job(6)], Duration::ZERO), 2);
        assert_eq!(together(&[], Duration::MAX), 0);
    }
}
