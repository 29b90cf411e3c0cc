//! The OpenAPI document, generated from what stands beside the handlers.
//!
//! A test compares it with the router, and sends its examples to one.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use parking_lot::Mutex;
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{RefOr, Required};
use utoipa::{Modify, OpenApi};

use super::coded::Kept;
use super::openapi_3_0::{MEDIA_TYPE, downgraded};
use super::{
    batch, categories, cell_counts, cells, changes, collections, edge_map, explorer, health, imports, item,
    items, landing, live, nearby, nearby_batch, pages, ping, problems as kinds, search, tiles,
};
use crate::base::Base;
use crate::config::ApiConfig;
use crate::description::{self, examples};
use crate::paths::READS_BY_POST;
use crate::problem::Problem;
use crate::state::AppState;

/// The scheme of keys.
const API_KEY: &str = "api_key";

/// The document.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Cellar",
        description = "Exact nearby search over collections of places. Positions are WGS 84 degrees, distances are metres on a sphere of radius 6,371,008.8 m. Errors are problems (RFC 9457).",
    ),
    paths(
        landing::landing,
        landing::api,
        landing::collections,
        landing::conformance,
        landing::api_conformance,
        explorer::explorer,
        health::live,
        health::ready,
        ping::health,
        health::metrics,
        kinds::list,
        kinds::get,
        openapi_json,
        openapi_3_0_json,
        collections::list,
        collections::get,
        collections::put,
        collections::delete,
        categories::list,
        nearby::nearby,
        nearby_batch::post,
        search::get,
        search::post,
        cells::nearby,
        cell_counts::cells,
        tiles::tile_json,
        tiles::tile,
        changes::changes,
        live::live,
        edge_map::get,
        pages::pages,
        items::items,
        batch::post,
        item::get,
        item::put,
        item::delete,
        imports::list,
        imports::post,
        imports::get,
        imports::delete,
        imports::cancel,
        imports::rejects,
    ),
    components(schemas(description::Problem)),
    modifiers(&Adjustments),
    tags(
        (name = "search", description = "Finding places"),
        (name = "places", description = "Reading and writing places by id"),
        (name = "collections", description = "Sets of places"),
        (name = "changes", description = "What becomes of places"),
        (name = "imports", description = "Storing files that are too large for a request"),
        (name = "service", description = "About the server"),
    ),
)]
pub struct Document;

/// What cannot be said beside the handlers.
struct Adjustments;

impl Modify for Adjustments {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key with a scope that includes what is asked for (`cellar key`), or the server's CELLAR_WRITE_TOKEN. A local server may take writes without, and reads take none unless the server is set to that."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(API_KEY, SecurityScheme::Http(scheme));
        let put = document.paths.paths.get_mut("/v1/collections/{collection}");
        if let Some(RefOr::T(body)) = put.and_then(|item| item.put.as_mut()?.request_body.as_mut()) {
            body.required = Some(Required::False);
        }
        // Everything else answers anybody.
        document.security = Some(vec![SecurityRequirement::default()]);
    }
}

/// This document
///
/// OpenAPI 3.1, with the limits of this server.
#[utoipa::path(get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "The document", body = Object, content_type = "application/json",
            headers(("etag" = String, description = "Changes with the document"))),
        (status = 304, description = "The client has it")))]
pub async fn openapi_json(
    State(state): State<AppState>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let response = at(&state, &base).newer.answer(&headers).await?;
    Ok(for_minutes(response, &state, &base))
}

/// This document, as OpenAPI 3.0
///
/// For clients that do not read 3.1, such as those of OGC API - Features.
#[utoipa::path(get, path = "/openapi-3.0.json", tag = "service", operation_id = "openapi30",
    responses((status = 200, description = "The document", body = Object,
        content_type = "application/vnd.oai.openapi+json",
            headers(("etag" = String, description = "Changes with the document"))),
        (status = 304, description = "The client has it")))]
pub async fn openapi_3_0_json(
    State(state): State<AppState>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let response = at(&state, &base).older.answer(&headers).await?;
    Ok(for_minutes(response, &state, &base))
}

