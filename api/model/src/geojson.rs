//! GeoJSON in: from a Feature's text to a [`Place`], with errors that name the member and what is expected.
//!
//! Only Points are stored. A third coordinate, the altitude, is accepted and not kept.
//!
//! Invariant: a place that was accepted is accepted again from its own [`Place::feature`], as the same place,
//! and every JSON reader can read it. Hence coordinates are read by the standard library, whose rounding is
//! exact, and properties are checked for all that a reader may refuse (see [`FeatureError::Properties`]).

mod error;
mod members;
mod sound;

use std::collections::HashMap;

use crate::PlaceId;
use geo_index::Position;
use serde_json::value::RawValue;

pub use self::error::{BatchError, FeatureError};
use self::members::{ReadError, elements, members};
use crate::place::{Place, Properties};

/// Longest text of a feature, in bytes: well within DynamoDB's 400 KB per item, and what one hostile record
/// can cost an importer or a page.
pub const MAX_FEATURE_BYTES: usize = 64 * 1024;

/// Where the id of a feature comes from.
#[derive(Clone, Copy, Debug)]
pub enum IdRule<'a> {
    /// Its member `id`.
    Member,
    /// Its member `id`; if it has none, the property `id`, as many exporters write it.
    MemberOrProperty,
    /// From elsewhere, such as the path of a URL; a member `id` may repeat it.
    Given(&'a PlaceId),
    /// From elsewhere, whatever the feature itself says.
    Assigned(&'a PlaceId),
}

/// Reads one GeoJSON Feature.
///
/// ```
/// use cellar_model::geojson::{IdRule, parse_feature};
///
/// let feature = r#"{"type": "Feature", "id": 7, "properties": {"name": "Le Cellier"},
///                   "geometry": {"type": "Point", "coordinates": [2.3522, 48.8566]}}"#;
/// let place = parse_feature(feature, IdRule::Member)?;
/// assert_eq!(place.id.as_str(), "7");
/// assert_eq!(place.position.lat(), 48.8566);
/// assert_eq!(place.properties.as_json(), r#"{"name":"Le Cellier"}"#);
///
/// let line = feature.replace("Point", "LineString");
/// let error = parse_feature(&line, IdRule::Member).unwrap_err();
/// assert_eq!(error.to_string(), "`geometry` is a LineString; only a Point can be stored");
/// # Ok::<(), cellar_model::geojson::FeatureError>(())
/// ```
pub fn parse_feature(json: &str, ids: IdRule<'_>) -> Result<Place, FeatureError> {
    if json.len() > MAX_FEATURE_BYTES {
        return Err(FeatureError::TooLarge { bytes: json.len() });
    }
    let [kind, id, geometry, properties] =
        members(json, ["type", "id", "geometry", "properties"]).map_err(|error| match error {
            ReadError::Syntax(reason) => FeatureError::Syntax { reason },
            ReadError::NotAnObject => FeatureError::NotAnObject,
            ReadError::Duplicate(member) => FeatureError::Duplicate { member },
        })?;
    expect_type(kind)?;
    let position = parse_geometry(geometry)?;
    let (properties, property_id) = parse_properties(properties, ids)?;
    let place = Place { id: choose_id(id, property_id, ids)?, position, properties };
    ensure_size(json.len(), &place)?;
    Ok(place)
}

/// Reads a FeatureCollection of at most `max_features` features whose ids differ; all or nothing.
///
/// ```
/// use cellar_model::geojson::{BatchError, parse_feature_collection};
///
/// let error = parse_feature_collection(r#"{"type": "FeatureCollection", "features": [{}]}"#, 100).unwrap_err();
/// let BatchError::Features(faults) = error else { panic!("one feature is at fault") };
/// assert_eq!(faults[0].0, 0);
/// assert_eq!(faults[0].1.to_string(), "`type` is missing; expected \"Feature\"");
/// ```
pub fn parse_feature_collection(json: &str, max_features: usize) -> Result<Vec<Place>, BatchError> {
    let [kind, features] = members(json, ["type", "features"]).map_err(|error| match error {
        ReadError::Syntax(reason) => BatchError::Syntax { reason },
        ReadError::NotAnObject => BatchError::NotACollection,
        ReadError::Duplicate(member) => BatchError::Duplicate { member },
    })?;
    if kind.and_then(text).as_deref() != Some("FeatureCollection") {
        return Err(BatchError::NotACollection);
    }
    let (features, found) =
        features.and_then(|features| elements(features.get(), max_features)).ok_or(BatchError::NoFeatures)?;
    if found > max_features {
        return Err(BatchError::TooMany { found, max: max_features });
    }
    let mut places = Vec::with_capacity(features.len());
    let mut faults = Vec::new();
    let mut seen: HashMap<PlaceId, usize> = HashMap::with_capacity(features.len());
    for (index, feature) in features.iter().enumerate() {
        match parse_feature(feature.get(), IdRule::Member) {
            Err(fault) => faults.push((index, fault)),
            Ok(place) => match seen.insert(place.id.clone(), index) {
                Some(first) => faults.push((index, FeatureError::Repeated { id: place.id, first, index })),
                None => places.push(place),
            },
        }
    }
    if faults.is_empty() { Ok(places) } else { Err(BatchError::Features(faults)) }
}

/// The id of a feature that is not a place, if it has one: for messages.
pub fn id_of(json: &str) -> Option<String> {
    let [id, properties] = members(json, ["id", "properties"]).ok()?;
    let property = || members(properties?.get(), ["id"]).ok().and_then(|[id]| id);
    let id = id.or_else(property)?;
    parse_id(id).ok().map(|id| id.to_string())
}

fn expect_type(kind: Option<&RawValue>) -> Result<(), FeatureError> {
    match kind.map(|kind| text(kind).unwrap_or_else(|| excerpt(kind))) {
        Some(kind) if kind == "Feature" => Ok(()),
        found => Err(FeatureError::Type { found }),
    }
}

fn parse_geometry(geometry: Option<&RawValue>) -> Result<Position, FeatureError> {
    let geometry = geometry.ok_or(FeatureError::NoGeometry)?;
    if geometry.get() == "null" {
        return Err(FeatureError::NullGeometry);
    }
    let [kind, coordinates] =
        members(geometry.get(), ["type", "coordinates"]).map_err(|error| match error {
            ReadError::Duplicate(member) => FeatureError::Duplicate { member },
            ReadError::NotAnObject | ReadError::Syntax(_) => FeatureError::GeometryType,
        })?;
    match kind.and_then(text) {
        Some(kind) if kind == "Point" => parse_coordinates(coordinates),
        Some(found) => Err(FeatureError::NotAPoint { found }),
        None => Err(FeatureError::GeometryType),
    }
}

fn parse_coordinates(coordinates: Option<&RawValue>) -> Result<Position, FeatureError> {
    let numbers: Option<Vec<f64>> = coordinates
        .and_then(|array| elements(array.get(), 3))
        .filter(|(_, count)| (2..=3).contains(count))
        .and_then(|(array, _)| array.into_iter().map(finite_number).collect());
    let numbers = numbers.ok_or(FeatureError::Coordinates)?;
    let (lon, lat) = (numbers[0], numbers[1]);
    let swapped = Position::new(lon, lat).is_ok();
    if !(-180.0..=180.0).contains(&lon) {
        return Err(FeatureError::Longitude { value: lon, swapped });
    }
    Position::new(lat, lon).map_err(|_| FeatureError::Latitude { value: lat, swapped })
}

/// `None` for what is no number or too large for one.
fn finite_number(value: &RawValue) -> Option<f64> {
    let number = value.get();
    let is_number = number.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    is_number.then(|| number.parse().ok()).flatten().filter(|number: &f64| number.is_finite())
}

/// The properties, and the one named `id` if the rule asks for it.
fn parse_properties<'a>(
    raw: Option<&'a RawValue>,
    ids: IdRule<'_>,
) -> Result<(Properties, Option<&'a RawValue>), FeatureError> {
    let Some(raw) = raw else { return Ok((Properties::empty(), None)) };
    let properties = Properties::from_raw(raw).ok_or(FeatureError::PropertiesType)?;
    sound::check(raw.get()).map_err(|reason| FeatureError::Properties { reason })?;
    properties.categories().map_err(FeatureError::Category)?;
    let id = match ids {
        IdRule::MemberOrProperty => members(raw.get(), ["id"]).ok().and_then(|[id]| id),
        IdRule::Member | IdRule::Given(_) | IdRule::Assigned(_) => None,
    };
    Ok((properties, id))
}

