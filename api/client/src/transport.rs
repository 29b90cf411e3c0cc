//! What carries requests: the one thing of a client that differs between a phone, a server and a test.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use thiserror::Error;

/// Sends a GET to the API, wherever that is.
#[async_trait]
pub trait Transport: Send + Sync {
    /// The answer for a path with its query: it begins with `/v1/`, or is `/openapi.json`. Redirects are not followed; any status is an
    /// answer. The future may be dropped at any time.
    async fn get(&self, path: &str) -> Result<Response, TransportError>;
}

/// An answer, whatever its status.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, without any content encoding.
    pub body: Bytes,
}

/// No answer came.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct TransportError(pub String);

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        (**self).get(path).await
    }
}
