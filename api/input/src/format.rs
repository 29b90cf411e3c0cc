//! Which format an input is in: by its name, else by how it begins.

use serde::{Deserialize, Serialize};

use super::frame::{RECORD_SEPARATOR, ValueScan};
use super::items;

/// Formats of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Values separated by commas or anything else.
    Csv,
    /// A GeoJSON FeatureCollection.
    Geojson,
    /// A GeoJSON Feature or any object in every line.
    #[value(alias = "jsonl")]
    Ndjson,
    /// A GeoJSON text sequence (RFC 8142).
    Geojsonseq,
    /// Any JSON document with an array of objects or Features in it, or objects by their ids.
    Json,
    /// An export of DynamoDB to S3: an item of the table in every line.
    DynamodbJson,
    /// Placemarks of KML.
    Kml,
    /// Waypoints of GPX.
    Gpx,
    /// Nodes of OpenStreetMap with tags, in XML; also Overpass.
    Osm,
    /// Parquet and `GeoParquet`.
    Parquet,
    /// The binary format of OpenStreetMap.
    Pbf,
}

impl Format {
    /// How a message calls it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Geojson => "a GeoJSON FeatureCollection",
            Self::Ndjson => "JSON lines",
            Self::Geojsonseq => "a GeoJSON text sequence",
            Self::Json => "JSON",
            Self::DynamodbJson => "an export of DynamoDB",
            Self::Kml => "KML",
            Self::Gpx => "GPX",
            Self::Osm => "OpenStreetMap XML",
            Self::Parquet => "Parquet",
            Self::Pbf => "OpenStreetMap PBF",
        }
    }

    /// Whether it is XML.
    pub(crate) const fn is_xml(self) -> bool {
        matches!(self, Self::Kml | Self::Gpx | Self::Osm)
    }

    /// Whether it is no text; its magic number tells.
    pub(crate) const fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Pbf)
    }

    /// Decides; `name` is that of the file, if it has one.
    ///
    /// Many files named `.json` or `.geojson` hold a feature in every line, so JSON of any name is looked at.
    pub(crate) fn guess(name: &str, beginning: &[u8]) -> Self {
        let name = name.to_ascii_lowercase();
        let packed = [".gz", ".zst", ".bz2", ".xz", ".zip"];
        let name = packed.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv" | "tsv" | "tab") => Self::Csv,
            Some("ndjson" | "jsonl" | "ldjson" | "geojsonl" | "ldgeojson") if !begins_sequence(beginning) => {
                Self::Ndjson
            }
            Some("json" | "geojson") => Self::sniff(beginning).unwrap_or(Self::Geojson),
            Some("geojsons" | "geojsonseq") => Self::sniff(beginning).unwrap_or(Self::Geojsonseq),
            Some("kml") => Self::Kml,
            Some("gpx") => Self::Gpx,
            Some("osm") => Self::Osm,
            _ => Self::sniff(beginning).unwrap_or(Self::Csv),
        }
    }

    /// A format that the beginning shows.
    fn sniff(beginning: &[u8]) -> Option<Self> {
        let text = beginning.trim_ascii_start();
        match text.first() {
            Some(&RECORD_SEPARATOR) => Some(Self::Geojsonseq),
            Some(b'{' | b'[') if first_line_is_a_feature(text) => Some(Self::Ndjson),
            Some(b'{') if items::is_line(first_line(text)) => Some(Self::DynamodbJson),
            Some(b'{') if lines_are_objects(text) => Some(Self::Ndjson),
            Some(b'{') if has_features_at_the_top(text) => Some(Self::Geojson),
            Some(b'{' | b'[') => Some(Self::Json),
            Some(b'<') => xml(text),
            _ => None,
        }
    }
}

fn begins_sequence(beginning: &[u8]) -> bool {
    beginning.trim_ascii_start().first() == Some(&RECORD_SEPARATOR)
}

/// By the name of the root element.
fn xml(text: &[u8]) -> Option<Format> {
    let text = String::from_utf8_lossy(&text[..text.len().min(4096)]).into_owned();
    let root = text.split('<').find(|part| part.starts_with(|c: char| c.is_alphabetic()))?;
    let name = root.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next()?;
    match name.rsplit(':').next()? {
        "kml" => Some(Format::Kml),
        "gpx" => Some(Format::Gpx),
        "osm" => Some(Format::Osm),
        _ => None,
    }
}

/// Whether the first line is a whole object and the next, if there is one, begins another.
fn lines_are_objects(text: &[u8]) -> bool {
    let mut lines = text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let whole = |line: &[u8]| ValueScan::default().find_end(line) == Some(line.len());
    lines.next().is_some_and(whole) && lines.next().is_some_and(|next| next.starts_with(b"{"))
}

/// Whether this is a FeatureCollection, as far as the beginning tells; its type may come last.
fn has_features_at_the_top(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped, mut start) = (0_usize, false, false, 0);
    for (i, &byte) in text.iter().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            if !in_string && depth == 1 {
                let after = text[i + 1..].trim_ascii_start();
                let text = &text[start..i];
                if text == b"features" && after.first() == Some(&b':')
                    || text == b"FeatureCollection"
                    || text == b"Feature"
                    || text == b"Topology"
                {
                    return true;
                }
            }
            continue;
        }
        match byte {
            b'"' => (in_string, start) = (true, i + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn first_line_is_a_feature(text: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice(first_line(text)).is_ok_and(|Typed { kind }| kind == "Feature")
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&b| b == b'\n').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_where_they_can() {
        for (name, format) in [
            ("a.csv", Format::Csv),
            ("A.CSV.GZ", Format::Csv),
            ("a.ndjson", Format::Ndjson),
            ("a.jsonl.gz", Format::Ndjson),
        ] {
            assert_eq!(Format::guess(name, b"{"), format, "{name}");
        }
    }

    #[test]
    fn the_beginning_decides_otherwise() {
        let collection = b"\n {\"type\": \"FeatureCollection\", \"features\": []}";
        let feature = b"{\"geometry\": null, \"type\": \"Feature\"}\n{";
        for name in ["-", "a.json", "a.geojson", "a.json.gz", "a"] {
            assert_eq!(Format::guess(name, collection), Format::Geojson, "{name}");
            assert_eq!(Format::guess(name, b"{\n \"type\": \"Feature\"}"), Format::Geojson, "{name}");
            assert_eq!(Format::guess(name, feature), Format::Ndjson, "{name}");
            assert_eq!(Format::guess(name, b"\x1e{}"), Format::Geojsonseq, "{name}");
            assert_eq!(Format::guess(name, b"{\"Item\":{}}\n"), Format::DynamodbJson, "{name}");
            assert_eq!(Format::guess(name, b"[{\"id\": 1}]"), Format::Json, "{name}");
            assert_eq!(Format::guess(name, b"{\"data\": {\"features\": []}}"), Format::Json, "{name}");
            assert_eq!(Format::guess(name, b"{\"id\": 1}\n{\"id\": 2}\n"), Format::Ndjson, "{name}");
            assert_eq!(Format::guess(name, b"{\"features\":[{\"type\":"), Format::Geojson, "{name}");
        }
        for (name, format) in [
            ("-", Format::Csv),
            ("a", Format::Csv),
            ("a.json", Format::Geojson),
            ("a.geojsons", Format::Geojsonseq),
        ] {
            assert_eq!(Format::guess(name, b"id,lat,lon\n"), format, "{name}");
            assert_eq!(Format::guess(name, b""), format, "{name}");
        }
    }
}
