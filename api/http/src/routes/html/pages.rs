//! What the pages say.

use cellar_model::{Collection, escape_segment};
use geo_index::tree::Hit;
use maud::{Markup, html};
use serde_json::Value;

use super::Page;
use crate::base::Base;
use crate::paths;

const COLLECTIONS: (&str, &str) = ("Collections", paths::COLLECTIONS);

/// What there is.
pub(crate) fn landing(base: &Base, path: &str, description: &str) -> String {
    let entries = [
        ("Collections", paths::COLLECTIONS, "sets of places"),
        ("Explorer", paths::EXPLORER, "a map to search on"),
        ("OpenAPI 3.1", paths::OPENAPI, "the interface, for programs"),
        ("OpenAPI 3.0", paths::OPENAPI_3_0, "the same for programs that read the older version"),
        ("Conformance", paths::CONFORMANCE, "standards that are kept"),
        ("Problems", paths::PROBLEMS, "what errors mean"),
        ("Health", paths::HEALTH, "whether all is well"),
    ];
    let main = html! {
        p { (description) }
        dl { @for (name, path, what) in entries { dt { a href=(base.address(path)) { (name) } } dd { (what) } } }
    };
    let json = base.address(&as_json(path));
    Page { base, title: "Cellar", way: &[], json: &json, main }.text()
}

/// Which standards are kept.
pub(crate) fn conformance(base: &Base, classes: &[&str]) -> String {
    let main = html! { ul { @for class in classes { li { code { (class) } } } } };
    let json = base.address(&as_json(paths::CONFORMANCE));
    Page { base, title: "Conformance", way: &[], json: &json, main }.text()
}

/// What is told of a collection.
pub(crate) struct Listed<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: Option<&'a str>,
    pub(crate) status: &'a str,
    /// West, south, east and north.
    pub(crate) bbox: Option<[f64; 4]>,
    pub(crate) crs: &'a str,
}

impl Listed<'_> {
    fn path(&self) -> String {
        format!("{}/{}", paths::COLLECTIONS, self.id)
    }

    fn extent(&self) -> Markup {
        html! {
            @if let Some(edges) = self.bbox {
                (edges.map(|degrees| format!("{degrees:.2}")).join(", "))
            } @else {
                "no places"
            }
        }
    }
}

/// The collections.
pub(crate) fn collections<'a>(base: &Base, listed: impl Iterator<Item = Listed<'a>>) -> String {
    let main = html! {
        table {
            thead { tr { th { "Name" } th { "Title" } th { "Status" } th { "West, south, east, north" } } }
            tbody {
                @for collection in listed {
                    tr {
                        td { a href=(base.address(&collection.path())) { (collection.id) } }
                        td { (collection.title.unwrap_or_default()) }
                        td { (collection.status) }
                        td { (collection.extent()) }
                    }
                }
            }
        }
    };
    let json = base.address(&as_json(paths::COLLECTIONS));
    Page { base, title: "Collections", way: &[], json: &json, main }.text()
}

/// One collection.
pub(crate) fn collection(base: &Base, listed: &Listed<'_>) -> String {
    let path = listed.path();
    let below = [
        ("Places", "/items", "all of them, page by page"),
        ("Categories", "/categories", "what places can be searched by"),
        ("Density map", "/edge-map", "how coarse cell answers may be"),
    ];
    let main = html! {
        dl {
            dt { "Name" } dd { (listed.id) }
            dt { "Status" } dd { (listed.status) }
            dt { "West, south, east, north" } dd { (listed.extent()) }
            dt { "Coordinates" } dd { code { (listed.crs) } }
            dt { "Items" } dd { "features" }
            @for (name, segment, what) in below {
                dt { a href=(base.address(&format!("{path}{segment}"))) { (name) } }
                dd { (what) }
            }
        }
    };
    let json = base.address(&as_json(&path));
    Page { base, title: listed.title.unwrap_or(listed.id), way: &[COLLECTIONS], json: &json, main }.text()
}

/// Places, as a search found them, with the addresses of this page as JSON and of the next one.
pub(crate) fn items(
    base: &Base,
    collection: &Collection,
    hits: &[Hit],
    (json, next): (&str, Option<&str>),
) -> String {
    let path = format!("{}/{collection}", paths::COLLECTIONS);
    let places = hits.iter().filter_map(|hit| Shown::of(&[b"{", hit.payload()].concat()));
    let main = html! {
        table {
            thead { tr { th { "Place" } th { "Longitude, latitude" } th { "Properties" } } }
            tbody {
                @for place in places {
                    tr {
                        td { a href=(base.address(&format!("{path}/items/{}", escape_segment(&place.id)))) { (place.id) } }
                        td { (place.position) }
                        td { @for (name, value) in &place.properties { span { b { (name) } " " (value) } } }
                    }
                }
            }
        }
        p {
            (hits.len()) @if hits.len() == 1 { " place" } @else { " places" }
            @if let Some(next) = next { ", " a rel="next" href=(next) { "and more" } }
        }
    };
    let way = [COLLECTIONS, (collection.as_str(), path.as_str())];
    Page { base, title: "Places", way: &way, json, main }.text()
}

/// One place, from its Feature.
pub(crate) fn place(base: &Base, collection: &Collection, feature: &str) -> String {
    let path = format!("{}/{collection}", paths::COLLECTIONS);
    let items = format!("{path}/items");
    let place = Shown::of(feature.as_bytes()).unwrap_or_default();
    let main = html! {
        dl {
            dt { "Id" } dd { (place.id) }
            dt { "Longitude, latitude" } dd { (place.position) }
            @for (name, value) in &place.properties { dt { (name) } dd { (value) } }
        }
    };
    let json = base.address(&as_json(&format!("{items}/{}", escape_segment(&place.id))));
    let way = [COLLECTIONS, (collection.as_str(), path.as_str()), ("Places", items.as_str())];
    Page { base, title: &place.id, way: &way, json: &json, main }.text()
}

/// A place as it is shown.
#[derive(Default)]
struct Shown {
    id: String,
    position: String,
    properties: Vec<(String, String)>,
}

impl Shown {
    /// Of the text of a Feature.
    fn of(feature: &[u8]) -> Option<Self> {
        let feature: Value = serde_json::from_slice(feature).ok()?;
        let coordinates = feature.pointer("/geometry/coordinates")?.as_array()?;
        let position: Vec<_> = coordinates.iter().map(Value::to_string).collect();
        let properties = feature["properties"].as_object().into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(Self {
            id: feature["id"].as_str()?.to_owned(),
            position: position.join(", "),
            properties: properties.map(|(name, value)| (name.clone(), text(value))).collect(),
        })
    }
}

fn as_json(path: &str) -> String {
    format!("{path}?f=json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_cannot_become_markup() {
        let feature = r#"{"type":"Feature","id":"<b>","geometry":{"type":"Point","coordinates":[2,48.5]},"properties":{"<i>":"</dd><script>x</script>","n":[1,"&"]}}"#;
        let shown = Shown::of(feature.as_bytes()).unwrap();
        assert_eq!(shown.position, "2, 48.5");
        assert_eq!(shown.properties[1], ("n".to_owned(), r#"[1,"&"]"#.to_owned()));
        let page = place(&Base::default(), &"wineries".parse().unwrap(), feature);
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"), "{page}");
        assert!(page.contains("&lt;script&gt;x") && page.contains("items/%3Cb%3E?f=json"), "{page}");
    }
}
