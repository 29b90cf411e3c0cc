//! Which problems an operation may answer with.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::problem::{Kind, MEDIA_TYPE};

/// Problems of searches.
#[derive(Debug)]
pub struct SearchProblems;
/// Problems of cell answers.
#[derive(Debug)]
pub struct CellProblems;
/// Problems of searches that are asked for in a body.
#[derive(Debug)]
pub struct SearchBodyProblems;
/// Problems of reading a place.
#[derive(Debug)]
pub struct PlaceProblems;
/// Problems of reading a collection.
#[derive(Debug)]
pub struct CollectionProblems;
/// Problems of writing.
#[derive(Debug)]
pub struct WriteProblems;
/// Problems of what depends on the store and nothing else.
#[derive(Debug)]
pub struct ProbeProblems;
/// Problems of documents in several forms.
#[derive(Debug)]
pub struct FormatProblems;
/// Problems of looking up what is fixed.
#[derive(Debug)]
pub struct LookupProblems;

/// Problems of reading changes.
#[derive(Debug)]
pub struct ChangesProblems;

impl IntoResponses for ChangesProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 410, 429, 500, 501, 503])
    }
}

impl IntoResponses for SearchProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 410, 422, 429, 500, 503])
    }
}

impl IntoResponses for CellProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 406, 410, 422, 429, 500, 503])
    }
}

impl IntoResponses for SearchBodyProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 406, 408, 410, 413, 415, 422, 429, 500, 503])
    }
}

impl IntoResponses for PlaceProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 410, 429, 500, 503])
    }
}

impl IntoResponses for CollectionProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 410, 429, 500, 503])
    }
}

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 500, 503])
    }
}

impl IntoResponses for ProbeProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 403, 500, 503])
    }
}

impl IntoResponses for FormatProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 406])
    }
}

impl IntoResponses for LookupProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 404])
    }
}

fn problems(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    statuses.iter().map(|&status| (status.to_string(), RefOr::T(response(status)))).collect()
}

fn response(status: u16) -> Response {
    let kinds: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| kind.status().as_u16() == status)
        .map(|kind| format!("`/problems/{}`", kind.slug()))
        .collect();
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(format!("{}: one of {}", reason.unwrap_or("Problem"), kinds.join(", ")))
        .content(MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}
