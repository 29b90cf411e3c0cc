//! The collections themselves.

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cellar_model::Collection;
use cellar_model::features::{GEOJSON, Link};
use cellar_store::CollectionInfo;
use cellar_store::bounded;
use cellar_store::deletion::{Deletion, unix_ms};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{encoded, json, negotiated};
use super::body::JsonText;
use super::coded::tagged;
use super::conditional::Unconditional;
use super::{html, unknown_collection};
use crate::base::Base;
use crate::description::{
    CollectionDocument, CollectionList, CollectionParameter, CollectionProblems, FormatParameter,
    WriteProblems,
};
use crate::extent::{CRS84, Extent};
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, Format, NoQuery, OnlyFormat};
use crate::paths;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Longest title, in bytes.
const MAX_TITLE_BYTES: usize = 200;

#[derive(Serialize)]
struct Document {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extent: Option<Extent>,
    #[serde(rename = "itemType")]
    item_type: &'static str,
    crs: [&'static str; 1],
    links: Vec<Link>,
}

/// Collections whose extents are read side by side.
const EXTENTS_AT_A_TIME: usize = 16;

#[derive(Serialize)]
struct List<'a> {
    collections: Vec<Document>,
    links: &'a [Link],
}

impl Document {
    fn listed(&self) -> html::Listed<'_> {
        html::Listed {
            id: &self.id,
            title: self.title.as_deref(),
            status: self.status,
            bbox: self.extent.as_ref().map(Extent::bbox),
            crs: CRS84,
        }
    }
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
///
/// Those that are being deleted are among them.
#[utoipa::path(
    get,
    path = "/v1/collections",
    tag = "collections",
    operation_id = "listCollections",
    params(FormatParameter),
    responses(
        (status = 200, description = "The collections, by name", body = CollectionList,
            headers(
                ("etag" = String, description = "Changes with the list"),
                ("link" = String, description = "The links of the list"),
            )),
        (status = 304, description = "The list is as the `If-None-Match` of the request has it"),
        CollectionProblems,
    ),
)]
pub async fn list(
    State(state): State<AppState>,
    base: Base,
    Deadline(deadline): Deadline,
    headers: HeaderMap,
    OnlyFormat(format): OnlyFormat,
) -> Result<Response, Problem> {
    let (live, deletions) = tokio::try_join!(
        bounded(deadline, state.store.collections()),
        bounded(deadline, state.store.maintenance().deletions()),
    )?;
    let live = stream::iter(live)
        .map(|info| described(&state, &base, info, deadline))
        .buffered(EXTENTS_AT_A_TIME)
        .try_collect::<Vec<_>>();
    let deletions = deletions.into_iter().map(|deletion| deletion_document(&base, deletion));
    let mut collections: Vec<_> = live.await?.into_iter().chain(deletions).collect();
    collections.sort_by(|one, other| one.id.cmp(&other.id));
    collections.dedup_by(|one, other| one.id == other.id);
    let links = Link::of_forms(&base.address(paths::COLLECTIONS), "application/json");
    let mut response = match format {
        Format::Html => {
            html::answer(&headers, html::collections(&base, collections.iter().map(Document::listed))).await?
        }
        Format::Json => {
            let list = serde_json::to_vec(&List { collections, links: &links });
            tagged(&headers, "application/json", list.unwrap_or_default()).await?
        }
    };
    negotiated(&mut response, &links);
    Ok(response)
}

/// One collection
///
/// Its `status` is `active`, or `deleting` until it is gone: then this is a 404.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}",
    tag = "collections",
    operation_id = "getCollection",
    params(CollectionParameter, FormatParameter),
    responses(
        (status = 200, description = "The collection", body = CollectionDocument,
            headers(
                ("etag" = String, description = "Entity tag of the current version"),
                ("link" = String, description = "The links of the collection"),
            )),
        (status = 304, description = "It is as the `If-None-Match` of the request has it"),
        CollectionProblems,
    ),
)]
pub async fn get(
    State(state): State<AppState>,
    CollectionPath(name): CollectionPath,
    base: Base,
    Deadline(deadline): Deadline,
    headers: HeaderMap,
    OnlyFormat(format): OnlyFormat,
) -> Result<Response, Problem> {
    let found = if let Some(info) = bounded(deadline, state.store.collection(&name)).await? {
        Some(described(&state, &base, info, deadline).await?)
    } else {
        let deletion = bounded(deadline, state.store.maintenance().deletion(&name)).await?;
        deletion.map(|deletion| deletion_document(&base, deletion))
    };
    let document = found.ok_or_else(|| unknown_collection(&name))?;
    let mut response = match format {
        Format::Html => html::answer(&headers, html::collection(&base, &document.listed())).await?,
        Format::Json => tagged(&headers, "application/json", encoded(&document)?).await?,
    };
    negotiated(&mut response, &document.links);
    Ok(response)
}

