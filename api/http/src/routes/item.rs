//! One place, by its id.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cellar_model::condition::Conditions;
use cellar_model::escape_segment;
use cellar_model::features::{GEOJSON, Link};
use cellar_model::geojson::{IdRule, parse_feature};
use cellar_model::place::Place;
use cellar_model::{Collection, PlaceId};
use cellar_store::{Store, StoreError, Written, bounded};

use super::body::JsonText;
use super::conditional::{Guarded, etag, tagged_as, unmet};
use super::{require_collection, require_writable, to_the_end};
use crate::base::Base;
use crate::description::{
    CollectionParameter, ConditionParameters, Feature, FeatureInput, IdParameter, PlaceProblems,
    WriteProblems,
};
use crate::middleware::deadline::Deadline;
use crate::params::{NoQuery, PlacePath};
use crate::problem::{Kind, Problem};
use crate::state::AppState;

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
            headers(("etag" = String, description = "Entity tag of the current version"))),
        (status = 304, description = "It is as the `If-None-Match` of the request has it"),
        PlaceProblems,
    ),
)]
pub async fn get(
    State(state): State<AppState>,
    PlacePath { collection, id }: PlacePath,
    base: Base,
    deadline: Deadline,
    headers: HeaderMap,
    _: NoQuery,
) -> Result<Response, Problem> {
    require_collection(&state, &collection, deadline).await?;
    let place = bounded(deadline.0, state.store.get(&collection, &id)).await?;
    let place = place.ok_or_else(|| unknown(&collection, &id))?;
    let tag = etag(place.feature().as_bytes());
    Ok(tagged_as(&headers, GEOJSON, tag, || linked(&base, &collection, &place)))
}

/// A feature with its links. They are not part of what its entity tag is of: that is what is stored.
fn linked(base: &Base, collection: &Collection, place: &Place) -> Vec<u8> {
    let path = base.address(&format!("/v1/collections/{collection}"));
    let this = format!("{path}/items/{}", escape_segment(place.id.as_str()));
    let links = [Link::new("self", GEOJSON, this), Link::new("collection", "application/json", path)];
    let feature = place.feature();
    let mut out = feature.strip_suffix('}').unwrap_or(&feature).as_bytes().to_vec();
    out.extend_from_slice(br#","links":"#);
    // Writing to a vector cannot fail.
    let _ = serde_json::to_writer(&mut out, &links);
    out.push(b'}');
    out
}

/// Create or replace a place
///
/// Wherever it was before, it is in one place afterwards. The id of the path counts; a member `id` may repeat it.
/// With `If-Match` or `If-None-Match` it is written only if the place is what they say at that very moment, so that
/// writers do not undo each other's work.
#[utoipa::path(
    put,
    path = "/v1/collections/{collection}/items/{id}",
    tag = "places",
    operation_id = "putItem",
    params(
        CollectionParameter,
        IdParameter,
        ConditionParameters,
    ),
    request_body(content = FeatureInput, content_type = "application/geo+json"),
    responses(
        (status = 200, description = "Replaced; the place as it is stored", body = Feature, content_type = "application/geo+json",
            headers(("etag" = String, description = "What it is now"))),
        (status = 201, description = "Created; the place as it is stored", body = Feature, content_type = "application/geo+json",
            headers(
                ("location" = String, description = "Path of the place"),
                ("etag" = String, description = "What it is now"),
            )),
        WriteProblems,
    ),
    security(("api_key" = [])),
)]
pub async fn put(
    State(state): State<AppState>,
    PlacePath { collection, id }: PlacePath,
    base: Base,
    deadline: Deadline,
    Guarded(conditions): Guarded,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let place = parse_feature(&body, IdRule::Given(&id))?;
    require_writable(&state, &collection, deadline).await?;
    let answer = feature(&base, &collection, &place).into_response();
    let location = format!("/v1/collections/{collection}/items/{}", escape_segment(id.as_str()));
    let expected = conditions.clone();
    let written = to_the_end(async move {
        let placement = place.placement();
        let announced = vec![(id, Some(placement.clone()))];
        let writing = state.search.begin_write(&collection, announced).await;
        let written = bounded(deadline.0, write(&*state.store, &collection, &place, &expected)).await;
        let placements: Vec<_> = match &written {
            Ok(Written::Unmet) => Vec::new(),
            Ok(Written::Done(previous)) => previous.placement().into_iter().chain([placement]).collect(),
            // After an error it may be written all the same.
            Err(_) => vec![placement],
        };
        writing.end(&placements).await;
        written
    });
    let Written::Done(previous) = written.await? else { return Err(unmet(&conditions)) };
    if previous.existed {
        return Ok(answer);
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answer).into_response())
}

/// Delete a place
///
/// With `If-Match` or `If-None-Match` it is deleted only if it is what they say at that very moment.
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}/items/{id}",
    tag = "places",
    operation_id = "deleteItem",
    params(
        CollectionParameter,
        IdParameter,
        ConditionParameters,
    ),
    responses((status = 204, description = "Deleted"), WriteProblems),
    security(("api_key" = [])),
)]
pub async fn delete(
    State(state): State<AppState>,
    PlacePath { collection, id }: PlacePath,
    deadline: Deadline,
    Guarded(conditions): Guarded,
    _: NoQuery,
) -> Result<Response, Problem> {
    require_writable(&state, &collection, deadline).await?;
    let missing = unknown(&collection, &id);
    let expected = conditions.clone();
    let deleted = to_the_end(async move {
        let writing = state.search.begin_write(&collection, vec![(id.clone(), None)]).await;
        let deleted = bounded(deadline.0, remove(&*state.store, &collection, &id, &expected)).await?;
        if let Written::Done(previous) = &deleted {
            writing.end(previous.placement().as_slice()).await;
        }
        Ok::<_, StoreError>(deleted)
    });
    match deleted.await? {
        Written::Done(previous) if previous.existed => Ok(StatusCode::NO_CONTENT.into_response()),
        Written::Done(_) => Err(missing),
        Written::Unmet => Err(unmet(&conditions)),
    }
}

async fn write(
    store: &dyn Store,
    collection: &Collection,
    place: &Place,
    conditions: &Conditions,
) -> Result<Written, StoreError> {
    if conditions.are_none() {
        return store.put(collection, place).await.map(Written::Done);
    }
    store.put_if(collection, place, conditions).await
}

async fn remove(
    store: &dyn Store,
    collection: &Collection,
    id: &PlaceId,
    conditions: &Conditions,
) -> Result<Written, StoreError> {
    if conditions.are_none() {
        return store.delete(collection, id).await.map(Written::Done);
    }
    store.delete_if(collection, id, conditions).await
}

/// The place as it is stored, with its entity tag.
fn feature(base: &Base, collection: &Collection, place: &Place) -> impl IntoResponse + use<> {
    let etag = etag(place.feature().as_bytes());
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(GEOJSON)), (header::ETAG, etag)];
    (headers, linked(base, collection, place))
}

fn unknown(collection: &Collection, id: &PlaceId) -> Problem {
    let detail = format!("collection `{collection}` has no place of this id");
    Problem::new(Kind::PlaceUnknown, detail).parameter("id").internal(format!("{collection}/{id}"))
}