/// No shared cache keeps what is made by the name that was asked.
fn for_minutes(mut response: Response, state: &AppState, base: &Base) -> Response {
    let is_shared = state.config.public_url.is_some() || base.is_unknown();
    let kept = if is_shared { "public, max-age=300" } else { "private, max-age=300" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    response
}

/// The document of a server, in both versions.
struct Documents {
    newer: Kept,
    older: Kept,
}

/// The same as texts, to be finished with the server's address, and those that were finished last.
struct Texts {
    newer: String,
    older: String,
    finished: Mutex<HashMap<String, Arc<Documents>>>,
}

/// Names that documents are kept for: a server has few, and clients can make up as many as they like.
const KEPT_NAMES: usize = 8;

/// What stands for the address of the server until it is known.
const ADDRESS: &str = "{address of the server}";

/// The documents with the address that the client knows the server by.
fn at(state: &AppState, base: &Base) -> Arc<Documents> {
    let texts = texts(state);
    // Without an address the API is where the document is.
    let address = if base.is_unknown() { "/".to_owned() } else { base.address("") };
    let mut finished = texts.finished.lock();
    if let Some(documents) = finished.get(&address) {
        return Arc::clone(documents);
    }
    let with = |text: &str| text.replacen(ADDRESS, &address, 1);
    let documents = Arc::new(Documents {
        newer: Kept::new("application/json", with(&texts.newer)),
        older: Kept::new(MEDIA_TYPE, with(&texts.older)),
    });
    if finished.len() >= KEPT_NAMES {
        finished.clear();
    }
    finished.insert(address, Arc::clone(&documents));
    documents
}

/// Which requests take a key.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Keyed {
    reads: bool,
    writes: bool,
}

/// The document of a server with these limits. A process has one configuration, so the last document is kept.
fn texts(state: &AppState) -> Arc<Texts> {
    static LAST: Mutex<Option<(ApiConfig, Keyed, Arc<Texts>)>> = Mutex::new(None);
    let config = &*state.config;
    let keyed = Keyed { reads: state.access.keyed_reads(), writes: state.access.is_guarded() };
    let mut last = LAST.lock();
    if let Some((of, also, texts)) = &*last
        && (of, *also) == (config, keyed)
    {
        return Arc::clone(texts);
    }
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    document["servers"] = json!([{ "url": ADDRESS, "description": "This server" }]);
    with_security(&mut document, keyed);
    examples::add(&mut document);
    let document = with_limits(document, config);
    let (newer, finished) = (document.to_string(), Mutex::default());
    let texts = Arc::new(Texts { newer, older: downgraded(document).to_string(), finished });
    *last = Some((config.clone(), keyed, Arc::clone(&texts)));
    texts
}

/// Says which operations take a key: reads and writes of collections and what is in them. Where none is needed
/// one is taken all the same, so that clients can be made once for servers of both kinds.
fn with_security(document: &mut Value, keyed: Keyed) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, operations) in paths.filter(|(path, _)| path.starts_with("/v1/collections")) {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            // Imports are looked at by those who may write.
            let is_search = READS_BY_POST.contains(&path.as_str());
            let is_read = is_search || (method == "get" && !path.contains("/imports"));
            let takes_key = if is_read { keyed.reads } else { keyed.writes };
            let key = json!({ API_KEY: [] });
            operation["security"] = if takes_key { json!([key]) } else { json!([{}, key]) };
        }
    }
}

/// Writes the server's own limits into the document.
fn with_limits(mut document: Value, config: &ApiConfig) -> Value {
    let parameters = document.pointer_mut("/paths/~1v1~1collections~1{collection}~1nearby/get/parameters");
    let parameters = parameters.and_then(Value::as_array_mut).into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["name"] == "radius") {
        parameter["schema"]["maximum"] = config.max_radius.get().into();
        parameter["schema"]["default"] = config.horizon.get().into();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of a schema that version 3.0 does not have, wherever they are.
    fn newer(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| newer(item, path, found)),
            Value::Object(members) => {
                for (name, member) in members.iter().filter(|(name, _)| *name != "example") {
                    let is_newer = match name.as_str() {
                        "prefixItems" | "const" | "webhooks" | "identifier" => true,
                        "type" => !member.is_string() && !member.is_object(),
                        "examples" => member.is_array(),
                        "exclusiveMinimum" | "exclusiveMaximum" => member.is_number(),
                        "items" => member.is_boolean(),
                        _ => false,
                    };
                    if is_newer {
                        found.push(format!("{path}/{name}"));
                    }
                    newer(member, &format!("{path}/{name}"), found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn nothing_newer_is_left() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        let mut before = Vec::new();
        newer(&document, "", &mut before);
        assert!(!before.is_empty(), "the document has nothing that could be rewritten");
        let (mut found, document) = (Vec::new(), downgraded(document));
        newer(&document, "", &mut found);
        assert_eq!(found, Vec::<String>::new());
        let position = &document["components"]["schemas"]["Point"]["properties"]["coordinates"];
        assert_eq!(position["items"], json!({ "type": "number", "format": "double" }));
        assert_eq!((&position["minItems"], &position["maxItems"]), (&json!(2), &json!(3)));
    }
}
