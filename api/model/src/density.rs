//! The document of a density map, as clients read it.

use geo_index::edge::DensityMap;
use serde_json::Value;

/// Longest document that is looked at, in bytes: a map of the whole Earth takes 45 KB.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// What a client makes of the document at `/v1/collections/{collection}/edge-map`, whoever sent it: whatever is not
/// a row of a map is passed over, and what is no document at all is an empty map.
///
/// ```
/// let map = cellar_model::density::parse(r#"{"rows":{"u0":"00000000050000000000000000000000","u1":7}}"#);
/// assert_eq!(map.precision("u09".parse()?), Some(5));
/// assert!(cellar_model::density::parse("<html>").is_empty());
/// # Ok::<(), geo_index::CellError>(())
/// ```
pub fn parse(document: &str) -> DensityMap {
    if document.len() > MAX_DOCUMENT_BYTES {
        return DensityMap::default();
    }
    let Ok(document) = serde_json::from_str::<Value>(document) else { return DensityMap::default() };
    let rows = document.get("rows").and_then(Value::as_object).into_iter().flatten();
    DensityMap::from_entries(rows.filter_map(|(key, digits)| Some((key, digits.as_str()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_documents_are_harmless() {
        let deep = "[".repeat(100_000);
        let large = format!(r#"{{"rows":{{"u0":"{}"}}}}"#, "5".repeat(MAX_DOCUMENT_BYTES));
        let many = format!(r#"{{"rows":{{{}"u0":null}}}}"#, r#""u0":"9",""#.repeat(9));
        for text in ["", "null", "[]", "7", r#"{"rows":[]}"#, r#"{"rows":{"u0":"é"}}"#, &deep, &large, &many]
        {
            assert!(parse(text).is_empty(), "{}", &text[..text.len().min(60)]);
        }
        let mixed = r#"{"rows":{"u0":{},"\u0000":"x","u1":"55555555555555555555555555555555"},"rows2":1}"#;
        assert_eq!(parse(mixed).cells().count(), 32);
    }
}
