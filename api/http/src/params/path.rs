//! What the path of a URL names: a collection that exists, a place.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use cellar_model::{Collection, KeyError, PlaceId};

use super::query::QueryText;
use crate::problem::{Kind, Problem};

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
