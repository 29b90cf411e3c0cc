//! The places of a bounding box.

use std::time::Instant;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};

use super::answer::{Link, feature_collection};
use super::openapi::{CollectionParameter, FeatureCollection, PageParameters, SearchProblems};
use super::require_collection;
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::{CollectionPath, parse_items};
use crate::problem::Problem;
use crate::search::Items;
use crate::state::AppState;

/// The places in a bounding box
///
/// In an order that is stable but has no meaning. To go on, follow the link `next`, until there is none: where
/// places are sparse an answer may hold fewer than `limit`, or none.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/items",
    tag = "search",
    operation_id = "items",
    params(
        CollectionParameter,
        ("bbox" = Vec<f64>, Query, description = "west,south,east,north in degrees; west > east crosses the antimeridian", style = Form, explode = false, min_items = 4, max_items = 4, example = json!([2.2, 48.8, 2.5, 48.9])),
        PageParameters,
    ),
    responses(
        (status = 200, description = "The places", body = FeatureCollection, content_type = "application/geo+json",
            headers(("server-timing" = String, description = "Time and work of the search"))),
        SearchProblems,
    ),
)]
pub async fn items(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_items(raw.as_deref(), &collection)?;
    require_collection(&state, &collection, deadline).await?;
    let started = Instant::now();
    let Items { hits, next, work } = state.search.items(&collection, params.query, deadline.0).await?;
    let timing = SearchTiming { work, elapsed: started.elapsed() };
    let path = format!("/v1/collections/{collection}/items");
    let next = next.map(|key| params.text.next_link(&path, &key.encode(params.fingerprint)));
    let links = Link::of_page(params.text.link(&path), next);
    Ok((Extension(timing), feature_collection(&hits, &links)).into_response())
}
