//! Search results as a FeatureCollection, written by splicing bytes.
//!
//! Invariant: a stored feature is never parsed or serialized again on its way out. A page keeps each as
//! `"id":…,"geometry":…,"properties":…}` so that members can be put before it.

use std::fmt;
use std::hint::black_box;
use std::io::Write as _;

use geo_index::tree::Hit;
use serde::Serialize;

use crate::place::FEATURE_START;

/// Media type of GeoJSON (RFC 7946).
pub const GEOJSON: &str = "application/geo+json";

/// Bytes beside the features: collection, links with a cursor.
const ENVELOPE_BYTES: usize = 1_024;
/// Bytes of a feature beside its tail.
const FEATURE_BYTES: usize = FEATURE_START.len() + r#""distance_m":123456.12345678901,,"#.len();

/// A link, as OGC API Features has it.
#[derive(Debug, Serialize)]
pub struct Link {
    href: String,
    rel: &'static str,
    r#type: &'static str,
}

impl Link {
    /// A link with a relation, a media type and a target.
    pub fn new(rel: &'static str, r#type: &'static str, href: impl Into<String>) -> Self {
        Self { href: href.into(), rel, r#type }
    }

    /// Links of a document to itself and to its page for people.
    pub fn of_forms(this: &str, r#type: &'static str) -> [Self; 2] {
        [Self::new("self", r#type, this), Self::new("alternate", "text/html", format!("{this}?f=html"))]
    }

    /// Links as the value of a header (RFC 8288).
    ///
    /// ```
    /// use cellar_model::features::Link;
    ///
    /// let links = [Link::new("self", "application/json", "/v1"), Link::new("data", "application/json", "/v1/collections")];
    /// let expected = "</v1>; rel=\"self\"; type=\"application/json\", </v1/collections>; rel=\"data\"; type=\"application/json\"";
    /// assert_eq!(Link::header(&links), expected);
    /// ```
    pub fn header(links: &[Self]) -> String {
        let mut text = String::new();
        for Self { href, rel, r#type } in links {
            let comma = if text.is_empty() { "" } else { ", " };
            let media_type = r#type.replace('"', "\\\"");
            // Writing to a string cannot fail.
            let _ = fmt::Write::write_fmt(
                &mut text,
                format_args!("{comma}<{href}>; rel=\"{rel}\"; type=\"{media_type}\""),
            );
        }
        text
    }

    /// Links of a page of features: itself, and the next one if there is one.
    pub fn of_page(this: String, next: Option<String>) -> Vec<Self> {
        let next = next.map(|href| Self::new("next", GEOJSON, href));
        std::iter::once(Self::new("self", GEOJSON, this)).chain(next).collect()
    }
}

/// The text of a FeatureCollection of hits.
pub fn write_collection(hits: &[Hit], links: &[Link]) -> Vec<u8> {
    write_page(hits, "", links)
}

/// The same with members of the collection: JSON, each followed by a comma.
pub fn write_page(hits: &[Hit], members: &str, links: &[Link]) -> Vec<u8> {
    let features: usize = hits.iter().map(|hit| prefetched(hit.payload()).len() + FEATURE_BYTES).sum();
    let mut out = Vec::with_capacity(ENVELOPE_BYTES + members.len() + features);
    let count = hits.len();
    // Writing to a vector cannot fail.
    let _ = write!(out, r#"{{"type":"FeatureCollection",{members}"numberReturned":{count},"links":"#);
    let _ = serde_json::to_writer(&mut out, links);
    out.extend_from_slice(br#","features":["#);
    for (index, hit) in hits.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(FEATURE_START.as_bytes());
        if let Some(distance) = hit.distance() {
            out.extend_from_slice(br#""distance_m":"#);
            let _ = serde_json::to_writer(&mut out, &distance.get());
            out.push(b',');
        }
        out.extend_from_slice(hit.payload());
    }
    out.extend_from_slice(b"]}");
    out
}

/// Bytes that a processor fetches from memory at a time.
const LINE_BYTES: usize = 64;

/// The same bytes, a look at each of whose lines is under way: places lie far apart in memory, and many are fetched side by
/// side while nobody waits for one of them.
fn prefetched(bytes: &[u8]) -> &[u8] {
    black_box(bytes.iter().step_by(LINE_BYTES).fold(0, |seen, byte| seen ^ byte));
    bytes
}
