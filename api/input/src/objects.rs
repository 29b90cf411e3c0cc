//! From a record of JSON to a place: a Feature, or any object that says where it is.

use cellar_model::PlaceId;
use cellar_model::geojson::{self, FeatureError, IdRule};
use cellar_model::place::{Place, json_number};
use serde_json::Value;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use super::members::{Members, ObjectText, dotted, number_text, path, plain_text, text as json_string};
use super::names::is_e7;
use super::plan::{Plan, Roles};
use super::position::{Axis, Crs, Fault, Located, Rules, Xy, degrees, located, of_value};
use super::table::generated;

/// A place that was read from JSON.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) place: Place,
    pub(crate) altitude: bool,
    pub(crate) generated: bool,
    /// Line that the record itself names.
    pub(crate) line: Option<u64>,
}

/// Why there is none.
pub(crate) struct Refusal {
    pub(crate) id: Option<String>,
    pub(crate) reason: String,
    /// Whether it is no JSON, so that the framing may have lost its way.
    pub(crate) broken: bool,
}

impl Refusal {
    fn of(text: &str, reason: impl Into<String>) -> Self {
        Self { id: geojson::id_of(text), reason: reason.into(), broken: false }
    }
}

/// How records become places.
pub(crate) struct Objects {
    roles: Roles,
    rules: Rules,
    id_property: Option<Vec<String>>,
    generate: bool,
}

