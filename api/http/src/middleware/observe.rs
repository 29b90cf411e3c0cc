//! What is seen of a request from the outside: its id, one log line, the headers that every answer has.
//!
//! Invariant: a log line holds the route's template, never the path or the query, for a user's position is in
//! there; and no header, for tokens are in there.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use cellar_search::Work;
use cellar_search::cells::rendered::Use;
use cellar_store::ReadCost;
use futures::future::BoxFuture;
use geo_index::tree::SearchWork;
use tracing::Instrument as _;

use super::admit::admit;
use super::cors::Page;
use super::{panics, request_id, trace_id};
use crate::coding::{self, Accepted};
use crate::problem::{self, Problem};
use crate::state::AppState;

/// An answer that took as long has its line in the log whatever share of the lines is written.
const SLOW: Duration = Duration::from_secs(1);
/// What caches had (RFC 9211). A handler may set it itself.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// What it says of an answer whose pages are not from one instant.
const TORN: &str = r#"cellar-search; fwd=stale; detail="torn""#;
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What a search cost; a handler leaves it in the response's extensions.
#[derive(Clone, Copy, Debug)]
pub struct SearchTiming {
    /// What it read.
    pub work: Work,
    /// How long it took.
    pub elapsed: Duration,
}

/// A handler whose requests are observed. Not a layer: a layer costs every request a clone of all that is below it, and
/// some boxes.
#[derive(Clone, Copy, Debug)]
pub struct Observed<H> {
    handler: H,
    admits: bool,
}

/// Observes a handler that answers even when nothing else does.
pub const fn open<H>(handler: H) -> Observed<H> {
    Observed { handler, admits: false }
}

/// Observes a handler of data, whose requests have to be admitted.
pub const fn data<H>(handler: H) -> Observed<H> {
    Observed { handler, admits: true }
}

impl<H, T> Handler<T, AppState> for Observed<H>
where
    H: Handler<T, AppState>,
    T: 'static,
{
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, state: AppState) -> Self::Future {
        let Self { handler, admits } = self;
        Box::pin(async move {
            let answer = |request| handler.call(request, state.clone());
            if admits {
                let answer = |request| admit(&state, request, answer);
                observed(&state, request, answer).await
            } else {
                observed(&state, request, answer).await
            }
        })
    }
}

