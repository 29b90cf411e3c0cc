//! One call: cells as the planner has them, then the exact endpoint.

use std::sync::Arc;
use std::time::Duration;

use cellar_model::PlaceId;
use cellar_model::canonical::CellUrl;
use cellar_model::escape_segment;
use cellar_model::place::{Place, Properties};
use geo_index::edge::{self, CacheCell, Planner, Refined, Step, refine};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::error::{ClientError, excerpt};
use super::found::{By, Found, Hit, Outcome, Request};
use super::fresh::{age, fresh_for, texts};
use super::read::{self, Cell};
use super::transport::{Response, Transport, TransportError};
use super::wanted::Wanted;
use super::{NearbyClient, hints};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A call, and what it has asked for so far.
pub(super) struct Call<'c, T> {
    client: &'c NearbyClient<T>,
    requests: Vec<Request>,
}

impl<'c, T: Transport> Call<'c, T> {
    pub(super) fn new(client: &'c NearbyClient<T>) -> Self {
        Self { client, requests: Vec::new() }
    }

    pub(super) async fn run(
        mut self,
        wanted: &Wanted,
        plan: edge::Wanted,
        within: Duration,
    ) -> Result<Found, ClientError> {
        let deadline = Instant::now() + within;
        self.fetch_map_if_due(wanted, &plan, within / 4).await;
        let hint = self.client.hints.precision(&wanted.collection, wanted.position);
        let (mut planner, mut cell) = Planner::new(plan, &wanted.scope(), hint, &self.client.memory);
        while let Some(answer) = self.cell(&wanted.cell_url(cell), deadline).await {
            match planner.answered(&answer) {
                Step::Ask(next) => cell = next,
                Step::Done(hits) => {
                    let hits = hits.iter().map(own).collect::<Option<Vec<_>>>();
                    let Some(hits) = hits else { break };
                    return Ok(Found { hits, by: By::Cell(cell), requests: self.requests });
                }
                Step::AskExact => break,
            }
        }
        self.ask_exact(wanted).await
    }

    /// The results that this cell's answer vouches for, if it does.
    pub(super) async fn of_cell(
        mut self,
        cell: CacheCell,
        wanted: &Wanted,
        plan: edge::Wanted,
        within: Duration,
    ) -> Result<Option<Found>, ClientError> {
        let url = wanted.cell_url(cell);
        // A request for a cell may take half of the time that is left, and here nothing comes after it.
        let Some(answer) = self.cell(&url, Instant::now() + within * 2).await else {
            let last = self.requests.pop().map(|request| request.outcome);
            let why = if let Some(Outcome::Failed(why)) = last { why } else { "no answer".to_owned() };
            return Err(TransportError(why).into());
        };
        let Refined::Exact(hits) = refine(&answer, plan.position, plan.radius, plan.limit) else {
            return Ok(None);
        };
        let hits = hits.iter().map(own).collect::<Option<Vec<_>>>();
        Ok(hits.map(|hits| Found { hits, by: By::Cell(cell), requests: self.requests }))
    }

    /// The results of the exact endpoint.
    pub(super) async fn ask_exact(self, wanted: &Wanted) -> Result<Found, ClientError> {
        let radius = format!("&radius={}", wanted.radius.get());
        self.ask_exactly(wanted, &exact_path(wanted, &radius)).await
    }

    /// The same without a radius.
    pub(super) async fn ask_exact_to_horizon(self, wanted: &Wanted) -> Result<Found, ClientError> {
        self.ask_exactly(wanted, &exact_path(wanted, "")).await
    }

    async fn ask_exactly(mut self, wanted: &Wanted, path: &str) -> Result<Found, ClientError> {
        let response = self.client.transport.get(path).await?;
        if response.status != StatusCode::OK {
            return Err(refused(&response));
        }
        let hits = read::exact_answer(&response.body, wanted)?;
        self.note(None, Outcome::Answered, &response.headers);
        Ok(Found { hits, by: By::Exact, requests: self.requests })
    }

