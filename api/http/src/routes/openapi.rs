//! The OpenAPI document, generated from what stands beside the handlers.
//!
//! A test compares it with the router, and sends its examples to one.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::openapi_3_0::{MEDIA_TYPE, downgraded};
use super::{
    batch, categories, cells, collections, edge_map, explorer, health, imports, item, items, landing, nearby,
    pages, ping, problems as kinds,
};
use crate::config::ApiConfig;
use crate::description;
use crate::state::AppState;

/// The scheme of keys; handlers name it.
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
        landing::api_slash,
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
        cells::nearby,
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
    modifiers(&ApiKeyScheme),
    tags(
        (name = "search", description = "Finding places"),
        (name = "places", description = "Reading and writing places by id"),
        (name = "collections", description = "Sets of places"),
        (name = "imports", description = "Storing files that are too large for a request"),
        (name = "service", description = "About the server"),
    ),
)]
pub struct Document;

struct ApiKeyScheme;

impl Modify for ApiKeyScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key with a scope that includes what is asked for (`cellar key`), or the server's CELLAR_WRITE_TOKEN. A local server may take writes without, and reads take none unless the server is set to that."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(API_KEY, SecurityScheme::Http(scheme));
        let reads = document
            .paths
            .paths
            .iter_mut()
            .filter(|(path, _)| path.starts_with("/v1/") && !path.contains("/imports"));
        for operation in reads.filter_map(|(_, item)| item.get.as_mut()) {
            let key = SecurityRequirement::new(API_KEY, Vec::<String>::new());
            operation.security = Some(vec![SecurityRequirement::default(), key]);
        }
    }
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "The document", body = Object, content_type = "application/json")))]
pub async fn openapi_json(State(state): State<AppState>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, texts(&state.config).newer).into_response()
}

/// This document, as OpenAPI 3.0
///
/// For clients that do not read 3.1, such as those of OGC API - Features.
#[utoipa::path(get, path = "/openapi-3.0.json", tag = "service", operation_id = "openapi30",
    responses((status = 200, description = "The document", body = Object,
        content_type = "application/vnd.oai.openapi+json")))]
pub async fn openapi_3_0_json(State(state): State<AppState>) -> Response {
    let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, texts(&state.config).older).into_response()
}

/// The document of a server, in both versions.
#[derive(Clone)]
struct Texts {
    newer: Bytes,
    older: Bytes,
}

/// The document of a server with these limits. A process has one configuration, so the last document is kept.
fn texts(config: &ApiConfig) -> Texts {
    static LAST: Mutex<Option<(ApiConfig, Texts)>> = Mutex::new(None);
    let mut last = LAST.lock();
    if let Some((of, texts)) = &*last
        && of == config
    {
        return texts.clone();
    }
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    if let Some(url) = &config.public_url {
        document["servers"] = serde_json::json!([{ "url": url }]);
    }
    let document = with_limits(document, config);
    let newer = Bytes::from(document.to_string());
    let texts = Texts { newer, older: Bytes::from(downgraded(document).to_string()) };
    *last = Some((config.clone(), texts.clone()));
    texts
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
    use serde_json::json;

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
        assert_eq!(position["items"], json!({ "type": "number" }));
        assert_eq!((&position["minItems"], &position["maxItems"]), (&json!(2), &json!(3)));
    }
}
