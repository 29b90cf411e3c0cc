//! The places of a bounding box.

use std::time::Instant;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};

use super::answer::{Link, feature_collection};
use super::openapi::{FeatureCollection, SearchProblems};
use super::require_collection;
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::{CollectionPath, parse_items};
use crate::problem::Problem;
use crate::search::Items;
use crate::state::AppState;

/// The places in a bounding box
///
/// In an order that is stable but has no meaning. To go on, follow the link `next`.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/items",
    tag = "search",
    operation_id = "items",
    params(
        ("collection" = String, Path, description = "Name of the collection", pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", example = json!("wineries")),
        ("bbox" = Vec<f64>, Query, description = "west,south,east,north in degrees; west > east crosses the antimeridian", style = Form, explode = false, min_items = 4, max_items = 4, example = json!([2.2, 48.8, 2.5, 48.9])),
        ("limit" = inline(Option<u32>), Query, description = "Most places to return; 20 if left out", minimum = 1, maximum = 100, example = json!(10)),
        ("category" = inline(Option<String>), Query, description = "Only places whose property `category` is this text, at most 200 bytes", min_length = 1, max_length = 200, example = json!("winery")),
        ("cursor" = inline(Option<String>), Query, description = "Cursor of a `next` link; all other parameters but `limit` must be as they were", min_length = 1),
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