    /// Asks for the density map once in a while, unless it is known what works around here.
    async fn fetch_map_if_due(&self, wanted: &Wanted, plan: &edge::Wanted, within: Duration) {
        let NearbyClient { transport, now, hints, memory, .. } = self.client;
        let known = memory.recall(plan, &wanted.scope()).is_some();
        if known || !hints.is_due(&wanted.collection, now()) {
            return;
        }
        if let Ok(Ok(answer)) = timeout(within, transport.get(&hints::path(&wanted.collection))).await {
            hints.learn(&wanted.collection, &answer, now());
        }
    }

    /// The answer of a URL, from memory or from the server; `None` if there is none that is of use.
    async fn cell(&mut self, url: &CellUrl, deadline: Instant) -> Option<Arc<Cell>> {
        let NearbyClient { transport, now, kept, .. } = self.client;
        let (text, asked) = (url.to_string(), now());
        if let Some(answer) = kept.get(&text, asked) {
            self.note(Some(url.cell), Outcome::Kept, &HeaderMap::new());
            return Some(answer);
        }
        let half = deadline.saturating_duration_since(Instant::now()) / 2;
        let response = match timeout(half, transport.get(&text)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return self.failed(url, &error.to_string(), &HeaderMap::new()),
            Err(_) => return self.failed(url, "no answer in time", &HeaderMap::new()),
        };
        if response.status != StatusCode::OK {
            return self.failed(url, &response.status.to_string(), &response.headers);
        }
        let answer = match read::cell_answer(&response.body, url) {
            Ok(answer) => Arc::new(answer),
            Err(fault) => return self.failed(url, &fault.to_string(), &response.headers),
        };
        if let Some(fresh) = fresh_for(&response.headers) {
            kept.put(text, Arc::clone(&answer), response.body.len(), asked + fresh);
        }
        self.note(Some(url.cell), Outcome::Answered, &response.headers);
        Some(answer)
    }

    fn failed(&mut self, url: &CellUrl, why: &str, headers: &HeaderMap) -> Option<Arc<Cell>> {
        self.note(Some(url.cell), Outcome::Failed(why.to_owned()), headers);
        None
    }

    fn note(&mut self, cell: Option<CacheCell>, outcome: Outcome, headers: &HeaderMap) {
        let members: Vec<&str> = texts(headers, &CACHE_STATUS).collect();
        let cache_status = (!members.is_empty()).then(|| members.join(", "));
        self.requests.push(Request { cell, outcome, cache_status, age: age(headers).unwrap_or_default() });
    }
}

/// A hit that outlives the answer; its id was an id before.
fn own(hit: &geo_index::edge::Hit<'_, Properties>) -> Option<Hit> {
    let id: PlaceId = hit.place.id.parse().ok()?;
    let place = Place { id, position: hit.place.position, properties: hit.place.payload.clone() };
    Some(Hit { place, distance: hit.distance })
}

/// The URL of an exact search. Numbers are written so that they read back as the same.
fn exact_path(wanted: &Wanted, radius: &str) -> String {
    let Wanted { collection, position, limit, .. } = wanted;
    let (lat, lon) = (position.lat(), position.lon());
    let category = wanted.category.as_ref();
    let category = category.map(|filter| format!("&category={}", escape_segment(&filter.to_string())));
    let category = category.unwrap_or_default();
    format!(
        "/v1/collections/{collection}/nearby?lat={lat}&lon={lon}{radius}&limit={limit}{category}&mode=exact"
    )
}

pub(super) fn refused(response: &Response) -> ClientError {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let problem: Option<Problem> = serde_json::from_slice(&response.body).ok();
    ClientError::Refused {
        status: response.status.as_u16(),
        detail: problem.map(|problem| excerpt(&problem.detail)),
    }
}
