//! One request of a user, from when it is taken up to its end.

use std::time::{Duration, Instant};

use super::planner::Job;
use super::settings::Mode;
use super::worker::Worker;
use super::{lock, url};
use crate::http::{Answer, Keep, Missed};
use crate::record::{Account, Done, Exchange, Failure, Refined};

/// When a request was due and may end, on the clock of this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) due: Instant,
    pub(super) deadline: Instant,
    /// From the start of the measured part; `None` in the warm-up.
    pub(super) planned: Option<Duration>,
    pub(super) round_trip: Duration,
}

/// What came of a request.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) failure: Option<Failure>,
    pub(super) refined: Option<Refined>,
    /// Nothing was sent: all connections were in use.
    pub(super) unsent: bool,
}

impl Worker {
    /// Sends a request, waits for its end and records it.
    pub(super) async fn request(&self, job: Job, verify: bool) {
        let taken_up = Instant::now();
        let settings = &self.shared.settings;
        let due = self.shared.start + job.at;
        let times = Times {
            due,
            deadline: due + settings.time_limit,
            planned: job.at.checked_sub(settings.warmup),
            round_trip: job.placed.round_trip,
        };
        if settings.mode == Mode::Cell {
            // On the heap, as it is large: the others are not to carry its room around.
            return Box::pin(self.through_cells(&job, times, taken_up, verify)).await;
        }
        let outcome = self.directly(&job, times).await;
        self.record(&job, times, taken_up, &outcome);
        if let (true, Some(snap), None) = (verify && times.planned.is_some(), settings.snap, outcome.failure)
        {
            Box::pin(self.check_cell(&job, snap)).await;
        }
    }

    async fn directly(&self, job: &Job, times: Times) -> Outcome {
        let settings = &self.shared.settings;
        let pages = settings.pages && settings.snap.is_none();
        let path = match settings.snap {
            Some(snap) => match url::cell(&settings.collection, &job.ask, snap) {
                Ok(url) => url.to_string(),
                Err(_) => return Outcome { failure: Some(Failure::BadAnswer), ..Outcome::default() },
            },
            None => self.nearby(job, times.planned.is_some()),
        };
        let keep = if pages { Keep::Beginning } else { Keep::Nothing };
        let answer = self.pools[job.placed.region].get(&path, keep, times.deadline).await;
        if pages && let Ok(answer) = &answer {
            self.last.learn(job.ask.user, &answer.body);
        }
        let Some(exchange) = exchange(&answer, times.due, times.round_trip) else {
            return Outcome { unsent: true, ..Outcome::default() };
        };
        Outcome { failure: exchange.failure, exchanges: vec![exchange], ..Outcome::default() }
    }

    /// The page behind the user's last answer, or the first one.
    fn nearby(&self, job: &Job, measured: bool) -> String {
        let settings = &self.shared.settings;
        let behind = if job.ask.page > 0 { self.last.take(job.ask.user) } else { None };
        if job.ask.page > 0 && behind.is_none() && measured {
            lock(&self.recorder).page_lost(job.placed.region);
        }
        behind.unwrap_or_else(|| url::nearby(&settings.collection, &job.ask, settings.mode))
    }

    pub(super) fn record(&self, job: &Job, times: Times, taken_up: Instant, outcome: &Outcome) {
        let Some(planned) = times.planned else { return };
        let region = job.placed.region;
        let latency = times.due.elapsed() + times.round_trip;
        let mut recorder = lock(&self.recorder);
        if outcome.unsent {
            return recorder.unsent(region, planned);
        }
        for exchange in &outcome.exchanges {
            recorder.exchanged(region, planned, exchange);
            if exchange.failure.is_none() {
                recorder.answered(job.ask.position, &exchange.account);
            }
        }
        recorder.done(&Done {
            region,
            planned,
            send_delay: taken_up.saturating_duration_since(times.due),
            latency,
            first_byte: outcome.exchanges.first().and_then(|exchange| exchange.first_byte),
            failure: outcome.failure,
            refined: outcome.refined,
        });
    }
}

/// What came of a request over HTTP that counts from an instant on; `None` if it was never sent.
pub(super) fn exchange(
    answer: &Result<Answer, Missed>,
    since: Instant,
    round_trip: Duration,
) -> Option<Exchange> {
    let latency = since.elapsed() + round_trip;
    let after = |at: Instant| at.saturating_duration_since(since) + round_trip;
    match answer {
        Ok(answer) => Some(Exchange {
            status: Some(answer.status),
            failure: Failure::of_status(answer.status),
            latency,
            first_byte: Some(after(answer.first_byte)),
            bytes: answer.bytes,
            account: Account::of(&answer.headers),
        }),
        Err(Missed::Broken(broken)) => Some(Exchange {
            status: broken.head.map(|(status, _)| status),
            failure: Some(broken.failure),
            latency,
            first_byte: broken.head.map(|(_, at)| after(at)),
            bytes: broken.bytes,
            account: Account::default(),
        }),
        Err(Missed::Unsent) => None,
    }
}
