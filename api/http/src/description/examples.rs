//! Answers as examples, by the operation that they are of. A test compares their members with those of real answers.

use serde_json::Value;

const LINK: &str = r#"{"href":"/v1/collections/wineries","rel":"self","type":"application/json"}"#;

/// The texts; `LINKS` stands for links.
const ANSWERS: [(&str, &str); 21] = [
    ("landing", r#"{"title":"Cellar","description":"Exact nearby search","links":LINKS}"#),
    ("apiLanding", r#"{"title":"Cellar","description":"Exact nearby search","links":LINKS}"#),
    ("conformance", CONFORMANCE),
    ("apiConformance", CONFORMANCE),
    ("live", r#"{"status":"ok"}"#),
    ("ready", r#"{"status":"ok"}"#),
    ("listCollections", r#"{"collections":[COLLECTION],"links":LINKS}"#),
    ("getCollection", "COLLECTION"),
    (
        "putCollection",
        r#"{"id":"wineries","title":"Wineries of France","status":"active","itemType":"feature","crs":["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],"links":LINKS}"#,
    ),
    (
        "deleteCollection",
        r#"{"id":"wineries","title":"Wineries of France","status":"deleting","deleted":0,"itemType":"feature","crs":["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],"links":LINKS}"#,
    ),
    (
        "categories",
        r#"{"categories":[{"category":"wine bar"},{"category":"winery"}],"indexed":true,"links":LINKS}"#,
    ),
    (
        "nearby",
        r#"{"type":"FeatureCollection","numberReturned":1,"links":LINKS,"features":[{"type":"Feature","distance_m":0.0,"id":"w-1","geometry":{"type":"Point","coordinates":[2.3522,48.8566]},"properties":{"name":"Le Cellier","category":"winery","opening_hours":"Mo-Sa 10:00-19:00"}}]}"#,
    ),
    ("search", FOUND),
    ("postSearch", FOUND),
    (
        "nearbyBatch",
        r#"{"results":[{"id":"home","answer":{"type":"FeatureCollection","numberReturned":1,"links":LINKS,"features":[{"type":"Feature","distance_m":0.0,"id":"w-1","geometry":{"type":"Point","coordinates":[2.3522,48.8566]},"properties":{"name":"Le Cellier","category":"winery","opening_hours":"Mo-Sa 10:00-19:00"}}]}}]}"#,
    ),
    (
        "cellNearby",
        r#"{"type":"FeatureCollection","cell":"gh:u09t","certified_radius_m":100000,"numberReturned":1,"links":LINKS,"features":[PLACE]}"#,
    ),
    (
        "items",
        r#"{"type":"FeatureCollection","timeStamp":"2026-01-31T12:00:00Z","numberMatched":1,"numberReturned":1,"links":LINKS,"features":[PLACE]}"#,
    ),
    (
        "postItems",
        r#"{"written":2,"etags":["\"8d3a5f0e6b1c49d2a7f0c3e58b91d264\"","\"1f0b6c7d2e9348a5b6c7d8e9f0a1b2c3\""]}"#,
    ),
    (
        "changes",
        r#"{"changes":[{"id":"w-1","kind":"put","time":"2026-01-31T12:00:00Z","feature":PLACE},{"id":"w-2","kind":"delete","time":"2026-01-31T12:00:01Z"}],"next":"AQAAAZ","more":false,"links":LINKS}"#,
    ),
    ("getItem", LINKED),
    ("putItem", LINKED),
];

const FOUND: &str = r#"{"type":"FeatureCollection","numberReturned":1,"links":LINKS,"features":[{"type":"Feature","distance_m":0.0,"id":"w-1","geometry":{"type":"Point","coordinates":[2.3522,48.8566]},"properties":{"name":"Le Cellier","category":"winery","opening_hours":"Mo-Sa 10:00-19:00"}}]}"#;
const CONFORMANCE: &str = r#"{"conformsTo":["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]}"#;
const PLACE: &str = r#"{"type":"Feature","id":"w-1","geometry":{"type":"Point","coordinates":[2.3522,48.8566]},"properties":{"name":"Le Cellier","category":"winery","opening_hours":"Mo-Sa 10:00-19:00"}}"#;
const LINKED: &str = r#"{"type":"Feature","id":"w-1","geometry":{"type":"Point","coordinates":[2.3522,48.8566]},"properties":{"name":"Le Cellier","category":"winery","opening_hours":"Mo-Sa 10:00-19:00"},"links":LINKS}"#;
const COLLECTION: &str = r#"{"id":"wineries","title":"Wineries of France","status":"active","extent":{"spatial":{"bbox":[[-2.5,45.6,7.2,52.1]],"crs":"http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},"itemType":"feature","crs":["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],"links":LINKS}"#;

/// Writes the examples into a document, at the answers with the statuses of success.
pub(crate) fn add(document: &mut Value) {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
    for operation in operations {
        let Some(example) = operation["operationId"].as_str().and_then(of) else { continue };
        let responses = operation["responses"].as_object_mut().into_iter().flatten();
        for (_, response) in responses.filter(|(status, _)| status.starts_with('2')) {
            let contents = response["content"].as_object_mut().into_iter().flatten();
            for (_, content) in contents.filter(|(media_type, _)| media_type.ends_with("json")) {
                content["example"] = example.clone();
            }
        }
    }
}

fn of(operation: &str) -> Option<Value> {
    let (_, text) = ANSWERS.iter().find(|(id, _)| *id == operation)?;
    let text = text.replace("COLLECTION", COLLECTION).replace("PLACE", PLACE);
    serde_json::from_str(&text.replace("LINKS", &format!("[{LINK}]"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_json() {
        for (operation, _) in ANSWERS {
            assert!(of(operation).is_some(), "{operation}");
        }
    }
}
