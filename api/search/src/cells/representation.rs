//! A cell answer as it is sent: bytes in each coding, and headers that say how long they may be kept and what to forget
//! them by.
//!
//! Invariant: two answers have the same entity tag only if they are the same bytes, and whatever a header says follows
//! from the answer and the configuration alone.

use std::io;

use bytes::Bytes;
use cellar_model::canonical::CellUrl;
use cellar_model::features::GEOJSON;
use cellar_model::key::edge_tag;
use geo_index::edge::CacheCell;
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{H3Cell, Meters, cover};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::xxh3_128;

use super::body::CellBody;
use super::encoding::{Coding, Effort};
use super::lifetimes::Lifetimes;
use crate::cells::EdgeConfig;

/// Tags of an answer, for CDNs that forget by tag.
pub const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Headers of an answer, at most, those that every answer has included.
const HEADERS: usize = 16;

/// Bytes and headers of a cell answer.
#[derive(Debug)]
pub struct Representation {
    hash: u128,
    /// In the order of [`Coding::ALL`].
    etags: [HeaderValue; Coding::ALL.len()],
    identity: Bytes,
    brotli: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
    gzip: OnceCell<Bytes>,
    location: HeaderValue,
    tags: HeaderValue,
    lifetimes: Lifetimes,
}

impl Representation {
    /// The answer of a URL.
    pub fn new(url: &CellUrl, body: CellBody, config: &EdgeConfig) -> Self {
        let hash = xxh3_128(&body.json);
        Self {
            hash,
            etags: Coding::ALL
                .map(|coding| value(&format!("\"{hash:032x}{}\"", coding.etag_suffix(Effort::Kept)))),
            location: value(&url.to_string()),
            tags: value(&tags(url, body.extent).join(", ")),
            lifetimes: Lifetimes::new(config, hash),
            identity: body.json.into(),
            brotli: OnceCell::new(),
            zstd: OnceCell::new(),
            gzip: OnceCell::new(),
        }
    }

    /// Whether it is the same bytes under the same tags.
    pub fn is_same(&self, other: &Self) -> bool {
        self.hash == other.hash && self.tags == other.tags
    }

    /// Its entity tag in a coding.
    pub fn etag(&self, coding: Coding) -> &HeaderValue {
        &self.etags[coding as usize]
    }

    /// Its headers in a coding; `short_ttl` if it was made of pages that may be out of date.
    pub fn headers(&self, coding: Coding, short_ttl: bool) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(GEOJSON));
        headers.insert(header::CONTENT_LOCATION, self.location.clone());
        headers.insert(header::CACHE_CONTROL, self.lifetimes.cache_control(short_ttl));
        headers.insert(header::ETAG, self.etag(coding).clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CACHE_TAG, self.tags.clone());
        if coding != Coding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        headers
    }

    /// Its bytes in a coding, and whether they had to be made: once, on a thread where that holds up nobody else.
    pub async fn bytes(&self, coding: Coding) -> io::Result<(Bytes, bool)> {
        let encoded = match coding {
            Coding::Identity => return Ok((self.identity.clone(), false)),
            Coding::Brotli => &self.brotli,
            Coding::Zstd => &self.zstd,
            Coding::Gzip => &self.gzip,
        };
        if let Some(bytes) = encoded.get() {
            return Ok((bytes.clone(), false));
        }
        let mut made = false;
        let bytes = encoded.get_or_try_init(|| {
            made = true;
            let bytes = self.identity.clone();
            async move {
                let encoding = tokio::task::spawn_blocking(move || coding.encode(&bytes, Effort::Kept));
                encoding.await.map_err(io::Error::other)?.map(Bytes::from)
            }
        });
        let bytes = bytes.await?.clone();
        Ok((bytes, made))
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        let encoded = [&self.brotli, &self.zstd, &self.gzip].map(|bytes| bytes.get().map_or(0, Bytes::len));
        let headers =
            self.location.len() + self.tags.len() + self.etags.iter().map(HeaderValue::len).sum::<usize>();
        size_of::<Self>() + self.identity.len() + encoded.iter().sum::<usize>() + headers
    }
}

/// Texts that come here are ASCII without control characters.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A tag for each root below which there may be a place that has, or would have, a part in the answer.
pub fn tags(url: &CellUrl, extent: Meters) -> Vec<String> {
    roots(url.cell, extent).into_iter().map(|root| edge_tag(&url.collection, root)).collect()
}

/// The roots below which there may be a place that has, or would have, a part in a cell's answer.
pub fn roots(cell: CacheCell, extent: Meters) -> Vec<H3Cell> {
    cover::disc::<H3Cell>(cell.centre(), extent, ROOT_RESOLUTION)
}
