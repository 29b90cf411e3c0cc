//! The requests of users: each is sent, awaited and recorded, as one exchange or through the client of cell answers.

use std::sync::Arc;
use std::time::Instant;

use cellar_client::Found;
use parking_lot::Mutex;

use super::cells::{CellClient, wanted};
use super::outcome::{Outcome, Times, exchange};
use super::paging::LastAnswers;
use super::planner::Job;
use super::settings::{Mode, Region};
use super::{CellLevel, Shared, url, verify};
use crate::http::{Keep, Pool, Settings};
use crate::record::{Done, Failure, Recorder, Verdict};

/// Sends requests of users to the regions and records what came of them.
pub(super) struct Requester {
    shared: Arc<Shared>,
    recorder: Arc<Mutex<Recorder>>,
    /// By region.
    pools: Vec<Arc<Pool>>,
    /// By region.
    clients: Vec<CellClient>,
    last: LastAnswers,
}

impl Requester {
    /// Connections are opened when they are needed, up to this worker's part of all.
    pub(super) fn new(shared: Arc<Shared>, recorder: Arc<Mutex<Recorder>>) -> Self {
        let settings = &shared.settings;
        let connections = settings.http.connections.div_ceil(settings.workers.max(1)).max(1);
        let http = Settings { connections, ..settings.http.clone() };
        let pool = |region: &Region| Arc::new(Pool::new(region.target.clone(), http.clone()));
        let pools: Vec<Arc<Pool>> = settings.regions.iter().map(pool).collect();
        let clients = pools.iter().map(|pool| CellClient::new(pool, settings.memory)).collect();
        Self { recorder, pools, clients, last: LastAnswers::default(), shared }
    }

    /// Adds the connections opened so far to the count of each region.
    pub(super) fn report_connections(&self) {
        for (region, pool) in self.shared.settings.regions.iter().zip(&self.pools) {
            region.add_opened(pool.opened());
        }
    }

    /// Sends a request, waits for its end and records it. With `check` the answer is compared with the exact endpoint's.
    pub(super) async fn send(&self, job: Job, check: bool) {
        let taken_up = Instant::now();
        let settings = &self.shared.settings;
        let due = self.shared.start + job.at;
        let times = Times {
            due,
            deadline: due + settings.time_limit,
            planned: job.at.checked_sub(settings.warmup),
            round_trip: job.route.round_trip,
        };
        if settings.mode == Mode::Cell {
            // Boxed because it is large: the futures of other modes should not carry its size.
            return Box::pin(self.through_cells(&job, times, taken_up, check)).await;
        }
        let outcome = self.directly(&job, times).await;
        self.record(&job, times, taken_up, &outcome);
        if let (true, Some(cell_level), None) =
            (check && times.planned.is_some(), settings.cell_level, outcome.failure)
        {
            Box::pin(self.check_cell(&job, cell_level)).await;
        }
    }

    async fn directly(&self, job: &Job, times: Times) -> Outcome {
        let settings = &self.shared.settings;
        let pages = settings.pages && settings.cell_level.is_none();
        let path = match settings.cell_level {
            Some(cell_level) => match url::cell(&settings.collection, &job.search, cell_level) {
                Ok(url) => url.to_string(),
                Err(_) => return Outcome { failure: Some(Failure::BadAnswer), ..Outcome::default() },
            },
            None => self.nearby(job, times.planned.is_some()),
        };
        let keep = if pages { Keep::Beginning } else { Keep::Nothing };
        let answer = self.pools[job.route.region].get(&path, keep, times.deadline).await;
        if pages && let Ok(answer) = &answer {
            self.last.learn(job.search.user, &answer.body);
        }
        let Some(exchange) = exchange(&answer, times.due, times.round_trip) else {
            return Outcome { unsent: true, ..Outcome::default() };
        };
        Outcome { failure: exchange.failure, exchanges: vec![exchange], ..Outcome::default() }
    }

    /// The page after the user's last answer, or the first one.
    fn nearby(&self, job: &Job, measured: bool) -> String {
        let settings = &self.shared.settings;
        let next = if job.search.page > 0 { self.last.take(job.search.user) } else { None };
        if job.search.page > 0 && next.is_none() && measured {
            self.recorder.lock().page_lost(job.route.region);
        }
        next.unwrap_or_else(|| url::nearby(&settings.collection, &job.search, settings.mode))
    }

    async fn through_cells(&self, job: &Job, times: Times, taken_up: Instant, check: bool) {
        let wanted = wanted(&self.shared.settings.collection, &job.search);
        let (found, outcome) = self.clients[job.route.region].nearby(wanted, times).await;
        self.record(job, times, taken_up, &outcome);
        if let (true, Ok(found), Some(_)) = (check, &found, times.planned) {
            let verdict = self.verdict(job, found).await;
            self.recorder.lock().verified(verdict);
        }
    }

    /// Asks for the answer of a cell once more, as a client does, and compares the results that it certifies with those of the exact
    /// endpoint. None of this is measured.
    async fn check_cell(&self, job: &Job, cell_level: CellLevel) {
        let settings = &self.shared.settings;
        let Ok(url) = url::cell(&settings.collection, &job.search, cell_level) else { return };
        let client = &self.clients[job.route.region];
        let times = Times::unmeasured(settings.time_limit);
        let found = client.of_cell(url.cell, wanted(&settings.collection, &job.search), times).await;
        let Ok(found) = found else {
            return self.recorder.lock().verified(Verdict::Unknown);
        };
        self.recorder.lock().certificate_checked(job.route.region, found.is_some());
        if let Some(found) = found {
            let verdict = self.verdict(job, &found).await;
            self.recorder.lock().verified(verdict);
        }
    }

    /// Compares with the exact endpoint, which has as long as a user would wait.
    async fn verdict(&self, job: &Job, found: &Found) -> Verdict {
        let settings = &self.shared.settings;
        let times = Times::unmeasured(settings.time_limit);
        let wanted = wanted(&settings.collection, &job.search);
        let exact = self.clients[job.route.region].exact(wanted, times).await;
        verify::compare(&job.search, found, exact.as_ref().ok())
    }

    fn record(&self, job: &Job, times: Times, taken_up: Instant, outcome: &Outcome) {
        let Some(planned) = times.planned else { return };
        let region = job.route.region;
        let latency = times.due.elapsed() + times.round_trip;
        let mut recorder = self.recorder.lock();
        if outcome.unsent {
            return recorder.unsent(region, planned);
        }
        for exchange in &outcome.exchanges {
            recorder.exchanged(region, planned, exchange);
            if exchange.failure.is_none() {
                recorder.answered(job.search.position, &exchange.response);
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