impl Objects {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            roles: plan.roles.clone(),
            rules: plan.rules,
            id_property: plan.id_property.as_deref().map(path),
            generate: plan.generate_ids,
        }
    }

    /// Reads a record, which stood under a name if it was a member of an object.
    pub(crate) fn read(&self, text: &str, key: Option<&str>) -> Result<Object, Refusal> {
        let plain = self.roles.position.is_some() || self.roles.lat.is_some();
        if let Some(members) = Members::of(text).filter(|members| plain && !is_feature(members)) {
            return if is_osm_element(&members) {
                self.osm_element(&members)
            } else {
                self.plain(&members, key)
            };
        }
        self.feature(text, key)
    }

    fn feature(&self, text: &str, key: Option<&str>) -> Result<Object, Refusal> {
        let members = Members::of(text);
        let geometry = members.as_ref().and_then(|members| members.get("geometry"));
        let rewritten = match (&members, geometry) {
            (Some(members), Some(geometry)) if self.rewrites(members, geometry) => {
                self.own_crs(members).and_then(|rules| moved(members, geometry, rules)).map(Some)
            }
            _ => Ok(None),
        };
        let rewritten = rewritten.map_err(|fault| Refusal::of(text, format!("`geometry`: {fault}")))?;
        let whole = rewritten.as_deref().unwrap_or(text);
        let id = match (&self.id_property, &members) {
            (Some(path), Some(members)) => {
                Some(self.property_id(members, path).map_err(|r| Refusal::of(text, r))?)
            }
            _ => None,
        };
        let given = id.flatten().or_else(|| {
            key.filter(|_| members.as_ref().is_some_and(|m| m.get("id").is_none()))
                .and_then(|key| key.parse().ok())
        });
        let (place, generated) = self.parse(whole, given.as_ref())?;
        let altitude = geometry.is_some_and(|geometry| has_altitude(geometry.get()));
        let line = members.and_then(|members| members.get("@line")?.get().parse().ok());
        Ok(Object { place, altitude, generated, line })
    }

    /// Parses a Feature; makes an id if it has none and that is wanted.
    fn parse(&self, text: &str, given: Option<&PlaceId>) -> Result<(Place, bool), Refusal> {
        let rule = given.map_or(IdRule::MemberOrProperty, IdRule::Assigned);
        let error = match geojson::parse_feature(text, rule) {
            Ok(place) if place.id.as_str().trim() != place.id.as_str() => {
                let trimmed = place
                    .id
                    .as_str()
                    .trim()
                    .parse()
                    .map_err(|error| Refusal::of(text, format!("`id` cannot be stored: {error}")))?;
                return Ok((Place { id: trimmed, ..place }, false));
            }
            Ok(place) => return Ok((place, false)),
            Err(error) => error,
        };
        let lacks_id = match &error {
            FeatureError::NoId => true,
            FeatureError::Id(_) => Members::of(text).is_some_and(|members| has_blank_id(&members)),
            _ => false,
        };
        if lacks_id && self.generate {
            return Self::generated(text);
        }
        let broken = matches!(error, FeatureError::Syntax { .. });
        let reason = match &error {
            FeatureError::Syntax { .. } => {
                return Err(match without_nan(text) {
                    Some(mended) => Refusal::of(&mended, "`NaN` and `Infinity` are not JSON; write null"),
                    None => Refusal { id: geojson::id_of(text), reason: error.to_string(), broken },
                });
            }
            FeatureError::Id(_) if lacks_id => {
                "`id` is empty; name a property with --id-property, or make ids with --generate-ids".into()
            }
            FeatureError::NoId => {
                "`id` is missing; name a property with --id-property, or make ids with --generate-ids".into()
            }
            _ => error.to_string(),
        };
        Err(Refusal::of(text, reason))
    }

    fn generated(text: &str) -> Result<(Place, bool), Refusal> {
        let stand_in = generated(0);
        let place = geojson::parse_feature(text, IdRule::Assigned(&stand_in))
            .map_err(|error| Refusal::of(text, error.to_string()))?;
        // Of what is stored, so that the order of members and blanks between them do not matter.
        let content = format!(
            "{},{}{}",
            json_number(place.position.lon()),
            json_number(place.position.lat()),
            place.properties.as_json()
        );
        Ok((Place { id: generated(xxh3_128(content.as_bytes())), ..place }, true))
    }

    /// The id in a property; `None` if it has none and one is to be made.
    fn property_id(&self, members: &Members<'_>, path: &[String]) -> Result<Option<PlaceId>, String> {
        let properties = members.get("properties").and_then(|raw| Members::of(raw.get()));
        let value = properties.as_ref().and_then(|own| own.get(&dotted(path)).or_else(|| own.at(path)));
        let value = value.or_else(|| members.get("id").filter(|_| path == ["id"]));
        match value.and_then(plain_text) {
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|error| format!("`{}` cannot be stored as an id: {error}", dotted(path))),
            None if self.generate => Ok(None),
            None => Err(format!("it has no property `{}`, which --id-property names", dotted(path))),
        }
    }

    /// Whether the geometry cannot be stored as it is, but perhaps as what is made of it.
    fn rewrites(&self, members: &Members<'_>, geometry: &RawValue) -> bool {
        self.rules.crs != Crs::Wgs84
            || members.get("crs").is_some()
            || geometry.get().contains("\"crs\"")
            || self.rules.representative.is_some() && !geometry.get().contains("\"Point\"")
    }

    fn own_crs(&self, members: &Members<'_>) -> Result<Rules, Fault> {
        let own = members.get("crs").map(|crs| Crs::of_member(crs.get())).transpose().map_err(Fault::Crs)?;
        Ok(Rules { crs: own.unwrap_or(self.rules.crs), ..self.rules })
    }

    /// An object that is no Feature: what is at the paths of the plan makes one.
    fn plain(&self, members: &Members<'_>, key: Option<&str>) -> Result<Object, Refusal> {
        let id = self.plain_id(members, key);
        let refusal = |reason: String| Refusal { id: id.clone().ok().flatten(), reason, broken: false };
        let located = self.position(members).map_err(&refusal)?;
        let own = match &id {
            Err(reason) => return Err(refusal(reason.clone())),
            Ok(Some(id)) => format!("\"id\":{},", json_string(id)),
            Ok(None) => String::new(),
        };
        let properties = self.plain_properties(members);
        let feature =
            format!(r#"{{"type":"Feature",{own}"geometry":{},"properties":{properties}}}"#, point(located));
        // A property `id` of a nested record is no id of the place.
        let blank = self.roles.id.is_none() && id == Ok(None);
        let (place, generated) =
            if blank && self.generate { Self::generated(&feature)? } else { self.parse(&feature, None)? };
        Ok(Object { place, altitude: located.altitude, generated, line: None })
    }

    /// An element of Overpass: its tags are the properties, and its kind is part of its id.
    fn osm_element(&self, members: &Members<'_>) -> Result<Object, Refusal> {
        let kind = members.get("type").and_then(plain_text).unwrap_or_default();
        let id = members.get("id").and_then(plain_text).map(|id| format!("{kind}/{id}"));
        let refusal = |reason: &str| Refusal { id: id.clone(), reason: reason.to_owned(), broken: false };
        let own = id.as_deref().ok_or_else(|| refusal("`id` is missing"))?;
        let tags = members.get("tags").filter(|tags| tags.get() != "{}");
        let tags = tags.ok_or_else(|| refusal("an element without tags is part of another, not a place"))?;
        let number = |path: [&str; 2]| members.get(path[1]).or_else(|| members.at(&path.map(str::to_owned)));
        let (lat, lon) = (number(["center", "lat"]), number(["center", "lon"]));
        let (Some(lat), Some(lon)) = (lat, lon) else {
            return Err(refusal("it has no position; ask Overpass for `out center`"));
        };
        let feature = format!(
            r#"{{"type":"Feature","id":{},"geometry":{{"type":"Point","coordinates":[{},{}]}},"properties":{}}}"#,
            json_string(own),
            lon.get(),
            lat.get(),
            tags.get()
        );
        let (place, generated) = self.parse(&feature, None)?;
        Ok(Object { place, altitude: false, generated, line: None })
    }

    /// The id; `Ok(None)` if it is to be made.
    fn plain_id(&self, members: &Members<'_>, key: Option<&str>) -> Result<Option<String>, String> {
        let found = match &self.roles.id {
            Some(path) => members.get(&dotted(path)).or_else(|| members.at(path)).and_then(plain_text),
            None => key.map(|key| key.trim().to_owned()),
        };
        match (found, &self.roles.id) {
            (Some(id), _) => Ok(Some(id)),
            (None, _) if self.generate => Ok(None),
            (None, Some(path)) => Err(format!("`{}` is missing; every place needs an id", dotted(path))),
            (None, None) => Err("it has no id".into()),
        }
    }

    fn position(&self, members: &Members<'_>) -> Result<Located, String> {
        if let Some(path) = &self.roles.position {
            let value = members
                .at(path)
                .and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok())
                .unwrap_or_default();
            return of_value(&value, self.rules).map_err(|fault| format!("`{}`: {fault}", dotted(path)));
        }
        let coordinate = |path: &Option<Vec<String>>, axis| -> Result<f64, String> {
            let path = path.as_deref().unwrap_or_default();
            let told = dotted(path);
            let value = members
                .at(path)
                .filter(|value| value.get() != "null")
                .ok_or_else(|| format!("`{told}` is missing"))?;
            let text = number_text(value);
            let number = if path.last().is_some_and(|name| is_e7(name)) {
                text.parse::<f64>().ok().map(|scaled| scaled / 1e7)
            } else {
                degrees(&text, axis, false)
            };
            number.ok_or_else(|| {
                format!("`{told}` is {}, not a number", value.get().chars().take(40).collect::<String>())
            })
        };
        let (y, x) = (coordinate(&self.roles.lat, Axis::Lat)?, coordinate(&self.roles.lon, Axis::Lon)?);
        located(Xy { x, y, altitude: false }, self.rules.crs).map_err(|fault| fault.to_string())
    }

    /// All members but those at the top that say id and position.
    fn plain_properties(&self, members: &Members<'_>) -> String {
        let roles = [&self.roles.id, &self.roles.lat, &self.roles.lon, &self.roles.position];
        let taken =
            |name: &str| roles.iter().any(|path| matches!(path.as_deref(), Some([only]) if only == name));
        let mut out = ObjectText::new();
        for (name, value) in members.0.iter().filter(|(name, _)| !taken(name)) {
            out.add(name, value.get());
        }
        out.end()
    }
}

