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

use super::answer::negotiated;
use super::body::JsonText;
use super::conditional::{Guarded, etag, tagged_as, unmet};
use super::{html, require_collection, require_writable, to_the_end};
use crate::base::Base;
use crate::description::{
    CollectionParameter, ConditionParameters, Feature, FeatureInput, FormatParameter, IdParameter,
    PlaceProblems, WriteProblems,
};
use crate::middleware::deadline::Deadline;
use crate::params::{Format, NoQuery, OnlyFormat, PlacePath};
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
        FormatParameter,
    ),
    responses(
        (status = 200, description = "The place", body = Feature, content_type = "application/geo+json",
            headers(
                ("etag" = String, description = "Entity tag of the current version"),
                ("link" = String, description = "The links of the place"),
            )),
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
    OnlyFormat(format): OnlyFormat,
) -> Result<Response, Problem> {
    require_collection(&state, &collection, deadline).await?;
    let place = bounded(deadline.0, state.store.get(&collection, &id)).await?;
    let place = place.ok_or_else(|| unknown(&collection, &id))?;
    let feature = place.feature();
    let links = links(&base, &collection, &id);
    let mut response = match format {
        Format::Html => html::answer(&headers, html::place(&base, &collection, &feature)).await?,
        Format::Json => tagged_as(&headers, GEOJSON, etag(feature.as_bytes()), || linked(&feature, &links)),
    };
    negotiated(&mut response, &links);
    Ok(response)
}

/// Where a place is: itself, as a page, and what it is part of.
fn links(base: &Base, collection: &Collection, id: &PlaceId) -> [Link; 3] {
    let path = base.address(&format!("/v1/collections/{collection}"));
    let [this, page] = Link::of_forms(&format!("{path}/items/{}", escape_segment(id.as_str())), GEOJSON);
    [this, page, Link::new("collection", "application/json", path)]
}

/// A feature with its links. They are not part of what its entity tag is of: that is what is stored.
fn linked(feature: &str, links: &[Link]) -> Vec<u8> {
    let mut out = feature.strip_suffix('}').unwrap_or(feature).as_bytes().to_vec();
    out.extend_from_slice(br#","links":"#);
    // Writing to a vector cannot fail.
    let _ = serde_json::to_writer(&mut out, links);
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
    let feature = place.feature();
    let etag = etag(feature.as_bytes());
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(GEOJSON)), (header::ETAG, etag)];
    (headers, linked(&feature, &links(base, collection, &place.id)))
}

fn unknown(collection: &Collection, id: &PlaceId) -> Problem {
    let detail = format!("collection `{collection}` has no place of this id");
    Problem::new(Kind::PlaceUnknown, detail).parameter("id").internal(format!("{collection}/{id}"))
}
