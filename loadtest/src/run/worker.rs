//! Threads that send what is due.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;

use super::alarm::Alarm;
use super::cells::{Client, client};
use super::paging::LastAnswers;
use super::planner::Job;
use super::settings::Region;
use super::{SenderError, Shared, lock};
use crate::http::{Pool, Settings};
use crate::record::Recorder;

/// Requests that are sent at once before answers are looked at.
const BURST: usize = 16;
/// How long requests that are under way when the run is stopped may take.
const MERCY: Duration = Duration::from_secs(1);

/// One sending thread: its connections, its recorder, its runtime.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) recorder: Arc<Mutex<Recorder>>,
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) clients: Vec<Client>,
    pub(super) last: LastAnswers,
    verify: Mutex<fastrand::Rng>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, recorder: Arc<Mutex<Recorder>>, number: usize) -> Self {
        let settings = &shared.settings;
        let connections = settings.http.connections.div_ceil(settings.workers.max(1)).max(1);
        let http = Settings { connections, ..settings.http.clone() };
        let pool = |region: &Region| Arc::new(Pool::new(region.target.clone(), http.clone()));
        let pools: Vec<Arc<Pool>> = settings.regions.iter().map(pool).collect();
        let clients = pools.iter().map(client).collect();
        let verify = Mutex::new(fastrand::Rng::with_seed(settings.seed.wrapping_add(number as u64)));
        Self { recorder, pools, clients, last: LastAnswers::default(), verify, shared }
    }

    /// Works until there is nothing left to send and nothing under way. If it cannot, the whole run is stopped.
    pub(super) fn run(self, jobs: Receiver<Vec<Job>>) -> Result<(), SenderError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let this = Arc::new(self);
        let runtime = runtime.map_err(SenderError::Cannot);
        let sent = runtime.and_then(|runtime| runtime.block_on(Self::work_apart(&this, jobs)));
        for (region, pool) in this.shared.settings.regions.iter().zip(&this.pools) {
            region.add_opened(pool.opened());
        }
        if sent.is_err() {
            this.shared.stop.store(true, Ordering::Relaxed);
        }
        this.shared.working.fetch_sub(1, Ordering::Release);
        sent
    }

    /// As a task of its own: waking what a runtime blocks on costs a system call each time, waking a task does not.
    async fn work_apart(this: &Arc<Self>, jobs: Receiver<Vec<Job>>) -> Result<(), SenderError> {
        let worker = Arc::clone(this);
        tokio::spawn(keep_a_timer());
        let sent = tokio::spawn(async move { worker.work(jobs).await }).await;
        sent.map_err(|_| SenderError::Broke)?.map_err(SenderError::Cannot)
    }

    async fn work(self: &Arc<Self>, mut jobs: Receiver<Vec<Job>>) -> io::Result<()> {
        let mut alarm = Alarm::new()?;
        let mut burst = 0;
        'jobs: while let Some(mut batch) = jobs.recv().await {
            while !batch.is_empty() {
                let group = together(&batch, self.shared.settings.group_within);
                let at = self.shared.start + batch[group - 1].at;
                while Instant::now() < at {
                    burst = 0;
                    alarm.until(at).await?;
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
        let region = job.placed.region;
        let settings = &self.shared.settings;
        let planned = job.at.checked_sub(settings.warmup);
        if let Some(planned) = planned {
            lock(&self.recorder).planned(region, planned);
        }
        let under_way = self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        if under_way >= settings.max_in_flight {
            self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
            if let Some(planned) = planned {
                lock(&self.recorder).unsent(region, planned);
            }
            return;
        }
        let verify = settings.verify > 0.0 && lock(&self.verify).f64() < settings.verify;
        let under_way =
            UnderWay { worker: Arc::clone(self), region, measured: planned.is_some(), ended: false };
        tokio::spawn(async move { under_way.see_to(job, verify).await });
    }

    /// Waits for what is under way: to its end, or, when the run was stopped, for a moment.
    async fn wait(&self) {
        let mut stopped_since = None;
        while self.shared.in_flight.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if self.shared.stopped() && stopped_since.get_or_insert_with(Instant::now).elapsed() > MERCY {
                break;
            }
        }
    }
}

/// How many of the first jobs are sent together: those that are due within this time of the first, at the instant of the last of them. So
/// none is sent before its instant, and none waits longer than this.
fn together(jobs: &[Job], within: Duration) -> usize {
    let last = jobs.first().map_or(Duration::ZERO, |first| first.at.saturating_add(within));
    jobs.partition_point(|job| job.at <= last)
}

/// Keeps a timer pending that is due before all time limits: setting the only or the next timer costs the runtime a system call.
async fn keep_a_timer() {
    const OFTEN: Duration = Duration::from_millis(50);
    loop {
        tokio::time::sleep(OFTEN).await;
    }
}

/// A request under way. One that is dropped before its end counts as cut off.
struct UnderWay {
    worker: Arc<Worker>,
    region: usize,
    measured: bool,
    ended: bool,
}

impl UnderWay {
    async fn see_to(mut self, job: Job, verify: bool) {
        self.worker.request(job, verify).await;
        self.ended = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.worker.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.measured && !self.ended {
            lock(&self.worker.recorder).cut(self.region);
        }
    }
}

#[cfg(test)]
mod tests {
    use geo_index::Position;

    use super::*;
    use crate::plan::Ask;
    use crate::run::Placed;

    fn job(at_us: u64) -> Job {
        let position = Position::new(0.0, 0.0).unwrap();
        let ask = Ask { user: 0, position, radius: None, limit: 1, category: None, page: 0 };
        Job { at: Duration::from_micros(at_us), ask, placed: Placed::default() }
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