fn is_feature(members: &Members<'_>) -> bool {
    members.get("type").is_some_and(|kind| kind.get() == "\"Feature\"")
}

fn is_osm_element(members: &Members<'_>) -> bool {
    let kind = members.get("type").map(RawValue::get);
    matches!(kind, Some("\"node\"" | "\"way\"" | "\"relation\"")) && members.get("id").is_some()
}

fn has_blank_id(members: &Members<'_>) -> bool {
    let property = || members.get("properties").and_then(|raw| Members::of(raw.get())?.get("id"));
    let id = members.get("id").filter(|id| id.get() != "null").or_else(property);
    id.is_some_and(|id| id.get().trim_matches('"').trim().is_empty())
}

/// The Feature with a point in place of its geometry.
fn moved(members: &Members<'_>, geometry: &RawValue, rules: Rules) -> Result<String, Fault> {
    let value: Value = serde_json::from_str(geometry.get()).map_err(|_| Fault::Unreadable)?;
    let located = of_value(&value, rules)?;
    let mut out = ObjectText::new();
    for (name, value) in members.0.iter().filter(|(name, _)| name != "crs") {
        if name == "geometry" {
            out.add(name, &point(located));
        } else {
            out.add(name, value.get());
        }
    }
    Ok(out.end())
}

