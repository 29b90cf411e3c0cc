//! Generates requests ahead of time, apart from sending them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::{Route, Routing, Shared};
use crate::plan::{Plan, Planned, Search};

/// Requests that are handed to a worker together.
const BATCH: usize = 64;

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Job {
    /// Due instant, from the start of the run.
    pub(super) at: Duration,
    pub(super) search: Search,
    pub(super) route: Route,
}

/// The thread that plans.
pub(super) struct Planner {
    pub(super) shared: Arc<Shared>,
    pub(super) plan: Plan,
    pub(super) routing: Box<dyn Routing>,
    pub(super) lanes: Vec<Sender<Vec<Job>>>,
}

impl Planner {
    /// Plans until the plan or the measured part ends, or no worker is left. All requests of a user go to the same worker, which
    /// remembers where the user's last answer ended.
    pub(super) fn run(mut self) {
        let end = self.shared.settings.warmup + self.shared.settings.measured;
        let mut batches: Vec<Vec<Job>> = self.lanes.iter().map(|_| Vec::with_capacity(BATCH)).collect();
        while let Some(Planned { at, search }) = self.plan.next().filter(|planned| planned.at < end) {
            let route = self.routing.place(search.position);
            let lane = (search.user % self.lanes.len() as u64) as usize;
            batches[lane].push(Job { at, search, route });
            if batches[lane].len() == BATCH || self.is_awaited(lane, &batches[lane]) {
                let batch = std::mem::replace(&mut batches[lane], Vec::with_capacity(BATCH));
                if self.shared.stopped() || self.lanes[lane].blocking_send(batch).is_err() {
                    return;
                }
            }
        }
        for (lane, batch) in self.lanes.iter().zip(batches) {
            // A worker that is gone was stopped.
            let _ = lane.blocking_send(batch);
        }
    }

    /// Whether an idle worker waits for the first request of a batch: at low rates a batch fills slowly.
    fn is_awaited(&self, lane: usize, batch: &[Job]) -> bool {
        const AHEAD: Duration = Duration::from_millis(20);
        let soon = std::time::Instant::now() + AHEAD;
        let idle = self.lanes[lane].capacity() == self.lanes[lane].max_capacity();
        idle && batch.first().is_some_and(|first| self.shared.start + first.at < soon)
    }
}
