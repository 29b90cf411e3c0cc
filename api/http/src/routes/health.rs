//! Probes: is the process up, can it answer, what does it count.

use axum::extract::State as Shared;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use cellar_cache::BreakerState;
use cellar_changes::{State, Status};
use cellar_search::pages::PageCache;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use crate::description::ProbeProblems;
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use crate::telemetry::Format;

/// That the process is up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alive {
    /// Always `ok`.
    #[schema(examples("ok"))]
    status: &'static str,
}

/// That the process can answer, and how current its caches are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// `ok`, or `degraded` while the store does not answer and what is in memory is served; a problem says that there is
    /// nothing to serve.
    #[schema(examples("ok"))]
    status: &'static str,
    /// The caches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Caches, required = false)]
    cache: Option<Caches>,
    /// The change feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Feed, required = false)]
    feed: Option<Feed>,
}

/// The caches of a process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Caches {
    /// Whether invalidations reach the process; if not, it trusts its memory for a few seconds only.
    trusted: bool,
    /// Old name of `trusted`, until version 0.2.
    #[schema(deprecated)]
    attended: bool,
    /// Redis: `ok`, `refusing` if it has refused something within the last minute, `failing` while it is left alone, or
    /// `off`.
    #[schema(examples("ok"))]
    redis: &'static str,
    /// What Redis refused last, if that was within the last minute: the call, and the code of its error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Refused, required = false)]
    refused: Option<Refused>,
    /// Pages whose invalidation waits for Redis.
    pending: usize,
}

impl Caches {
    fn of(state: &AppState) -> Option<Self> {
        let cache = state.cache.as_ref()?;
        let refused =
            cache.refusal().map(|refusal| Refused { call: refusal.call.name(), code: refusal.code });
        let redis = match cache.breaker() {
            None => "off",
            Some(BreakerState::Closed) if refused.is_some() => "refusing",
            Some(BreakerState::Closed) => "ok",
            Some(_) => "failing",
        };
        let trusted = cache.is_trusted();
        Some(Self { trusted, attended: trusted, redis, refused, pending: cache.pending() })
    }
}

/// Something that Redis refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refused {
    /// What was asked: `get`, `begin`, `finish`, `invalidate`, `publish` or `subscribe`.
    #[schema(examples("begin"))]
    call: &'static str,
    /// The code of the error, or `other`.
    #[schema(examples("NOPERM"))]
    code: &'static str,
}

/// The change feed of a process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    /// `starting`, `running`, `standing by` for the process that has the role, `failing` or `stopped`.
    #[schema(examples("running"))]
    state: &'static str,
    /// Seconds since every change in the table's stream had been handed over by this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_s: Option<f64>,
}

impl Feed {
    fn of(status: &Status) -> Self {
        let lag = status.lag();
        let state = match lag.state {
            State::Starting => "starting",
            State::Running => "running",
            State::StandingBy => "standing by",
            State::Failing { .. } => "failing",
            State::Stopped => "stopped",
        };
        let since = lag.since_caught_up.filter(|_| lag.state != State::StandingBy);
        Self { state, lag_s: since.map(|since| since.as_secs_f64()) }
    }
}

/// The process is up
///
/// Says nothing about the store: a process must not be restarted because the store is away.
#[utoipa::path(get, path = "/live", tag = "service", operation_id = "live",
    responses((status = 200, description = "It is", body = Alive)))]
pub async fn live() -> Response {
    json(&Alive { status: "ok" })
}

/// The process can answer
///
/// How far the caches are behind is told and makes no difference: answers from them are as current as they promise. Without
/// the store it can as long as there is something in memory that is not too old.
#[utoipa::path(get, path = "/ready", tag = "service", operation_id = "ready",
    responses((status = 200, description = "It can", body = Ready), ProbeProblems))]
pub async fn ready(Shared(state): Shared<AppState>) -> Result<Response, Problem> {
    let status = check(&state).await?;
    Ok(json(&Ready { status, feed: state.feed.as_ref().map(Feed::of), cache: Caches::of(&state) }))
}

/// Counters and latencies, for Prometheus
///
/// In the order of `OpenMetrics`, of this process alone.
#[utoipa::path(get, path = "/metrics", tag = "service", operation_id = "metrics",
    responses(
        (status = 200, description = "OpenMetrics text if `Accept` prefers it, else the text of Prometheus 0.0.4",
            content((String = "application/openmetrics-text"), (String = "text/plain"))),
        ProbeProblems))]
pub async fn metrics(Shared(state): Shared<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    let text = state.telemetry.text();
    let text = text.map_err(|error| {
        Problem::new(Kind::Internal, "the metrics cannot be written").internal(error.to_string())
    })?;
    let format = Format::of(&headers);
    let headers = [(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")];
    Ok((headers, format.render(text)).into_response())
}

async fn check(state: &AppState) -> Result<&'static str, Problem> {
    let Err(away) = state.readiness.check(&*state.store).await else { return Ok("ok") };
    let serves = |cache: &PageCache| {
        cache.run_pending_tasks();
        cache.memory_size().0 > 0 && away.lasted < cache.policy().stale_if_error
    };
    if state.cache.as_ref().is_some_and(serves) {
        return Ok("degraded");
    }
    let detail = format!("the store does not answer (region {})", state.config.region);
    Err(Problem::new(Kind::StoreUnavailable, detail).retry_after_s(1).internal(away.cause))
}
