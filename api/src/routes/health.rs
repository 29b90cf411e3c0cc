//! Probes: is the process up, can it answer, what is it.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Link, json};
use super::openapi::{Landing, ProbeProblems};
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// That the process is up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alive {
    /// Always `ok`.
    #[schema(examples("ok"))]
    status: &'static str,
}

/// What the process is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`; a problem says otherwise.
    #[schema(examples("ok"))]
    status: &'static str,
    /// Version of the server.
    #[schema(examples("0.1.0"))]
    version: &'static str,
    /// Region that answered.
    #[schema(examples("eu-west-1"))]
    region: String,
    /// Seconds since the process started.
    uptime_s: u64,
    /// Whether the store answers.
    #[schema(examples("ok"))]
    store: &'static str,
}

#[derive(Serialize)]
struct LandingDocument {
    title: &'static str,
    description: &'static str,
    links: [Link; 4],
}

/// What there is
#[utoipa::path(get, path = "/", tag = "service", operation_id = "landing",
    responses((status = 200, description = "Links", body = Landing)))]
pub async fn landing() -> Response {
    json(&LandingDocument {
        title: "Cellar",
        description: "Exact nearby search",
        links: [
            Link::new("self", "application/json", "/"),
            Link::new("service-desc", "application/json", "/openapi.json"),
            Link::new("data", "application/json", "/v1/collections"),
            Link::new("health", "application/json", "/health"),
        ],
    })
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
#[utoipa::path(get, path = "/ready", tag = "service", operation_id = "ready",
    responses((status = 200, description = "It can", body = Alive), ProbeProblems))]
pub async fn ready(State(state): State<AppState>) -> Result<Response, Problem> {
    check(&state).await?;
    Ok(json(&Alive { status: "ok" }))
}

/// Status, version, region
#[utoipa::path(get, path = "/health", tag = "service", operation_id = "health",
    responses((status = 200, description = "All is well", body = Health), ProbeProblems))]
pub async fn health(State(state): State<AppState>) -> Result<Response, Problem> {
    check(&state).await?;
    Ok(json(&Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        region: state.config.region.clone(),
        uptime_s: state.started.elapsed().as_secs(),
        store: "ok",
    }))
}

async fn check(state: &AppState) -> Result<(), Problem> {
    state.readiness.check(&*state.store).await.map_err(|cause| {
        let detail = format!("the store does not answer (region {})", state.config.region);
        Problem::new(Kind::StoreUnavailable, detail).retry_after_s(1).internal(cause)
    })
}