async fn observed<F>(state: &AppState, request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let started = Instant::now();
    let cold = state.instance.use_now();
    let id = request_id::of(request.headers());
    let trace_id = trace_id::of(request.headers());
    let method = request.method().clone();
    let page = Page::of(&request);
    let accepted = Accepted::of(&method, request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let text = id.to_str().unwrap_or_default();
    let span = tracing::info_span!("request", %method, route, request_id = %text, trace_id);
    async {
        let response = panics::caught(answer(request)).await;
        let response = problem::complete(response, &method, text);
        let mut response = match coding::compressed(response, accepted).await {
            Ok(response) => response,
            Err(problem) => problem::complete(problem.into_response(), &method, text),
        };
        add_headers(&mut response, &id);
        if method != Method::OPTIONS {
            page.permit(&state.config.cors, response.headers_mut());
        }
        response.headers_mut().extend(state.instance.headers(cold));
        if let Some(trace_id) = value(trace_id) {
            response.headers_mut().insert(trace_id::HEADER, trace_id);
        }
        let took = started.elapsed();
        let work = response.extensions().get::<SearchTiming>().map(|timing| &timing.work);
        state.answered(route, response.status(), took, work);
        log(state, &response, took, cold);
        response
    }
    .instrument(span)
    .await
}

fn add_headers(response: &mut Response, id: &HeaderValue) {
    let timing = response.extensions().get::<SearchTiming>();
    let used = response.extensions().get::<Use>().copied();
    let status = value(cache_status(timing, used));
    let timing = value(timing.map(server_timing));
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    headers.insert(request_id::HEADER, id.clone());
    for (name, value) in [(SERVER_TIMING, timing), (CACHE_STATUS, status)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

fn value(text: Option<String>) -> Option<HeaderValue> {
    HeaderValue::try_from(text?).ok()
}

fn server_timing(timing: &SearchTiming) -> String {
    let SearchTiming { work, elapsed } = timing;
    let mut value = String::with_capacity(96);
    let _ = write!(
        value,
        "search;dur={}.{:03}, rounds;desc=\"{}\", pages;desc=\"{}\", queries;desc=\"{}\"",
        elapsed.as_millis(),
        elapsed.subsec_micros() % 1_000,
        work.tree.rounds,
        work.tree.pages,
        work.cost.queries
    );
    if work.repeats > 0 {
        let _ = write!(value, ", repeats;desc=\"{}\"", work.repeats);
    }
    if work.cost.queries > 0 {
        let _ = write!(value, ", read-units;desc=\"{}\"", work.cost.read_units);
    }
    work.trace.server_timing(&mut value);
    value
}

/// What the tiers had, and before them the rendered answers; nothing if none was asked. A member of its own says that the
/// pages of an answer are not from one instant.
fn cache_status(timing: Option<&SearchTiming>, used: Option<Use>) -> Option<String> {
    let members = members(timing, used);
    if !timing.is_some_and(|timing| timing.work.torn) {
        return members;
    }
    Some(members.map_or_else(String::new, |members| members + ", ") + TORN)
}

fn members(timing: Option<&SearchTiming>, used: Option<Use>) -> Option<String> {
    let tiers = timing.and_then(|timing| {
        let trace = &timing.work.trace;
        let asked = trace.memory.hits + trace.memory.stale + trace.memory.misses > 0;
        asked.then(|| trace.cache_status("cellar-l1", "cellar-l2"))
    });
    let Some(used) = used else { return tiers };
    let mut text = tiers.map_or_else(String::new, |tiers| tiers + ", ");
    text.push_str("cellar-rendered; ");
    match used {
        Use::Hit { ttl_ms: None } => text.push_str("hit"),
        Use::Hit { ttl_ms: Some(ttl_ms) } => {
            let _ = write!(text, "hit; ttl={}", ttl_ms.div_euclid(1_000));
        }
        Use::Miss => text.push_str("fwd=miss"),
        Use::Outdated => text.push_str("fwd=stale"),
    }
    Some(text)
}

/// The share, in percent, of the lines like an answer's that are written, if it is not all. Those of what was refused, failed, was slow,
/// torn or the first of a process all are.
fn share(percent: u8, status: u16, elapsed: Duration, cold: bool, torn: bool) -> Option<u8> {
    let is_ordinary = status < 400 && elapsed < SLOW && !cold && !torn;
    (percent < 100 && is_ordinary).then_some(percent)
}

/// Whether a line is one of the share that is written.
fn is_drawn(share: Option<u8>) -> bool {
    share.is_none_or(|percent| fastrand::u8(..100) < percent)
}

/// The one line of a request. Of a search it says what each tier had; `cold` is there only on a process's first. Of failures
/// of a kind it says how many had none: see [`repeats`](crate::repeats).
fn log(state: &AppState, response: &Response, elapsed: Duration, cold: bool) {
    let status = response.status().as_u16();
    let work = response.extensions().get::<SearchTiming>().map(|timing| &timing.work);
    let torn = work.is_some_and(|work| work.torn);
    let percent = share(state.config.access_log_percent, status, elapsed, cold, torn);
    if !is_drawn(percent) {
        return;
    }
    let duration_ms = elapsed.as_secs_f64() * 1_000.0;
    let cold = cold.then_some(true);
    let problem = response.extensions().get::<Problem>();
    let kind = problem.map(|problem| problem.kind().slug());
    let cause = problem.and_then(Problem::internal_text);
    if status >= 500 {
        let Some(unlogged) = state.repeats.admit(kind.unwrap_or("none")) else { return };
        let unlogged = (unlogged > 0).then_some(unlogged);
        tracing::error!(status, duration_ms, cold, problem = kind, cause, unlogged, "answered");
    } else if let Some(work) = work {
        let Work { tree, cost, trace, repeats, torn: _ } = work;
        let (SearchWork { rounds, pages, .. }, ReadCost { queries, read_units }) = (tree, cost);
        let (repeats, torn) = ((*repeats > 0).then_some(*repeats), torn.then_some(true));
        let (l1_hits, l1_misses) = (trace.memory.hits + trace.memory.stale, trace.memory.misses);
        let (l2_hits, l2_misses) = (trace.remote.hits + trace.remote.stale, trace.remote.misses);
        let (loads, l2_skipped) = (trace.source.loads, trace.remote.skipped);
        tracing::info!(
            status,
            duration_ms,
            cold,
            rounds,
            pages,
            queries,
            read_units,
            l1_hits,
            l1_misses,
            l2_hits,
            l2_misses,
            l2_skipped,
            loads,
            repeats,
            torn,
            percent,
            "answered"
        );
    } else {
        tracing::info!(status, duration_ms, cold, problem = kind, cause, percent, "answered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(5);

    fn lines(percent: u8, count: u32) -> usize {
        let share = share(percent, 200, QUICK, false, false);
        (0..count).filter(|_| is_drawn(share)).count()
    }

    #[test]
    fn a_share_of_ordinary_answers_has_a_line_that_says_which() {
        assert_eq!(share(100, 200, QUICK, false, false), None);
        assert_eq!(share(50, 304, QUICK, false, false), Some(50));
        assert_eq!((lines(100, 50), lines(0, 1_000)), (50, 0));
        // 2,000 of 20,000; seven standard deviations are 297.
        assert!((1_703..=2_297).contains(&lines(10, 20_000)));
    }

    #[test]
    fn what_somebody_may_look_for_always_has_one() {
        for (status, elapsed, cold, torn) in [
            (400, QUICK, false, false),
            (503, QUICK, false, false),
            (200, SLOW, false, false),
            (200, QUICK, true, false),
            (200, QUICK, false, true),
        ] {
            let share = share(0, status, elapsed, cold, torn);
            assert!(share.is_none() && is_drawn(share), "{status} {elapsed:?}");
        }
    }
}
