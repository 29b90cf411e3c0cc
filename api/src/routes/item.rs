//! One place, by its id.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use geo_index::{Collection, H3Cell, PlaceId};

use super::answer::GEOJSON;
use super::body::JsonText;
use super::conditional::tagged;
use super::openapi::{CollectionParameter, Feature, FeatureInput, IdParameter, PlaceProblems, WriteProblems};
use super::{require_collection, to_the_end};
use crate::geojson::{IdRule, parse_feature};
use crate::middleware::deadline::Deadline;
use crate::params::{NoQuery, PlacePath, escape_segment};
use crate::place::Place;
use crate::problem::{Kind, Problem};
use crate::state::{AppState, bounded};
use crate::store::StoreError;

/// A place
///
/// Always current: it is read from the table itself.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/items/{id}",
    tag = "places",
    operation_id = "getItem",
    params(
        CollectionParameter,
        IdParameter,
    ),
    responses(
        (status = 200, description = "The place", body = Feature, content_type = "application/geo+json",
            headers(("etag" = String, description = "What it is at the moment"))),
        (status = 304, description = "It is as the `If-None-Match` of the request has it"),
        PlaceProblems,
    ),
)]
pub async fn get(
    State(state): State<AppState>,
    PlacePath { collection, id }: PlacePath,
    deadline: Deadline,
    headers: HeaderMap,
    _: NoQuery,
) -> Result<Response, Problem> {
    require_collection(&state, &collection, deadline).await?;
    let place = bounded(deadline.0, state.store.get(&collection, &id)).await?;
    let place = place.ok_or_else(|| unknown(&collection, &id))?;
    Ok(tagged(&headers, GEOJSON, place.feature().into()))
}

/// Create or replace a place
///
/// Wherever it was before, it is in one place afterwards. The id of the path counts; a member `id` may repeat it.
#[utoipa::path(
    put,
    path = "/v1/collections/{collection}/items/{id}",
    tag = "places",
    operation_id = "putItem",
    params(
        CollectionParameter,
        IdParameter,
    ),
    request_body(content = FeatureInput, content_type = "application/geo+json"),
    responses(
        (status = 200, description = "Replaced; the place as it is stored", body = Feature, content_type = "application/geo+json"),
        (status = 201, description = "Created; the place as it is stored", body = Feature, content_type = "application/geo+json",
            headers(("location" = String, description = "Path of the place"))),
        WriteProblems,
    ),
    security(("write_token" = [])),
)]
pub async fn put(
    State(state): State<AppState>,
    PlacePath { collection, id }: PlacePath,
    deadline: Deadline,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let place = parse_feature(&body, IdRule::Given(&id))?;
    require_collection(&state, &collection, deadline).await?;
    let answer = feature(&place).into_response();
    let location = format!("/v1/collections/{collection}/items/{}", escape_segment(id.as_str()));
    let written = to_the_end(async move {
        let written = bounded(deadline.0, state.store.put(&collection, &place)).await;
        // After an error it may be written all the same.
        let previous = written.as_ref().ok().and_then(|previous| previous.leaf);
        let leaves: Vec<_> = previous.into_iter().chain([H3Cell::leaf(place.position)]).collect();
        state.search.changed(&collection, &leaves).await;
        written
    });
    if written.await?.existed {
        return Ok(answer);
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answer).into_response())
}

/// Delete a place
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}/items/{id}",
    tag = "places",
    operation_id = "deleteItem",
    params(
        CollectionParameter,
        IdParameter,
    ),
    responses((status = 204, description = "Deleted"), WriteProblems),
    security(("write_token" = [])),
)]
pub async fn delete(
    State(state): State<AppState>,
    PlacePath { collection, id }: PlacePath,
    deadline: Deadline,
    _: NoQuery,
) -> Result<Response, Problem> {
    require_collection(&state, &collection, deadline).await?;
    let missing = unknown(&collection, &id);
    let deleted = to_the_end(async move {
        let previous = bounded(deadline.0, state.store.delete(&collection, &id)).await?;
        state.search.changed(&collection, previous.leaf.as_slice()).await;
        Ok::<_, StoreError>(previous.existed)
    });
    if deleted.await? { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(missing) }
}

fn feature(place: &Place) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, GEOJSON)], place.feature())
}

fn unknown(collection: &Collection, id: &PlaceId) -> Problem {
    let detail = format!("collection `{collection}` has no place of this id");
    Problem::new(Kind::PlaceUnknown, detail).parameter("id").internal(format!("{collection}/{id}"))
}
