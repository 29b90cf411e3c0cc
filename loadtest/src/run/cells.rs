//! Searches through the client of cell answers, over this sender's own connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use cellar_client::{
    By, ClientError, Found, MAX_LIMIT, NearbyClient, Response, Transport, TransportError, Wanted,
};
use cellar_model::Collection;
use geo_index::Meters;
use geo_index::edge::CacheCell;
use hyper::StatusCode;
use parking_lot::Mutex;

use super::coding;
use super::outcome::{Outcome, Times, exchange};
use crate::http::{Keep, Pool, RequestError};
use crate::plan::Search;
use crate::record::{Exchange, Failure, Refined};

/// How far a user without a radius looks, in metres: the most that the API takes.
const HORIZON_M: f64 = 200_000.0;

/// How the paths of density maps end.
const MAP_PATH: &str = "/edge-map";

tokio::task_local! {
    /// The exchanges of the search that is running.
    static LOG: Arc<ExchangeLog>;
}

/// The client for one region.
///
/// It caches no answers: its users stand for many people, each with a phone of their own. What it learns about densities, if it
/// does, is shared, as a published density map would be.
pub(super) struct CellClient(NearbyClient<Carrier>);

/// Sends the client's requests over a pool and logs their exchanges.
#[derive(Debug)]
struct Carrier(Arc<Pool>);

/// The exchanges of one search, without that for a density map: the time that one takes is in the search's, and no more.
struct ExchangeLog {
    times: Times,
    exchanges: Mutex<Vec<Exchange>>,
    unsent: AtomicBool,
}

impl CellClient {
    pub(super) fn new(pool: &Arc<Pool>, memory: bool) -> Self {
        let client = NearbyClient::new(Carrier(Arc::clone(pool))).keeping(0);
        Self(if memory { client } else { client.without_memory() })
    }

    /// Searches as a user does: cells first, the exact endpoint if no certificate covers the search.
    pub(super) async fn nearby(&self, wanted: Wanted, times: Times) -> (Result<Found, ClientError>, Outcome) {
        let log = ExchangeLog::new(times);
        let found = LOG.scope(Arc::clone(&log), self.0.nearby(wanted, times.left())).await;
        let exchanges = std::mem::take(&mut *log.exchanges.lock());
        let outcome = Outcome {
            unsent: exchanges.is_empty() && log.unsent.load(Ordering::Relaxed),
            failure: found.as_ref().err().map(|error| failure(error, &exchanges)),
            refined: found.as_ref().ok().map(refined),
            exchanges,
        };
        (found, outcome)
    }

    /// The result that the answer of this cell certifies; `None` if it does not.
    pub(super) async fn of_cell(
        &self,
        cell: CacheCell,
        wanted: Wanted,
        times: Times,
    ) -> Result<Option<Found>, ClientError> {
        LOG.scope(ExchangeLog::new(times), self.0.of_cell(cell, wanted, times.left())).await
    }

    /// The result of the exact endpoint.
    pub(super) async fn exact(&self, wanted: Wanted, times: Times) -> Result<Found, ClientError> {
        LOG.scope(ExchangeLog::new(times), self.0.exact(wanted, times.left())).await
    }
}

/// A search in the client's terms. The client knows no pages: a user who wants the next page asks for more places.
pub(super) fn wanted(collection: &Collection, search: &Search) -> Wanted {
    let pages = search.page as usize + 1;
    Wanted {
        collection: collection.clone(),
        category: super::url::category(search),
        position: search.position,
        radius: search.radius.or_else(|| Meters::new(HORIZON_M)).unwrap_or(Meters::ZERO),
        limit: search.limit.saturating_mul(pages).min(MAX_LIMIT),
    }
}

#[async_trait]
impl Transport for Carrier {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        let log = LOG.with(Arc::clone);
        // No part of a search: a client asks for the map once in a while.
        let began = (!path.ends_with(MAP_PATH)).then(|| log.begin());
        let answer = self.0.get(path, Keep::All, log.times.deadline).await;
        let since = began.as_ref().map_or(log.times.due, |began| began.since);
        let mut exchange = exchange(&answer, since, log.times.round_trip);
        let answer = answer.map_err(|error| describe(&error));
        let decoded = answer.and_then(|answer| {
            let body = coding::decoded(&answer.headers, answer.body);
            let status = StatusCode::from_u16(answer.status).map_err(|_| "an impossible status".to_owned());
            status.and_then(|status| Ok(Response { status, headers: answer.headers, body: body? }))
        });
        if let (Err(_), Some(exchange)) = (&decoded, &mut exchange) {
            exchange.failure = exchange.failure.or(Some(Failure::BadBody));
        }
        if let Some(began) = began {
            began.end(exchange);
        }
        decoded.map_err(TransportError)
    }
}

fn describe(error: &RequestError) -> String {
    match error {
        RequestError::Unsent => "all connections are in use".to_owned(),
        RequestError::Failed(failed) => failed.failure.words().to_owned(),
    }
}

impl ExchangeLog {
    fn new(times: Times) -> Arc<Self> {
        Arc::new(Self { times, exchanges: Mutex::default(), unsent: AtomicBool::new(false) })
    }

    /// The first exchange counts from the planned instant, later ones from now.
    fn begin(self: &Arc<Self>) -> Began {
        let first = self.exchanges.lock().is_empty();
        let since = if first { self.times.due } else { Instant::now() };
        Began { log: Arc::clone(self), since, ended: false }
    }
}

/// An exchange in flight. The client abandons one by dropping it.
struct Began {
    log: Arc<ExchangeLog>,
    since: Instant,
    ended: bool,
}

impl Began {
    fn end(mut self, exchange: Option<Exchange>) {
        self.ended = true;
        match exchange {
            Some(exchange) => self.log.exchanges.lock().push(exchange),
            None => self.log.unsent.store(true, Ordering::Relaxed),
        }
    }
}

impl Drop for Began {
    fn drop(&mut self) {
        if !self.ended {
            let abandoned = Err(RequestError::from(Failure::TimeLimit));
            let exchange = exchange(&abandoned, self.since, self.log.times.round_trip);
            self.log.exchanges.lock().extend(exchange);
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
