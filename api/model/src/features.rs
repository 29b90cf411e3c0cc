//! Search results as a FeatureCollection, written by splicing bytes.
//!
//! Invariant: a stored feature is never parsed or serialized again on its way out. A page keeps each as
//! `"id":…,"geometry":…,"properties":…}` so that members can be put before it. (One that has a property of the name that
//! is asked for has its properties read and written, each value as it is.)

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::io::Write as _;

use geo_index::tree::Hit;
use serde::Serialize;
use serde_json::value::RawValue;

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

/// Where a feature tells its distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DistanceIn {
    /// In a member of its own beside the others (a foreign member: RFC 7946, section 6.1).
    #[default]
    Member,
    /// In its properties as well, where clients look that know nothing of foreign members.
    Properties,
}

/// The text of a FeatureCollection of hits.
pub fn write_collection(hits: &[Hit], links: &[Link]) -> Vec<u8> {
    write(hits, "", links, DistanceIn::Member)
}

/// The same, with the distances where they are asked for.
pub fn write_distances(hits: &[Hit], links: &[Link], distance_in: DistanceIn) -> Vec<u8> {
    write(hits, "", links, distance_in)
}

/// The same with members of the collection: JSON, each followed by a comma.
pub fn write_page(hits: &[Hit], members: &str, links: &[Link]) -> Vec<u8> {
    write(hits, members, links, DistanceIn::Member)
}

fn write(hits: &[Hit], members: &str, links: &[Link], distance_in: DistanceIn) -> Vec<u8> {
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
        let Some(distance) = hit.distance() else {
            out.extend_from_slice(hit.payload());
            continue;
        };
        let start = out.len();
        out.extend_from_slice(br#""distance_m":"#);
        let _ = serde_json::to_writer(&mut out, &distance.get());
        let end = out.len();
        out.push(b',');
        match properties_of(hit.payload()).filter(|_| distance_in == DistanceIn::Properties) {
            None => out.extend_from_slice(hit.payload()),
            Some((before, properties)) => {
                out.extend_from_slice(before);
                out.push(b'{');
                out.extend_from_within(start..end);
                append_others(&mut out, properties);
            }
        }
    }
    out.extend_from_slice(b"]}");
    out
}

/// A payload up to its properties, and what follows their opening brace. Within a text the quotes would be escaped, so what
/// is found is the member.
fn properties_of(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    const MEMBER: &[u8] = br#""properties":"#;
    let at = payload.windows(MEMBER.len()).position(|window| window == MEMBER)? + MEMBER.len();
    let (before, properties) = payload.split_at(at);
    Some((before, properties.strip_prefix(b"{")?))
}

/// Appends the other properties, and the ends of them and of the feature.
fn append_others(out: &mut Vec<u8>, properties: &[u8]) {
    const OWN: &[u8] = br#""distance_m""#;
    let is_empty = properties.trim_ascii_start().starts_with(b"}");
    if !is_empty {
        out.push(b',');
    }
    // Escaped, the name is not found and stands there twice: what reads it takes one of them.
    if !is_empty && properties.windows(OWN.len()).any(|window| window == OWN) {
        let whole = [b"{", &properties[..properties.len().saturating_sub(1)]].concat();
        if let Ok(mut others) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(&whole) {
            others.remove("distance_m");
            let text = serde_json::to_vec(&others).unwrap_or_default();
            if others.is_empty() {
                out.pop();
            }
            out.extend_from_slice(text.strip_prefix(b"{").unwrap_or_default());
            out.push(b'}');
            return;
        }
    }
    out.extend_from_slice(properties);
}

/// Bytes that a processor fetches from memory at a time.
const LINE_BYTES: usize = 64;

/// The same bytes, a look at each of whose lines is under way: places lie far apart in memory, and many are fetched side by
/// side while nobody waits for one of them.
fn prefetched(bytes: &[u8]) -> &[u8] {
    black_box(bytes.iter().step_by(LINE_BYTES).fold(0, |seen, byte| seen ^ byte));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_distance(payload: &str) -> String {
        let (before, properties) = properties_of(payload.as_bytes()).unwrap();
        let mut out = [before, br#"{"distance_m":1.5"#].concat();
        append_others(&mut out, properties);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_distance_is_the_first_property() {
        for (properties, expected) in [
            ("{}", r#"{"distance_m":1.5}"#),
            (r#"{"a":1,"b":{"c":[]}}"#, r#"{"distance_m":1.5,"a":1,"b":{"c":[]}}"#),
            // Of the same name: the search's counts, and the others stay as they are, digit by digit.
            (r#"{"distance_m":9,"z":1.50,"a":1e400}"#, r#"{"distance_m":1.5,"a":1e400,"z":1.50}"#),
            (r#"{"distance_m":"far"}"#, r#"{"distance_m":1.5}"#),
            // Not of the same name.
            (r#"{"a":"distance_m"}"#, r#"{"distance_m":1.5,"a":"distance_m"}"#),
        ] {
            let payload = format!(r#""id":"\"properties\":{{","geometry":{{}},"properties":{properties}}}"#);
            let text = with_distance(&payload);
            assert_eq!(
                text,
                format!(r#""id":"\"properties\":{{","geometry":{{}},"properties":{expected}}}"#)
            );
        }
    }
}
