//! Answers as they are sent.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use cellar_model::features::{DistanceIn, GEOJSON, Link, write_distances, write_page};
use geo_index::tree::Hit;
use serde::Serialize;

/// A FeatureCollection of hits.
pub(super) fn feature_collection(hits: &[Hit], links: &[Link], distance_in: DistanceIn) -> Response {
    ([(header::CONTENT_TYPE, GEOJSON)], write_distances(hits, links, distance_in)).into_response()
}

/// The same with members of the collection: JSON, each followed by a comma.
pub(super) fn feature_page(hits: &[Hit], members: &str, links: &[Link]) -> Response {
    ([(header::CONTENT_TYPE, GEOJSON)], write_page(hits, members, links)).into_response()
}

/// A document as JSON.
pub(super) fn json(document: &impl Serialize) -> Response {
    let text = serde_json::to_vec(document).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
