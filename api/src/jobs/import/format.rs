//! Which format an input is in: by its name, else by how it begins.

use super::frame::{Collection, Csv, Framer, Lines, RECORD_SEPARATOR, Sequence};
use crate::store::dynamo_json;

/// How many bytes are looked at.
pub(super) const SNIFF_BYTES: usize = 64 * 1024;

/// Formats of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// A GeoJSON FeatureCollection.
    Geojson,
    /// A GeoJSON Feature in every line.
    #[value(alias = "jsonl")]
    Ndjson,
    /// A GeoJSON text sequence (RFC 8142).
    Geojsonseq,
    /// An export of DynamoDB to S3: an item of the table in every line.
    DynamodbJson,
}

impl Format {
    /// Decides; `name` is that of the file, if it has one.
    ///
    /// Many files named `.json` or `.geojson` hold a feature in every line, so JSON of any name is looked at.
    pub(super) fn guess(name: &str, beginning: &[u8]) -> Self {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv" | "tsv") => Self::Csv,
            Some("ndjson" | "jsonl" | "ldjson" | "geojsonl" | "ldgeojson") => Self::Ndjson,
            Some("json" | "geojson") => Self::sniff(beginning).unwrap_or(Self::Geojson),
            Some("geojsons" | "geojsonseq") => Self::sniff(beginning).unwrap_or(Self::Geojsonseq),
            _ => Self::sniff(beginning).unwrap_or(Self::Csv),
        }
    }

    /// A JSON format, if the beginning is one.
    fn sniff(beginning: &[u8]) -> Option<Self> {
        let text = beginning.trim_ascii_start();
        match text.first() {
            Some(&RECORD_SEPARATOR) => Some(Self::Geojsonseq),
            Some(b'{' | b'[') if first_line_is_a_feature(text) => Some(Self::Ndjson),
            Some(b'{') if dynamo_json::is_line(first_line(text)) => Some(Self::DynamodbJson),
            Some(b'{' | b'[') => Some(Self::Geojson),
            _ => None,
        }
    }

    pub(super) fn framer(self, delimiter: u8) -> Box<dyn Framer> {
        match self {
            Self::Csv => Box::new(Csv::new(delimiter)),
            Self::Geojson => Box::new(Collection::new()),
            Self::Ndjson => Box::new(Lines::features()),
            Self::DynamodbJson => Box::new(Lines::items()),
            Self::Geojsonseq => Box::new(Sequence),
        }
    }
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
