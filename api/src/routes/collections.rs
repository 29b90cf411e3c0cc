//! The collections themselves.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use geo_index::Collection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{GEOJSON, Link, json};
use super::body::JsonText;
use super::openapi::{CollectionDocument, CollectionList, CollectionProblems, ProbeProblems, WriteProblems};
use super::unknown_collection;
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, NoQuery};
use crate::problem::{Kind, Problem};
use crate::state::{AppState, bounded};
use crate::store::CollectionInfo;

/// Longest title, in bytes.
const MAX_TITLE_BYTES: usize = 200;

#[derive(Serialize)]
struct Document {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    links: Vec<Link>,
}

#[derive(Serialize)]
struct List {
    collections: Vec<Document>,
    links: Vec<Link>,
}

/// What can be said of a collection.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "title": "Wineries of France" })))]
pub struct CollectionInput {
    /// A title for people, at most 200 bytes.
    #[schema(max_length = 200)]
    title: Option<String>,
}

/// All collections
#[utoipa::path(
    get,
    path = "/v1/collections",
    tag = "collections",
    operation_id = "listCollections",
    responses((status = 200, description = "The collections, by name", body = CollectionList), ProbeProblems),
)]
pub async fn list(
    State(state): State<AppState>,
    Deadline(deadline): Deadline,
    _: NoQuery,
) -> Result<Response, Problem> {
    let collections = bounded(deadline, state.store.collections()).await?;
    Ok(json(&List {
        collections: collections.into_iter().map(document).collect(),
        links: vec![Link::new("self", "application/json", "/v1/collections")],
    }))
}

/// One collection
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}",
    tag = "collections",
    operation_id = "getCollection",
    params(("collection" = String, Path, description = "Name of the collection", pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", example = json!("wineries"))),
    responses((status = 200, description = "The collection", body = CollectionDocument), CollectionProblems),
)]
pub async fn get(
    State(state): State<AppState>,
    CollectionPath(name): CollectionPath,
    Deadline(deadline): Deadline,
    _: NoQuery,
) -> Result<Response, Problem> {
    let info = bounded(deadline, state.store.collection(&name)).await?;
    info.map_or_else(|| Err(unknown_collection(&name)), |info| Ok(json(&document(info))))
}

/// Create a collection, or change its title
///
/// Without a body the collection is created if it does not exist, and left as it is if it does.
#[utoipa::path(
    put,
    path = "/v1/collections/{collection}",
    tag = "collections",
    operation_id = "putCollection",
    params(("collection" = String, Path, description = "Name of the collection", pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", example = json!("wineries"))),
    request_body(content = inline(Option<CollectionInput>), content_type = "application/json"),
    responses(
        (status = 200, description = "It existed", body = CollectionDocument),
        (status = 201, description = "Created", body = CollectionDocument,
            headers(("location" = String, description = "Path of the collection"))),
        WriteProblems,
    ),
    security(("write_token" = [])),
)]
pub async fn put(
    State(state): State<AppState>,
    CollectionPath(name): CollectionPath,
    Deadline(deadline): Deadline,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let (info, existed) = if body.is_empty() {
        match bounded(deadline, state.store.collection(&name)).await? {
            Some(info) => (info, true),
            None => save(&state, CollectionInfo { name, title: None }, deadline).await?,
        }
    } else {
        let info = CollectionInfo { name, title: title(&body)? };
        save(&state, info, deadline).await?
    };
    state.collections.remember(info.name.clone());
    let location = path(&info.name);
    let document = json(&document(info));
    Ok(if existed {
        document
    } else {
        (StatusCode::CREATED, [(header::LOCATION, location)], document).into_response()
    })
}

async fn save(
    state: &AppState,
    info: CollectionInfo,
    deadline: std::time::Instant,
) -> Result<(CollectionInfo, bool), Problem> {
    let existed = bounded(deadline, state.store.put_collection(&info)).await?;
    Ok((info, existed))
}

fn title(body: &str) -> Result<Option<String>, Problem> {
    let input: CollectionInput = serde_json::from_str(body)
        .map_err(|error| Problem::new(Kind::BodyInvalid, format!("not the body of a collection: {error}")))?;
    match input.title {
        Some(title) if title.len() > MAX_TITLE_BYTES => {
            let detail = format!("`title` has {} bytes; it may have at most {MAX_TITLE_BYTES}", title.len());
            Err(Problem::new(Kind::BodyInvalid, detail).parameter("title"))
        }
        title => Ok(title),
    }
}

fn path(name: &Collection) -> String {
    format!("/v1/collections/{name}")
}

fn document(info: CollectionInfo) -> Document {
    let path = path(&info.name);
    Document {
        id: info.name.to_string(),
        title: info.title,
        links: vec![
            Link::new("items", GEOJSON, format!("{path}/items")),
            Link::new("nearby", GEOJSON, format!("{path}/nearby")),
            Link::new("self", "application/json", path),
        ],
    }
}
