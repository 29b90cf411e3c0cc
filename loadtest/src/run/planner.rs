//! Has requests thought up ahead of time, apart from the sending.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::{Placed, Placement, Shared};
use crate::plan::{Ask, Plan, Planned};

/// Requests that go to a worker together.
const BATCH: usize = 64;

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Job {
    /// From the start of the run.
    pub(super) at: Duration,
    pub(super) ask: Ask,
    pub(super) placed: Placed,
}

/// The thread that plans.
pub(super) struct Planner {
    pub(super) shared: Arc<Shared>,
    pub(super) plan: Plan,
    pub(super) placement: Box<dyn Placement>,
    pub(super) lanes: Vec<Sender<Vec<Job>>>,
}

impl Planner {
    /// Plans until the plan or the measured part ends, or nobody sends any more. A user's requests all go to one worker, which
    /// remembers where the user's last answer ended.
    pub(super) fn run(mut self) {
        let end = self.shared.settings.warmup + self.shared.settings.measured;
        let mut batches: Vec<Vec<Job>> = self.lanes.iter().map(|_| Vec::with_capacity(BATCH)).collect();
        while let Some(Planned { at, ask }) = self.plan.next().filter(|planned| planned.at < end) {
            let placed = self.placement.place(ask.position);
            let lane = (ask.user % self.lanes.len() as u64) as usize;
            batches[lane].push(Job { at, ask, placed });
            if batches[lane].len() == BATCH || self.is_awaited(lane, &batches[lane]) {
                let batch = std::mem::replace(&mut batches[lane], Vec::with_capacity(BATCH));
                if self.shared.stopped() || self.lanes[lane].blocking_send(batch).is_err() {
                    return;
                }
            }
        }
        for (lane, batch) in self.lanes.iter().zip(batches) {
            // Whoever is gone was stopped.
            let _ = lane.blocking_send(batch);
        }
    }

    /// Whether a worker that has nothing else to do waits for the first of a batch: where users are few, a batch fills slowly.
    fn is_awaited(&self, lane: usize, batch: &[Job]) -> bool {
        const AHEAD: Duration = Duration::from_millis(20);
        let soon = std::time::Instant::now() + AHEAD;
        let idle = self.lanes[lane].capacity() == self.lanes[lane].max_capacity();
        idle && batch.first().is_some_and(|first| self.shared.start + first.at < soon)
    }
}
