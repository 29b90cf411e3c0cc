//! `OpenStreetMap` in its binary format: nodes with tags, and ways with tags where the file has their positions. Each becomes a
//! Feature in a line of its own, as elements of the XML do.
//!
//! A way only names its nodes, and to know where all nodes of a country are takes gigabytes. `osmium add-locations-to-ways`
//! writes the positions into the ways; without them ways and relations are rejected, each by its id.

use std::io::{self, Read};

use osmpbf::{BlobDecode, BlobReader, Element};

use super::feed::Feed;
use super::members::text as json_string;

/// The elements of an input, one in every line.
pub(crate) fn lines(packed: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    let mut blobs = BlobReader::new(packed);
    Box::new(Feed::new(move |lines: &mut Vec<u8>| {
        let Some(blob) = blobs.next() else { return Ok(false) };
        match blob.and_then(|blob| Ok(decoded(blob.decode()?, lines))).map_err(|error| fault(&error))? {
            None => Ok(true),
            Some(feature) => Err(io::Error::other(feature)),
        }
    }))
}

fn fault(error: &osmpbf::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the PBF is damaged: {error}"))
}

/// Features of the header that change nothing of what is read here.
const KNOWN: [&str; 4] = ["OsmSchema-V0.6", "DenseNodes", "LocationsOnWays", "HistoricalInformation"];

/// Appends the elements of a part; says so if the file needs what is not known.
fn decoded(blob: BlobDecode<'_>, lines: &mut Vec<u8>) -> Option<String> {
    match blob {
        BlobDecode::OsmHeader(header) => {
            let unknown = header.required_features().iter().find(|name| !KNOWN.contains(&name.as_str()));
            return unknown.map(|name| format!("the PBF needs `{name}`, which is not read"));
        }
        BlobDecode::OsmData(block) => block.for_each_element(|element| {
            if let Some(line) = feature(&element) {
                lines.extend(line.into_bytes());
                lines.push(b'\n');
            }
        }),
        BlobDecode::Unknown(_) => {}
    }
    None
}

/// An element with tags as a Feature.
fn feature(element: &Element<'_>) -> Option<String> {
    let (kind, id, tags, geometry) = match element {
        Element::Node(node) => {
            ("node", node.id(), tags(node.tags()), point(node.nano_lon(), node.nano_lat()))
        }
        Element::DenseNode(node) => {
            ("node", node.id(), tags(node.tags()), point(node.nano_lon(), node.nano_lat()))
        }
        Element::Way(way) => {
            let at: Vec<String> =
                way.node_locations().map(|node| pair(node.nano_lon(), node.nano_lat())).collect();
            ("way", way.id(), tags(way.tags()), shape(&at))
        }
        Element::Relation(relation) => ("relation", relation.id(), tags(relation.tags()), "null".into()),
    };
    let tags = tags?;
    Some(format!(r#"{{"type":"Feature","id":"{kind}/{id}","geometry":{geometry},"properties":{tags}}}"#))
}

fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let members: Vec<String> =
        tags.map(|(key, value)| format!("{}:{}", json_string(key), json_string(value))).collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

fn point(lon: i64, lat: i64) -> String {
    format!(r#"{{"type":"Point","coordinates":{}}}"#, pair(lon, lat))
}

/// A way that ends where it begins is an area.
fn shape(at: &[String]) -> String {
    match at {
        [] => "null".into(),
        [first, .., last] if first == last && at.len() > 3 => {
            format!(r#"{{"type":"Polygon","coordinates":[[{}]]}}"#, at.join(","))
        }
        _ => format!(r#"{{"type":"LineString","coordinates":[{}]}}"#, at.join(",")),
    }
}

fn pair(lon: i64, lat: i64) -> String {
    format!("[{},{}]", degrees(lon), degrees(lat))
}

/// Billionths of a degree as decimals, exactly.
fn degrees(nano: i64) -> String {
    let (sign, size) = (if nano < 0 { "-" } else { "" }, nano.unsigned_abs());
    let text = format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_exact() {
        for (nano, expected) in
            [(48_856_600_000, "48.8566"), (-1_000_000, "-0.001"), (0, "0"), (-180_000_000_000, "-180")]
        {
            assert_eq!(degrees(nano), expected);
        }
    }
}
