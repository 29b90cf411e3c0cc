//! Answers as they are sent.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use cellar_model::features::{Form, GEOJSON, Link, write_page};
use geo_index::tree::Hit;
use serde::Serialize;

/// A FeatureCollection of hits in a form, with members of the collection: JSON, each followed by a comma.
pub(super) fn feature_page(hits: &[Hit], members: &str, links: &[Link], form: &Form) -> Response {
    ([(header::CONTENT_TYPE, GEOJSON)], write_page(hits, members, links, form)).into_response()
}

/// Says in headers what an answer links to, and that it depends on `Accept`.
pub(super) fn negotiated(response: &mut Response, links: &[Link]) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_name(header::ACCEPT));
    // Addresses that no header can hold are in the document alone.
    headers.extend(HeaderValue::try_from(Link::header(links)).ok().map(|links| (header::LINK, links)));
}

/// A document as JSON.
pub(super) fn json(document: &impl Serialize) -> Response {
    let text = serde_json::to_vec(document).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
