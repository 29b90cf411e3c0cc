//! Search results as a FeatureCollection, written by splicing bytes.
//!
//! Invariant: a stored feature is never parsed or serialized again on its way out. A page keeps each as
//! `"id":…,"geometry":…,"properties":…}` so that members can be put before it. (One that has a property of the name that
//! is asked for has its properties read and written, each value as it is.)

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use geo_index::tree::Hit;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::place::FEATURE_START;
use crate::tail::properties_of;

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
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    post: Option<Post>,
}

/// How a link is followed that takes a POST, as in STAC API - Item Search.
#[derive(Debug, Serialize)]
struct Post {
    method: &'static str,
    body: PostBody,
    /// The body is merged into the one that was sent before.
    merge: bool,
}

#[derive(Debug, Serialize)]
struct PostBody {
    cursor: String,
}

impl Link {
    /// A link with a relation, a media type and a target.
    pub fn new(rel: &'static str, r#type: &'static str, href: impl Into<String>) -> Self {
        Self { href: href.into(), rel, r#type, post: None }
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
        for Self { href, rel, r#type, .. } in links {
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

    /// The link of a page of features that a POST has asked for: to the next one, if there is one.
    pub fn of_posted_page(path: &str, cursor: Option<&str>) -> Vec<Self> {
        let post =
            |cursor: &str| Post { method: "POST", body: PostBody { cursor: cursor.to_owned() }, merge: true };
        let next = cursor.map(|cursor| Self { post: Some(post(cursor)), ..Self::new("next", GEOJSON, path) });
        next.into_iter().collect()
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

/// Members that a search adds to the places that it finds.
pub trait Members: fmt::Debug + Send + Sync {
    /// Appends members of the feature of a hit: JSON, each followed by a comma.
    fn append(&self, out: &mut Vec<u8>, hit: &Hit);
}

/// What is told of each place.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Where it tells its distance, if it has one.
    pub distance_in: DistanceIn,
    /// Only these of its properties.
    pub fields: Option<Fields>,
    /// Members beside the distance.
    pub members: Option<Arc<dyn Members>>,
}

impl Form {
    fn append(&self, out: &mut Vec<u8>, hit: &Hit) {
        out.extend_from_slice(FEATURE_START.as_bytes());
        let start = out.len();
        if let Some(distance) = hit.distance() {
            // Writing to a vector cannot fail.
            out.extend_from_slice(br#""distance_m":"#);
            let _ = serde_json::to_writer(&mut *out, &distance.get());
            out.push(b',');
        }
        let in_properties = self.distance_in == DistanceIn::Properties && out.len() > start;
        let distance = if in_properties { out[start..out.len() - 1].to_vec() } else { Vec::new() };
        if let Some(members) = &self.members {
            members.append(out, hit);
        }
        let parts = properties_of(hit.payload()).filter(|_| self.fields.is_some() || in_properties);
        let Some((before, properties)) = parts else { return out.extend_from_slice(hit.payload()) };
        out.extend_from_slice(before);
        if let Some(fields) = &self.fields {
            fields.append(out, properties, &distance);
            out.push(b'}');
        } else {
            out.push(b'{');
            out.extend_from_slice(&distance);
            append_others(out, properties.get(1..).unwrap_or_default());
        }
    }
}

/// The text of a FeatureCollection of hits.
pub fn write_collection(hits: &[Hit], links: &[Link]) -> Vec<u8> {
    write_page(hits, "", links, &Form::default())
}

/// The same with members of the collection, JSON that is each followed by a comma, and features of a form.
pub fn write_page(hits: &[Hit], members: &str, links: &[Link], form: &Form) -> Vec<u8> {
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
        form.append(&mut out, hit);
    }
    out.extend_from_slice(b"]}");
    out
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
        append_others(&mut out, &properties[1..]);
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