fn point(located: Located) -> String {
    let (lon, lat) = (json_number(located.position.lon()), json_number(located.position.lat()));
    format!(r#"{{"type":"Point","coordinates":[{lon},{lat}]}}"#)
}

/// Whether a position has a third number.
fn has_altitude(geometry: &str) -> bool {
    let Some((_, coordinates)) = geometry.split_once("\"coordinates\"") else { return false };
    let array = coordinates.split(']').next().unwrap_or_default();
    array.bytes().filter(|&b| b == b',').count() >= 2
}

/// The text with `null` for numbers that are none, if it is JSON then.
fn without_nan(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_string, mut escaped) = (text, false, false);
    let mut found = false;
    while let Some(c) = rest.chars().next() {
        let token = ["-Infinity", "Infinity", "-NaN", "NaN", "nan", "-inf", "inf"]
            .into_iter()
            .find(|token| rest.starts_with(token));
        if let Some(token) = token.filter(|_| !in_string) {
            out.push_str("null");
            rest = &rest[token.len()..];
            found = true;
            continue;
        }
        in_string = if in_string { escaped || c != '"' } else { c == '"' };
        escaped = in_string && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    (found && serde_json::from_str::<serde::de::IgnoredAny>(&out).is_ok()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_are_none_are_forgiven() {
        let mended = without_nan(r#"{"a":NaN,"b":[-Infinity,"NaN"]}"#);
        assert_eq!(mended.as_deref(), Some(r#"{"a":null,"b":[null,"NaN"]}"#));
        for other in [r#"{"a":1}"#, r#"{"a":NaN"#, r#"{"a" 7}"#, r#"{"a":"NaN" 7}"#] {
            assert_eq!(without_nan(other), None, "{other}");
        }
    }

    #[test]
    fn a_third_number_is_an_altitude() {
        assert!(has_altitude(r#"{"type":"Point","coordinates":[1, 2, 3]}"#));
        assert!(!has_altitude(r#"{"coordinates":[1,2],"type":"Point","x":[1,2,3]}"#));
    }
}
