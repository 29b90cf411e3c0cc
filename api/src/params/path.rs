//! What the path of a URL names: a collection that exists, a place.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use geo_index::{Collection, KeyError, PlaceId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::query::QueryText;
use crate::problem::{Kind, Problem};

/// What a path segment needs no escape for, besides letters and digits (RFC 3986, "unreserved").
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The segment `{collection}`, well formed; whether it exists is another question.
#[derive(Clone, Debug)]
pub struct CollectionPath(pub Collection);

/// The segments `{collection}` and `{id}`.
#[derive(Clone, Debug)]
pub struct PlacePath {
    /// Collection of the place.
    pub collection: Collection,
    /// Its id.
    pub id: PlaceId,
}

/// That there is no query string, for resources that take none.
#[derive(Clone, Copy, Debug)]
pub struct NoQuery;

/// A text as one segment of a path.
///
/// ```
/// assert_eq!(cellar_api::params::escape_segment("château/7#a"), "ch%C3%A2teau%2F7%23a");
/// ```
pub fn escape_segment(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

impl<S: Send + Sync> FromRequestParts<S> for CollectionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segment(parts, state, "collection").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PlacePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let collection = segment(parts, state, "collection").await?;
        Ok(Self { collection, id: segment(parts, state, "id").await? })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        QueryText::parse(parts.uri.query(), &[]).map(|_| Self)
    }
}

async fn segment<T, S>(parts: &mut Parts, state: &S, name: &'static str) -> Result<T, Problem>
where
    T: FromStr<Err = KeyError>,
    S: Send + Sync,
{
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Problem::new(Kind::QueryMalformed, "the path is not percent-encoded UTF-8"))?;
    let text = params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    text.parse().map_err(|error| Problem::path_segment(name, &error))
}