fn choose_id(
    member: Option<&RawValue>,
    property: Option<&RawValue>,
    ids: IdRule<'_>,
) -> Result<PlaceId, FeatureError> {
    if let IdRule::Assigned(id) = ids {
        return Ok(id.clone());
    }
    let own = member
        .filter(|id| id.get() != "null")
        .or(property.filter(|id| id.get() != "null"))
        .map(parse_id)
        .transpose()?;
    match (own, ids) {
        (Some(own), IdRule::Given(given)) if own != *given => {
            Err(FeatureError::OtherId { found: own, given: given.clone() })
        }
        (Some(own), _) => Ok(own),
        (None, IdRule::Given(given) | IdRule::Assigned(given)) => Ok(given.clone()),
        (None, IdRule::Member | IdRule::MemberOrProperty) => Err(FeatureError::NoId),
    }
}

/// A JSON string, or an integer as the text it was written with.
fn parse_id(id: &RawValue) -> Result<PlaceId, FeatureError> {
    let integer = || {
        let digits = id.get().strip_prefix('-').unwrap_or(id.get());
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| id.get().to_owned())
    };
    let id = text(id).or_else(integer).ok_or(FeatureError::IdType)?;
    id.parse().map_err(FeatureError::Id)
}

/// The place's own feature can be longer than the text it came from: an id moved up from the properties,
/// a coordinate written in full.
fn ensure_size(given_bytes: usize, place: &Place) -> Result<(), FeatureError> {
    const GROWTH_BYTES: usize = 4 * 1024;
    if given_bytes + GROWTH_BYTES <= MAX_FEATURE_BYTES {
        return Ok(());
    }
    match place.feature().len() {
        bytes if bytes > MAX_FEATURE_BYTES => Err(FeatureError::TooLarge { bytes }),
        _ => Ok(()),
    }
}

/// The text of a JSON string.
fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The beginning of a value, for messages.
fn excerpt(value: &RawValue) -> String {
    value.get().chars().take(40).collect()
}

#[cfg(test)]
mod tests;
