//! Where clients begin: what there is, and which parts of OGC API - Features 1.0
//! (<https://docs.ogc.org/is/17-069r4/17-069r4.html>) it keeps to.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Redirect, Response};
use cellar_model::features::Link;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use super::explorer;
use super::openapi_3_0;
use crate::base::Base;
use crate::description::Landing;
use crate::paths;

/// Conformance classes that are kept.
const CLASSES: [&str; 3] = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
];

#[derive(Serialize)]
struct LandingDocument {
    title: &'static str,
    description: &'static str,
    links: [Link; 7],
}

/// Which standards are kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conformance {
    /// Addresses of conformance classes.
    #[serde(rename = "conformsTo")]
    conforms_to: [&'static str; 3],
}

/// What there is
///
/// For browsers, which ask for HTML, it is the explorer. A shared cache keeps neither: not every one heeds `Vary`.
#[utoipa::path(get, path = "/", tag = "service", operation_id = "landing",
    responses((status = 200, description = "Links", content((Landing = "application/json"), (String = "text/html")))))]
pub async fn landing(base: Base, headers: HeaderMap) -> Response {
    for_both(&base, &headers, paths::LANDING)
}

/// What there is, where the API begins
///
/// The same as at `/`.
#[utoipa::path(get, path = "/v1", tag = "service", operation_id = "apiLanding",
    responses((status = 200, description = "Links", content((Landing = "application/json"), (String = "text/html")))))]
pub async fn api(base: Base, headers: HeaderMap) -> Response {
    for_both(&base, &headers, paths::API)
}

/// What there is, for clients that add a slash
///
/// The same as at `/`.
#[utoipa::path(get, path = "/v1/", tag = "service", operation_id = "apiLandingSlash",
    responses((status = 200, description = "Links", content((Landing = "application/json"), (String = "text/html")))))]
pub async fn api_slash(base: Base, headers: HeaderMap) -> Response {
    for_both(&base, &headers, paths::API)
}

/// Where the collections are
///
/// For clients that do not read the landing page, but look for the collections below the address that they were given.
#[utoipa::path(get, path = "/collections", tag = "service", operation_id = "collectionsAtRoot",
    responses((status = 307, description = "They are at `/v1/collections`",
        headers(("location" = String, description = "There")))))]
pub async fn collections(base: Base) -> Redirect {
    Redirect::temporary(&base.address(paths::COLLECTIONS))
}

/// Which standards are kept
///
/// OGC API - Features 1.0: the core, OpenAPI 3.0 and GeoJSON.
#[utoipa::path(get, path = "/conformance", tag = "service", operation_id = "conformance",
    responses((status = 200, description = "Conformance classes", body = Conformance)))]
pub async fn conformance() -> Response {
    json(&Conformance { conforms_to: CLASSES })
}

/// Which standards are kept, below the API
///
/// The same as at `/conformance`.
#[utoipa::path(get, path = "/v1/conformance", tag = "service", operation_id = "apiConformance",
    responses((status = 200, description = "Conformance classes", body = Conformance)))]
pub async fn api_conformance() -> Response {
    conformance().await
}

fn for_both(base: &Base, headers: &HeaderMap, path: &str) -> Response {
    let mut response = if explorer::is_wanted(headers) { explorer::page(headers) } else { links(base, path) };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn links(base: &Base, path: &str) -> Response {
    let link = |rel, media_type, path: &str| Link::new(rel, media_type, base.address(path));
    json(&LandingDocument {
        title: "Cellar",
        description: "Exact nearby search",
        links: [
            link("self", "application/json", path),
            link("service-desc", openapi_3_0::MEDIA_TYPE, paths::OPENAPI_3_0),
            link("service-desc", "application/vnd.oai.openapi+json;version=3.1", paths::OPENAPI),
            link("conformance", "application/json", paths::CONFORMANCE),
            link("data", "application/json", paths::COLLECTIONS),
            link("health", "application/json", paths::HEALTH),
            link("alternate", "text/html", paths::EXPLORER),
        ],
    })
}
