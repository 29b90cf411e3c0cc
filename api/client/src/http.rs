//! The transport for servers and command lines: reqwest.

use std::error::Error;
use std::fmt::Write as _;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::Url;
use reqwest::redirect::Policy;

use super::transport::{Response, Transport, TransportError};

/// Longest body that is read. 128 places of at most 64 KB each fit.
const MAX_BODY_BYTES: usize = 16 << 20;

/// HTTP and HTTPS over connections that stay open. Clones share them.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    base: String,
}

impl HttpTransport {
    /// Requests to the API below a URL, by a client that is set up as usual but follows no redirects: a position is
    /// for the server that was named.
    ///
    /// ```
    /// use cellar_client::HttpTransport;
    ///
    /// assert!(HttpTransport::new("https://places.example").is_ok());
    /// assert!(HttpTransport::new("places.example").is_err());
    /// ```
    pub fn new(base: &str) -> Result<Self, TransportError> {
        let client = reqwest::Client::builder().redirect(Policy::none()).build();
        Self::with_client(base, client.map_err(|error| describe(&error))?)
    }

    /// The same by a client that is set up otherwise.
    pub fn with_client(base: &str, client: reqwest::Client) -> Result<Self, TransportError> {
        let url: Option<Url> = base.parse().ok();
        let usable = |url: &Url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        };
        if !url.as_ref().is_some_and(usable) {
            return Err(TransportError("expected a URL, such as http://localhost:8080".to_owned()));
        }
        Ok(Self { client, base: base.trim_end_matches('/').to_owned() })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        let sent = self.client.get(format!("{}{path}", self.base)).send().await;
        let mut answer = sent.map_err(|error| describe(&error.without_url()))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| describe(&error.without_url()))? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(TransportError(format!("the answer has more than {MAX_BODY_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: answer.status(), headers: answer.headers().clone(), body: Bytes::from(body) })
    }
}

/// An error and its causes, in one line.
fn describe(error: &reqwest::Error) -> TransportError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    TransportError(text)
}
