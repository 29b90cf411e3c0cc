//! Places as vector tiles (Mapbox Vector Tile 2.1).
//!
//! Invariant: the same places make the same bytes: features are in the order of the index, clusters in that of their squares.

use std::collections::BTreeMap;

use cellar_model::fields::Fields;
use cellar_model::place::FEATURE_START;
use geo_index::tree::Hit;
use mvt::{Error, Feature, GeomData, GeomEncoder, GeomType, Layer};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::tiling::{EXTENT, Pixel};

/// Media type of vector tiles.
pub const MEDIA_TYPE: &str = "application/vnd.mapbox-vector-tile";
/// The layer of places.
pub const PLACES: &str = "places";
/// The layer of clusters.
pub const CLUSTERS: &str = "clusters";

/// Most places of a tile that has each of them; where there are more it has clusters.
pub const MAX_PLACES: usize = 1_000;

/// Units of the squares that clusters are of: 16 by 16 to a tile, each of which is a tile four zooms further.
const SQUARE: i64 = EXTENT as i64 / 16;

/// Properties that every place has.
const ALWAYS: [&str; 2] = ["name", "category"];

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    properties: Option<Map<String, Value>>,
}

/// A tile of places that lie in it or in its buffer: each of them, or clusters if they are many.
pub fn encode(places: &[(&Hit, Pixel)], fields: Option<&Fields>) -> Result<Vec<u8>, Error> {
    let mut tile = mvt::Tile::new(EXTENT);
    if places.is_empty() {
        return tile.to_bytes();
    }
    let layer = if places.len() <= MAX_PLACES {
        let layer = tile.create_layer(PLACES);
        places.iter().try_fold(layer, |layer, (hit, pixel)| with_place(layer, hit, *pixel, fields))?
    } else {
        squares(places).into_values().try_fold(tile.create_layer(CLUSTERS), with_cluster)?
    };
    if layer.num_features() > 0 {
        tile.add_layer(layer)?;
    }
    tile.to_bytes()
}

fn point(pixel: Pixel) -> Result<GeomData, Error> {
    GeomEncoder::new(GeomType::Point).point(pixel.x as f64, pixel.y as f64)?.encode()
}

fn with_place(layer: Layer, hit: &Hit, pixel: Pixel, fields: Option<&Fields>) -> Result<Layer, Error> {
    let mut feature = layer.into_feature(point(pixel)?);
    feature.add_tag_string("id", hit.id());
    let text = [FEATURE_START.as_bytes(), hit.payload()].concat();
    // What is stored was checked when it was written.
    let properties = serde_json::from_slice(&text).ok().and_then(|stored: Stored| stored.properties);
    for (name, value) in properties.unwrap_or_default() {
        if ALWAYS.contains(&name.as_str()) {
            if let Some(text) = text_of(&value) {
                feature.add_tag_string(&name, &text);
            }
        } else if name != "id" && fields.is_some_and(|fields| fields.has(&name)) {
            add(&mut feature, &name, &value);
        }
    }
    Ok(feature.into_layer())
}

/// A value as text; of a list, its texts with commas between them.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Object(_) => None,
    }
}

/// Adds a value that tiles know: a text, a number or a truth value.
fn add(feature: &mut Feature, name: &str, value: &Value) {
    match value {
        Value::String(text) => feature.add_tag_string(name, text),
        Value::Bool(is_so) => feature.add_tag_bool(name, *is_so),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => feature.add_tag_sint(name, whole),
            (None, Some(number)) => feature.add_tag_double(name, number),
            (None, None) => {}
        },
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
}

/// Places of a square: how many they are, and the sums of their coordinates.
#[derive(Default)]
struct Square {
    count: u64,
    x: i64,
    y: i64,
}

/// By row and column; what lies in the buffer is in a cluster of a neighbour.
fn squares(places: &[(&Hit, Pixel)]) -> BTreeMap<(i64, i64), Square> {
    let mut squares = BTreeMap::<_, Square>::new();
    for (_, pixel) in places.iter().filter(|(_, pixel)| pixel.is_inside()) {
        let square = squares.entry((pixel.y / SQUARE, pixel.x / SQUARE)).or_default();
        square.count += 1;
        square.x += pixel.x;
        square.y += pixel.y;
    }
    squares
}

/// A cluster is where its places are on average.
fn with_cluster(layer: Layer, Square { count, x, y }: Square) -> Result<Layer, Error> {
    let places = i64::try_from(count).unwrap_or(i64::MAX).max(1);
    let mut feature = layer.into_feature(point(Pixel { x: x / places, y: y / places })?);
    feature.add_tag_uint("count", count);
    Ok(feature.into_layer())
}
