//! The OpenAPI document, generated from what stands beside the handlers.
//!
//! A test compares it with the router, and sends its examples to one.

pub mod parameters;
mod problems;
pub mod schemas;

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

pub use self::parameters::{
    CategoryParameter, CellParameter, CollectionParameter, IdParameter, PageParameters,
};
pub use self::problems::{
    CellProblems, CollectionProblems, LookupProblems, PlaceProblems, ProbeProblems, SearchProblems,
    WriteProblems,
};
pub use self::schemas::{
    CellCollection, CollectionDocument, CollectionList, Depth, Feature, FeatureBatch, FeatureCollection,
    FeatureInput, Landing, Mode, NearbyCollection,
};
use super::{batch, cells, collections, edge_map, health, item, items, nearby, ping, problems as kinds};

/// The document.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Cellar",
        description = "Exact nearby search over collections of places. Positions are WGS 84 degrees, distances are metres on a sphere of radius 6,371,008.8 m. Errors are problems (RFC 9457).",
    ),
    paths(
        health::landing,
        health::live,
        health::ready,
        ping::health,
        health::metrics,
        kinds::list,
        kinds::get,
        openapi_json,
        collections::list,
        collections::get,
        collections::put,
        nearby::nearby,
        cells::nearby,
        edge_map::get,
        items::items,
        batch::post,
        item::get,
        item::put,
        item::delete,
    ),
    components(schemas(schemas::Problem)),
    modifiers(&WriteTokenScheme),
    tags(
        (name = "search", description = "Finding places"),
        (name = "places", description = "Reading and writing places by id"),
        (name = "collections", description = "Sets of places"),
        (name = "service", description = "About the server"),
    ),
)]
pub struct Document;

struct WriteTokenScheme;

impl Modify for WriteTokenScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The server's CELLAR_WRITE_TOKEN; a local server may take writes without."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("write_token", SecurityScheme::Http(scheme));
    }
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "The document", body = Object, content_type = "application/json")))]
pub async fn openapi_json() -> Response {
    static JSON: OnceLock<Bytes> = OnceLock::new();
    let json = JSON.get_or_init(|| serde_json::to_vec(&Document::openapi()).unwrap_or_default().into());
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, json.clone()).into_response()
}
