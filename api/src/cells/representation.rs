//! A cell answer as it is sent.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use geo_index::edge::CellUrl;
use geo_index::key::{ROOT_RESOLUTION, edge_tag};
use geo_index::{H3Cell, Meters, cover};
use xxhash_rust::xxh3::xxh3_128;

use super::body::CellBody;
use crate::config::EdgeConfig;
use crate::routes::answer::GEOJSON;

/// Tags of an answer, for CDNs (CloudFront among them) that forget by tag.
pub const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Bytes and headers of a cell answer.
pub struct Representation {
    body: Bytes,
    headers: HeaderMap,
    etag: String,
}

impl Representation {
    /// The answer of a URL.
    pub fn new(url: &CellUrl, body: &CellBody, config: &EdgeConfig) -> Self {
        let hash = xxh3_128(&body.json);
        let etag = format!("\"{hash:032x}\"");
        let mut headers = HeaderMap::with_capacity(16);
        let mut set = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, GEOJSON);
        set(header::CONTENT_LOCATION, &url.to_string());
        set(header::VARY, "accept-encoding");
        set(header::ETAG, &etag);
        set(header::CACHE_CONTROL, &cache_control(config));
        set(CACHE_TAG, &tags(url, body.extent).join(", "));
        Self { body: body.json.clone().into(), headers, etag }
    }

    /// Its bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its entity tag.
    pub fn etag(&self) -> &str {
        &self.etag
    }
}

fn cache_control(config: &EdgeConfig) -> String {
    format!(
        "public, max-age={}, s-maxage={}, stale-while-revalidate={}, stale-if-error={}",
        config.max_age.as_secs(),
        config.shared_max_age.as_secs(),
        config.stale_while_revalidate.as_secs(),
        config.stale_if_error.as_secs()
    )
}

/// A tag for each root below which there may be a place that has, or would have, a part in the answer.
pub fn tags(url: &CellUrl, extent: Meters) -> Vec<String> {
    let roots = cover::disc::<H3Cell>(url.cell.centre(), extent, ROOT_RESOLUTION);
    roots.into_iter().map(|root| edge_tag(&url.collection, root)).collect()
}
