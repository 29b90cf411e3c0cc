//! Answers as they are sent.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use cellar_model::features::{Form, GEOJSON, Link, write_page};
use geo_index::tree::Hit;
use serde::Serialize;

use crate::problem::{Kind, Problem};

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
    match encoded(document) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The bytes of a document. One that cannot be written is a problem, not an empty answer.
pub(super) fn encoded(document: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(document).map_err(|error| {
        Problem::new(Kind::Internal, "the answer could not be written").internal(error.to_string())
    })
}
