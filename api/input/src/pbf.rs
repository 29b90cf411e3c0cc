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
    fn varint(mut number: u64, out: &mut Vec<u8>) {
        while number > 127 {
            out.push(number as u8 | 128);
            number >>= 7;
        }
        out.push(number as u8);
    }

    /// A field of bytes of a message (<https://protobuf.dev/programming-guides/encoding/>).
    fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        varint(number << 3 | 2, &mut out);
        varint(bytes.len() as u64, &mut out);
        out.extend(bytes);
        out
    }

    /// A field of numbers, packed; signed ones are the differences of each to the one before, in zigzag.
    fn packed(number: u64, values: &[i64], signed: bool) -> Vec<u8> {
        let (mut bytes, mut before) = (Vec::new(), 0);
        for value in values {
            let step = value - before;
            varint(if signed { (step << 1 ^ step >> 63) as u64 } else { *value as u64 }, &mut bytes);
            before = if signed { *value } else { 0 };
        }
        field(number, &bytes)
    }

    fn blob(kind: &str, message: &[u8]) -> Vec<u8> {
        let raw = field(1, message);
        let mut header = field(1, kind.as_bytes());
        varint(3 << 3, &mut header);
        varint(raw.len() as u64, &mut header);
        [&(header.len() as u32).to_be_bytes(), header.as_slice(), &raw].concat()
    }

    /// A way whose nodes are at these latitudes and longitudes, in units of 100 nanodegrees.
    fn way(id: u64, lats: &[i64], lons: &[i64]) -> Vec<u8> {
        let refs: Vec<i64> = (1..=lats.len() as i64).collect();
        let mut way = Vec::new();
        varint(1 << 3, &mut way);
        varint(id, &mut way);
        way.extend([packed(2, &[1], false), packed(3, &[2], false), packed(8, &refs, true)].concat());
        if !lons.is_empty() {
            way.extend([packed(9, lats, true), packed(10, lons, true)].concat());
        }
        field(3, &way)
    }

    fn file(required: &str, ways: &[Vec<u8>]) -> Vec<u8> {
        let texts = ["", "name", "Canal"].map(|text| field(1, text.as_bytes())).concat();
        let block = [field(1, &texts), field(2, &ways.concat())].concat();
        [blob("OSMHeader", &field(4, required.as_bytes())), blob("OSMData", &block)].concat()
    }

    fn read(file: Vec<u8>) -> io::Result<Vec<String>> {
        let mut text = String::new();
        lines(Box::new(io::Cursor::new(file))).read_to_string(&mut text)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    #[test]
    fn ways_are_lines_and_areas_where_the_file_has_positions() {
        let (lats, lons) = ([488_566_000, 488_566_001, -10, 488_566_000], [23_522_000, 0, 1, 23_522_000]);
        let ways = [way(7, &lats[..3], &lons[..3]), way(8, &lats, &lons), way(9, &[1, 2], &[])];
        let line = |id: u64, geometry: &str| {
            let tags = r#""properties":{"name":"Canal"}"#;
            format!(r#"{{"type":"Feature","id":"way/{id}","geometry":{geometry},{tags}}}"#)
        };
        let nodes = "[2.3522,48.8566],[0,48.8566001],[0.0000001,-0.000001]";
        let expected = [
            line(7, &format!(r#"{{"type":"LineString","coordinates":[{nodes}]}}"#)),
            line(8, &format!(r#"{{"type":"Polygon","coordinates":[[{nodes},[2.3522,48.8566]]]}}"#)),
            line(9, "null"),
        ];
        assert_eq!(read(file("LocationsOnWays", &ways)).unwrap(), expected);
    }

    #[test]
    fn what_is_not_known_or_damaged_is_an_error() {
        let unknown = read(file("Tomorrow", &[])).unwrap_err();
        assert!(unknown.to_string().contains("`Tomorrow`"), "{unknown}");
        let whole = file("OsmSchema-V0.6", &[way(7, &[1, 2], &[3, 4])]);
        let cut = read(whole[..whole.len() - 3].to_vec()).unwrap_err();
        assert!(cut.to_string().contains("damaged"), "{cut}");
    }
}
