//! Where clients begin: what there is, and which parts of OGC API - Features 1.0
//! (<https://docs.ogc.org/is/17-069r4/17-069r4.html>) it keeps to.

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::{Redirect, Response};
use cellar_model::features::Link;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{json, negotiated};
use super::{explorer, html, openapi_3_0};
use crate::base::Base;
use crate::description::{FormatParameter, FormatProblems, Landing};
use crate::params::Format;
use crate::paths;
use crate::problem::Problem;

/// Conformance classes that are kept.
const CLASSES: [&str; 4] = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
];

const DESCRIPTION: &str = "Exact nearby search";

#[derive(Serialize)]
struct LandingDocument<'a> {
    title: &'static str,
    description: &'static str,
    links: &'a [Link],
}

/// Which standards are kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conformance {
    /// Addresses of conformance classes.
    #[serde(rename = "conformsTo")]
    conforms_to: [&'static str; 4],
}

/// What there is
///
/// For browsers, which ask for HTML, it is the explorer. A shared cache keeps neither: not every one heeds `Vary`.
#[utoipa::path(get, path = "/", tag = "service", operation_id = "landing", params(FormatParameter),
    responses((status = 200, description = "Links", content((Landing = "application/json"), (String = "text/html"))), FormatProblems))]
pub async fn landing(base: Base, RawQuery(raw): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    let is_named = Format::of_any(raw.as_deref(), &HeaderMap::new())? == Format::Html;
    if is_named || Format::of_any(raw.as_deref(), &headers)? == Format::Json {
        return page_or_links(&base, paths::LANDING, raw.as_deref(), &headers).await;
    }
    let mut response = explorer::page(&headers).await?;
    negotiated(&mut response, &links(&base, paths::LANDING));
    Ok(response)
}

/// What there is, where the API begins
///
/// The same as at `/`, of which browsers get a page with links.
#[utoipa::path(get, path = "/v1", tag = "service", operation_id = "apiLanding", params(FormatParameter),
    responses((status = 200, description = "Links", body = Landing), FormatProblems))]
pub async fn api(base: Base, RawQuery(raw): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    page_or_links(&base, paths::API, raw.as_deref(), &headers).await
}

/// The same as at `/v1`, for clients that add a slash. It is not in the OpenAPI document: nobody else needs to know of it.
pub async fn api_slash(base: Base, RawQuery(raw): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    page_or_links(&base, paths::API, raw.as_deref(), &headers).await
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
/// OGC API - Features 1.0: the core, OpenAPI 3.0, GeoJSON and HTML.
#[utoipa::path(get, path = "/conformance", tag = "service", operation_id = "conformance", params(FormatParameter),
    responses((status = 200, description = "Conformance classes", body = Conformance), FormatProblems))]
pub async fn conformance(
    base: Base,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = Format::of_any(raw.as_deref(), &headers)?;
    let mut response = match format {
        Format::Html => html::answer(&headers, html::conformance(&base, &CLASSES)).await?,
        Format::Json => json(&Conformance { conforms_to: CLASSES }),
    };
    negotiated(&mut response, &Link::of_forms(&base.address(paths::CONFORMANCE), "application/json"));
    Ok(response)
}

/// Which standards are kept, below the API
///
/// The same as at `/conformance`.
#[utoipa::path(get, path = "/v1/conformance", tag = "service", operation_id = "apiConformance", params(FormatParameter),
    responses((status = 200, description = "Conformance classes", body = Conformance), FormatProblems))]
pub async fn api_conformance(base: Base, raw: RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    conformance(base, raw, headers).await
}

async fn page_or_links(
    base: &Base,
    path: &str,
    raw: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let links = links(base, path);
    let mut response = match Format::of_any(raw, headers)? {
        Format::Html => html::answer(headers, html::landing(base, path, DESCRIPTION)).await?,
        Format::Json => json(&LandingDocument { title: "Cellar", description: DESCRIPTION, links: &links }),
    };
    negotiated(&mut response, &links);
    Ok(response)
}

fn links(base: &Base, path: &str) -> [Link; 8] {
    let link = |rel, media_type, path: &str| Link::new(rel, media_type, base.address(path));
    let [this, page] = Link::of_forms(&base.address(path), "application/json");
    [
        this,
        link("service-desc", openapi_3_0::MEDIA_TYPE, paths::OPENAPI_3_0),
        link("service-desc", "application/vnd.oai.openapi+json;version=3.1", paths::OPENAPI),
        link("conformance", "application/json", paths::CONFORMANCE),
        link("data", "application/json", paths::COLLECTIONS),
        link("health", "application/json", paths::HEALTH),
        page,
        link("alternate", "text/html", paths::EXPLORER),
    ]
}
