//! Health checks: is this region well enough to send users to?
//!
//! A shallow ping costs nothing and says that the process answers. A deep one reads from the table and from Redis, at
//! most once a second however many come. Only who has the secret can ask for one; of the pings that leave it open, a
//! share is deep.

use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use crate::description::ProbeProblems;
use crate::health::Found;
use crate::params::QueryText;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Where a health checker presents the secret, if not in the query.
pub const CHECK_HEADER: HeaderName = HeaderName::from_static("x-cellar-health-check");
/// The same in the query: some checkers can set nothing else.
const CHECKER_ID: &str = "healthCheckerId";
const DEPTHS: &str = "shallow, deep";

/// What the process is, and how it is.
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
    /// Id of the process that answered.
    #[schema(examples("6ad2ec26bbc4e6d0"))]
    instance: String,
    /// Seconds since the process started.
    uptime_s: u64,
    /// `shallow` or `deep`.
    #[schema(examples("deep"))]
    depth: &'static str,
    /// Of a deep ping: that the store answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("ok"))]
    store: Option<&'static str>,
    /// Of a deep ping: Redis is `ok`, `failing` or `off`. Without it the process is slower, not ill.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("ok"))]
    redis: Option<&'static str>,
}

impl Health {
    /// What a process that is well answers to a shallow ping.
    fn shallow(region: String, instance: String, uptime_s: u64) -> Self {
        let (status, version) = ("ok", env!("CARGO_PKG_VERSION"));
        Self { status, version, region, instance, uptime_s, depth: "shallow", store: None, redis: None }
    }

    fn deep(self, found: &Found) -> Self {
        Self { depth: "deep", store: Some("ok"), redis: Some(found.redis), ..self }
    }

    /// An answer as health checkers see it, to find out what they may look for.
    pub fn example() -> Self {
        Self::shallow("eu-west-1".to_owned(), "6ad2ec26bbc4e6d0".to_owned(), 0)
    }
}

/// Health, for health checks
///
/// A shallow ping says that the process answers; a deep one reads from the table and from the shared cache, at most once
/// a second. Without `depth` the server chooses. A deep ping takes the server's health secret, as the parameter
/// `healthCheckerId` or the header `x-cellar-health-check`; who presents it and names no depth gets a deep one.
#[utoipa::path(get, path = "/health", tag = "service", operation_id = "health",
    params(
        ("depth" = inline(Option<crate::description::Depth>), Query, description = "How deep to probe", example = json!("shallow")),
        ("healthCheckerId" = Option<String>, Query, description = "The health secret", min_length = 1),
        ("x-cellar-health-check" = Option<String>, Header, description = "The health secret"),
    ),
    responses((status = 200, description = "All is well", body = Health), ProbeProblems))]
pub async fn health(
    Shared(state): Shared<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let deep = is_deep(&state, query.as_deref(), &headers)?;
    if state.health.config.force_fail {
        return Err(Problem::new(Kind::ForcedFailure, Kind::ForcedFailure.meaning()));
    }
    let found = if deep { Some(probe(&state).await?) } else { None };
    let instance = state.instance.id.to_string();
    let health = Health::shallow(state.config.region.clone(), instance, state.started.elapsed().as_secs());
    Ok(json(&match found {
        Some(found) => health.deep(&found),
        None => health,
    }))
}

/// Whether to probe deep; a problem if that was asked for without the secret.
fn is_deep(state: &AppState, query: Option<&str>, headers: &HeaderMap) -> Result<bool, Problem> {
    let query = QueryText::parse(query, &["depth", CHECKER_ID])?;
    let depth = query.optional("depth", DEPTHS)?;
    let in_query = query.optional(CHECKER_ID, "the server's health secret")?.map(str::as_bytes);
    let presented = in_query.or_else(|| headers.get(CHECK_HEADER).map(HeaderValue::as_bytes));
    match (depth, presented) {
        (None | Some("shallow" | "deep"), Some(secret)) => {
            authorize(state, secret)?;
            Ok(depth != Some("shallow"))
        }
        (None, None) => Ok(state.health.is_deep_by_chance()),
        (Some("shallow"), None) => Ok(false),
        (Some("deep"), None) => Err(refused(
            "a deep ping takes the health secret, as `healthCheckerId` or in the header `x-cellar-health-check`",
        )),
        (Some(other), _) => Err(Problem::new(Kind::ParameterInvalid, format!("`depth` is {other:?}"))
            .parameter("depth")
            .allowed(DEPTHS)),
    }
}

fn authorize(state: &AppState, presented: &[u8]) -> Result<(), Problem> {
    match &state.health.config.secret {
        Some(secret) if secret.matches(presented) => Ok(()),
        Some(_) => Err(refused("what was presented is not the health secret")),
        None => Err(refused("this server has no health secret; its operator can set CELLAR_HEALTH_SECRET")),
    }
}

fn refused(detail: &'static str) -> Problem {
    Problem::new(Kind::HealthUnauthorized, detail)
}

async fn probe(state: &AppState) -> Result<Found, Problem> {
    let found = state.health.probe(&*state.store, state.coordination.as_deref()).await;
    match found.failure {
        None => Ok(found),
        Some(cause) => {
            let detail = format!("the store does not answer (region {})", state.config.region);
            Err(Problem::new(Kind::StoreUnavailable, detail).retry_after_s(1).internal(cause))
        }
    }
}
