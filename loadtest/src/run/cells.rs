//! Requests through the client of cell answers: exact results from what is shared, over connections of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_api::client::{By, ClientError, Found, NearbyClient, Response, Transport, TransportError};
use geo_index::Meters;
use geo_index::edge::Wanted;
use hyper::StatusCode;

use super::planner::Job;
use super::request::{Outcome, Times, exchange};
use super::worker::Worker;
use super::{Snap, coding, lock, url, verify};
use crate::http::{Keep, Missed, Pool};
use crate::record::{Exchange, Failure, Refined, Verdict};

/// Without a radius users look as far as the server lets them.
const HORIZON: f64 = 200_000.0;

tokio::task_local! {
    /// What the request that is running has asked for so far.
    static NOTES: Arc<Notes>;
}

/// The client of a region.
pub(super) type Client = NearbyClient<Carrier>;

/// Carries the client's requests over a pool, and notes what came of them.
#[derive(Debug)]
pub(super) struct Carrier(Arc<Pool>);

/// The exchanges of one request.
struct Notes {
    times: Times,
    exchanges: Mutex<Vec<Exchange>>,
    unsent: AtomicBool,
}

/// A client per region. It keeps no answers: its users are many people, of whom each has a phone of their own, and what one of them has
/// is of no use to the next. What it learns of densities is shared, as a map would be.
pub(super) fn client(pool: &Arc<Pool>) -> Client {
    NearbyClient::new(Carrier(Arc::clone(pool))).keeping(0)
}

#[async_trait]
impl Transport for Carrier {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        let notes = NOTES.with(Arc::clone);
        let began = notes.begin();
        let answer = self.0.get(path, Keep::All, notes.times.deadline).await;
        let mut exchange = exchange(&answer, began.since, notes.times.round_trip);
        let answer = answer.map_err(|missed| describe(&missed));
        let decoded = answer.and_then(|answer| {
            let body = coding::decoded(&answer.headers, answer.body);
            let status = StatusCode::from_u16(answer.status).map_err(|_| "an impossible status".to_owned());
            status.and_then(|status| Ok(Response { status, headers: answer.headers, body: body? }))
        });
        if let (Err(_), Some(exchange)) = (&decoded, &mut exchange) {
            exchange.failure = exchange.failure.or(Some(Failure::BadBody));
        }
        began.end(exchange);
        decoded.map_err(TransportError)
    }
}

fn describe(missed: &Missed) -> String {
    match missed {
        Missed::Unsent => "all connections are in use".to_owned(),
        Missed::Broken(broken) => broken.failure.words().to_owned(),
    }
}

impl Notes {
    fn new(times: Times) -> Arc<Self> {
        Arc::new(Self { times, exchanges: Mutex::default(), unsent: AtomicBool::new(false) })
    }

    /// The first exchange counts from the planned instant, others from now.
    fn begin(self: &Arc<Self>) -> Began {
        let first = self.lock().is_empty();
        let since = if first { self.times.due } else { Instant::now() };
        Began { notes: Arc::clone(self), since, ended: false }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An exchange under way. The client gives up by dropping it.
struct Began {
    notes: Arc<Notes>,
    since: Instant,
    ended: bool,
}

impl Began {
    fn end(mut self, exchange: Option<Exchange>) {
        self.ended = true;
        match exchange {
            Some(exchange) => self.notes.lock().push(exchange),
            None => self.notes.unsent.store(true, Ordering::Relaxed),
        }
    }
}

impl Drop for Began {
    fn drop(&mut self) {
        if !self.ended {
            let given_up = Err(Missed::from(Failure::TimeLimit));
            self.notes.lock().extend(exchange(&given_up, self.since, self.notes.times.round_trip));
        }
    }
}

impl Worker {
    pub(super) async fn through_cells(&self, job: &Job, times: Times, taken_up: Instant, check: bool) {
        let client = &self.clients[job.placed.region];
        let notes = Notes::new(times);
        let left = times.deadline.saturating_duration_since(Instant::now());
        let search = client.nearby(self.wanted(job), left);
        let found = NOTES.scope(Arc::clone(&notes), search).await;
        let exchanges = std::mem::take(&mut *notes.lock());
        let unsent = exchanges.is_empty() && notes.unsent.load(Ordering::Relaxed);
        let failure = found.as_ref().err().map(|error| failure(error, &exchanges));
        let refined = found.as_ref().ok().map(refined);
        let outcome = Outcome { exchanges, failure, refined, unsent };
        self.record(job, times, taken_up, &outcome);
        if let (true, Ok(found), Some(_)) = (check, &found, times.planned) {
            let verdict = self.verdict(job, found).await;
            lock(&self.recorder).verified(verdict);
        }
    }

    /// Asks for the answer of a cell once more, as a client does, and compares the results that it vouches for with those of the exact
    /// endpoint. Nothing of it is measured.
    pub(super) async fn check_cell(&self, job: &Job, snap: Snap) {
        let (now, limit) = (Instant::now(), self.shared.settings.time_limit);
        let apart = Times { due: now, deadline: now + limit, planned: None, round_trip: Duration::ZERO };
        let client = &self.clients[job.placed.region];
        let Ok(url) = url::cell(&self.shared.settings.collection, &job.ask, snap) else { return };
        let found = NOTES.scope(Notes::new(apart), client.of_cell(url.cell, self.wanted(job), limit)).await;
        let Ok(found) = found else {
            return lock(&self.recorder).verified(Verdict::Unknown);
        };
        lock(&self.recorder).vouched(job.placed.region, found.is_some());
        if let Some(found) = found {
            let verdict = self.verdict(job, &found).await;
            lock(&self.recorder).verified(verdict);
        }
    }

    /// Compares with the exact endpoint, which has as long as a user would wait.
    async fn verdict(&self, job: &Job, found: &Found) -> Verdict {
        let (now, limit) = (Instant::now(), self.shared.settings.time_limit);
        let apart = Times { due: now, deadline: now + limit, planned: None, round_trip: Duration::ZERO };
        let client = &self.clients[job.placed.region];
        let exact = NOTES.scope(Notes::new(apart), client.exact(self.wanted(job), limit)).await;
        verify::compare(&job.ask, found, exact.as_ref().ok())
    }

    /// The client knows no pages: who wants to see more asks for more.
    fn wanted(&self, job: &Job) -> Wanted {
        let pages = job.ask.page as usize + 1;
        Wanted {
            collection: self.shared.settings.collection.clone(),
            category: job.ask.category.clone(),
            position: job.ask.position,
            radius: job.ask.radius.or_else(|| Meters::new(HORIZON)).unwrap_or(Meters::ZERO),
            limit: job.ask.limit.saturating_mul(pages).min(cellar_api::client::MAX_LIMIT),
        }
    }
}

fn refined(found: &Found) -> Refined {
    Refined { certified: matches!(found.by, By::Cell(_)), tries: found.tries() as u32 }
}

fn failure(error: &ClientError, exchanges: &[Exchange]) -> Failure {
    let last = exchanges.last().and_then(|exchange| exchange.failure);
    match error {
        ClientError::Deadline => Failure::TimeLimit,
        ClientError::Unreachable(_) => last.unwrap_or(Failure::Unreachable),
        ClientError::Refused { status, .. } => Failure::of_status(*status).unwrap_or(Failure::BadAnswer),
        ClientError::Invalid { .. } | ClientError::Broken(_) => Failure::BadAnswer,
    }
}