/// Delete a collection, with all of its places
///
/// It is deleted bit by bit: the answer is a 202, and `GET` of the collection says `deleting` until it is gone, which
/// takes two minutes at least. From now on reads of the collection are a 410 and writes a 409; another process that has
/// used it lately may take some seconds to know. Asking again changes nothing. Afterwards the name is free.
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}",
    tag = "collections",
    operation_id = "deleteCollection",
    params(CollectionParameter),
    responses(
        (status = 202, description = "It is being deleted", body = CollectionDocument,
            headers(("location" = String, description = "Where its status is"))),
        WriteProblems,
    ),
)]
pub async fn delete(
    State(state): State<AppState>,
    CollectionPath(name): CollectionPath,
    base: Base,
    Deadline(deadline): Deadline,
    _: Unconditional,
    _: NoQuery,
) -> Result<Response, Problem> {
    let deletion = bounded(deadline, state.store.maintenance().begin_deletion(&name, unix_ms())).await?;
    let deletion = deletion.ok_or_else(|| unknown_collection(&name))?;
    state.collections.forget(&name);
    state.deletions.notify_one();
    if let Some(imports) = state.imports.get() {
        imports.cancel_all(&name).await?;
    }
    let document = json(&deletion_document(&base, deletion));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, path(&name))], document).into_response())
}

/// Create a collection, or change its title
///
/// Without a body the collection is created if it does not exist, and left as it is if it does.
#[utoipa::path(
    put,
    path = "/v1/collections/{collection}",
    tag = "collections",
    operation_id = "putCollection",
    params(CollectionParameter),
    request_body(content = CollectionInput, content_type = "application/json"),
    responses(
        (status = 200, description = "It existed", body = CollectionDocument),
        (status = 201, description = "Created", body = CollectionDocument,
            headers(("location" = String, description = "Path of the collection"))),
        WriteProblems,
    ),
)]
pub async fn put(
    State(state): State<AppState>,
    CollectionPath(name): CollectionPath,
    base: Base,
    Deadline(deadline): Deadline,
    _: Unconditional,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let input = parse(&body)?;
    let known = match input {
        None => bounded(deadline, state.store.collection(&name)).await?,
        Some(_) => None,
    };
    let (info, existed) = if let Some(info) = known {
        (info, true)
    } else {
        let info = CollectionInfo { name, title: input.and_then(|input| input.title) };
        let existed = bounded(deadline, state.store.put_collection(&info)).await?;
        (info, existed)
    };
    state.collections.remember(info.name.clone());
    let location = path(&info.name);
    let document = json(&document(&base, info, None));
    Ok(if existed {
        document
    } else {
        (StatusCode::CREATED, [(header::LOCATION, location)], document).into_response()
    })
}

/// What the body says; `None` if there is none.
fn parse(body: &str) -> Result<Option<CollectionInput>, Problem> {
    if body.is_empty() {
        return Ok(None);
    }
    let input: Option<CollectionInput> = serde_json::from_str(body)
        .map_err(|error| Problem::new(Kind::BodyInvalid, format!("not the body of a collection: {error}")))?;
    let title_bytes = input.as_ref().and_then(|input| input.title.as_ref()).map_or(0, String::len);
    if title_bytes > MAX_TITLE_BYTES {
        let detail = format!("`title` has {title_bytes} bytes; it may have at most {MAX_TITLE_BYTES}");
        return Err(Problem::new(Kind::BodyInvalid, detail).parameter("title"));
    }
    Ok(input)
}

fn path(name: &Collection) -> String {
    format!("/v1/collections/{name}")
}

/// Of a collection that is being deleted there is nothing left to be followed.
fn deletion_document(base: &Base, deletion: Deletion) -> Document {
    let this = base.address(&path(&deletion.collection));
    Document {
        id: deletion.collection.to_string(),
        links: vec![Link::new("self", "application/json", this)],
        title: deletion.title,
        status: "deleting",
        deleted: Some(deletion.record.deleted),
        extent: None,
        item_type: "feature",
        crs: [CRS84],
    }
}

/// A collection with its extent, which takes one Query.
async fn described(
    state: &AppState,
    base: &Base,
    info: CollectionInfo,
    deadline: Instant,
) -> Result<Document, Problem> {
    let roots = state.store.roots(&info.name, deadline).await?.roots;
    Ok(document(base, info, Extent::of(roots.as_deref())))
}

fn document(base: &Base, info: CollectionInfo, extent: Option<Extent>) -> Document {
    let path = base.address(&path(&info.name));
    Document {
        id: info.name.to_string(),
        title: info.title,
        status: "active",
        deleted: None,
        extent,
        item_type: "feature",
        crs: [CRS84],
        links: vec![
            Link::new("items", GEOJSON, format!("{path}/items")),
            Link::new("nearby", GEOJSON, format!("{path}/nearby")),
            Link::new("tiles", "application/json", format!("{path}/tiles")),
            Link::new("alternate", "text/html", format!("{path}?f=html")),
            Link::new("self", "application/json", path),
        ],
    }
}
