//! From bodies to answers that results may rest on.
//!
//! Invariant: an answer is taken only for what was asked: its own URL, its own cell, distances from the right position.
//! What a server could not have sent by the rules of docs/EDGE.md is a [`Fault`]; whether it lists all that it should
//! is the server's word, which no client can check.

use std::borrow::Cow;
use std::collections::HashSet;

use cellar_model::canonical::CellUrl;
use cellar_model::place::{Place, Properties};
use geo_index::edge::{CacheCell, CellAnswer, CellPlace, SLACK_M};
use geo_index::{CategoryFilter, Meters, Position, distance};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Fault, excerpt};
use super::found::Hit;
use super::wanted::Wanted;

/// The answer of a cell: places with their properties.
pub(super) type Cell = CellAnswer<Properties>;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    cell: Option<Cow<'a, str>>,
    certified_radius_m: Option<f64>,
    #[serde(rename = "numberReturned")]
    count: Option<usize>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(borrow)]
    features: Vec<Feature<'a>>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

#[derive(Deserialize)]
struct Feature<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    id: String,
    #[serde(borrow)]
    geometry: Geometry<'a>,
    #[serde(borrow)]
    properties: &'a RawValue,
    distance_m: Option<f64>,
}

#[derive(Deserialize)]
struct Geometry<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    /// Longitude and latitude, in degrees.
    coordinates: (f64, f64),
}

/// A place as it was listed, and the distance that was said of it.
struct Listed {
    place: Place,
    stated_m: Option<f64>,
}

/// Reads the answer of a URL.
pub(super) fn cell_answer(body: &[u8], url: &CellUrl) -> Result<Cell, Fault> {
    let document = Document::read(body)?;
    let named = document.cell.as_deref().unwrap_or_default();
    if named.parse() != Ok(url.cell) {
        return Err(Fault::other_cell(url.cell, named));
    }
    document.is_of(&url.to_string())?;
    let stated_m = document.certified_radius_m;
    let places = document.places(url.category.as_ref())?;
    let last_m = check_order(&places, url.cell.centre(), url.cell.horizon())?;
    let certified_radius = certificate(stated_m, url.cell, last_m).ok_or_else(|| Fault::Certificate {
        metres: stated_m.map_or_else(|| "no".to_owned(), |metres| metres.to_string()),
        places: places.len(),
    })?;
    let place = |Listed { place: Place { id, position, properties }, .. }| CellPlace {
        id: id.to_string(),
        position,
        payload: properties,
    };
    Ok(CellAnswer { cell: url.cell, certified_radius, places: places.into_iter().map(place).collect() })
}

/// Reads the answer of the exact endpoint.
pub(super) fn exact_answer(body: &[u8], wanted: &Wanted) -> Result<Vec<Hit>, Fault> {
    let places = Document::read(body)?.places(wanted.category.as_ref())?;
    if places.len() > wanted.limit {
        return Err(Fault::Count { stated: wanted.limit, found: places.len() });
    }
    check_order(&places, wanted.position, wanted.radius)?;
    let hit = |Listed { place, stated_m }| {
        let distance = distance(wanted.position, place.position);
        match stated_m {
            Some(metres) if (metres - distance.get()).abs() <= SLACK_M => Ok(Hit { place, distance }),
            _ => Err(Fault::place(place.id.as_str(), "is not as far away as it says")),
        }
    };
    places.into_iter().map(hit).collect()
}

/// A certificate that goes with the list: the horizon, or where the list ends.
fn certificate(stated_m: Option<f64>, cell: CacheCell, last_m: Option<f64>) -> Option<Meters> {
    let certified = stated_m.and_then(Meters::new).filter(|metres| metres.get().fract() == 0.0)?;
    if certified == cell.horizon() {
        return Some(certified);
    }
    let ends_there = |last_m: f64| {
        // A distance just below a whole number of metres may be just above it on another machine.
        let (least, most) = ((last_m - SLACK_M).floor(), (last_m + SLACK_M).floor());
        (least..=most).contains(&certified.get())
    };
    last_m.filter(|&last_m| certified < cell.horizon() && ends_there(last_m)).map(|_| certified)
}

/// Checks that places are listed nearest first, ties by id, each once and within a distance. The last distance, in metres.
fn check_order(places: &[Listed], from: Position, within: Meters) -> Result<Option<f64>, Fault> {
    let mut seen = HashSet::with_capacity(places.len());
    let mut before: Option<(f64, &str)> = None;
    for Listed { place, .. } in places {
        let (id, far_m) = (place.id.as_str(), distance(from, place.position).get());
        if !seen.insert(id) {
            return Err(Fault::place(id, "is there twice"));
        }
        if far_m > within.get() + SLACK_M {
            return Err(Fault::place(id, "is too far away"));
        }
        // Distances that are equal are so on every machine: they come of the same coordinates.
        let in_order = before.is_none_or(|(last_m, last_id)| {
            far_m + SLACK_M > last_m && !(far_m.total_cmp(&last_m).is_eq() && id < last_id)
        });
        if !in_order {
            return Err(Fault::place(id, "is out of order"));
        }
        before = Some((far_m, id));
    }
    Ok(before.map(|(far_m, _)| far_m))
}

impl<'a> Document<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Fault> {
        let document: Self = serde_json::from_slice(body).map_err(|error| no_document(&error.to_string()))?;
        if document.kind != "FeatureCollection" {
            return Err(no_document("expected a FeatureCollection"));
        }
        Ok(document)
    }

    /// Checks that its link to itself, if it has one, is the URL that was asked for.
    fn is_of(&self, url: &str) -> Result<(), Fault> {
        match self.links.iter().find(|link| link.rel == "self" && link.href != url) {
            Some(link) => Err(Fault::other_url(url, &link.href)),
            None => Ok(()),
        }
    }

    fn places(self, category: Option<&CategoryFilter>) -> Result<Vec<Listed>, Fault> {
        let found = self.features.len();
        if let Some(stated) = self.count.filter(|&stated| stated != found) {
            return Err(Fault::Count { stated, found });
        }
        self.features.into_iter().map(|feature| feature.listed(category)).collect()
    }
}

impl Feature<'_> {
    fn listed(self, category: Option<&CategoryFilter>) -> Result<Listed, Fault> {
        if self.kind != "Feature" || self.geometry.kind != "Point" {
            return Err(no_document("expected Features that are Points"));
        }
        let (lon, lat) = self.geometry.coordinates;
        let place = Place {
            position: Position::new(lat, lon).map_err(|error| no_document(&error.to_string()))?,
            properties: Properties::from_raw(self.properties)
                .ok_or_else(|| no_document("expected properties"))?,
            id: self.id.parse().map_err(|_| Fault::place(&self.id, "has no id that a place can have"))?,
        };
        if category.is_some_and(|filter| !filter.allows(place.properties.category().as_deref())) {
            return Err(Fault::place(place.id.as_str(), "is of another category"));
        }
        Ok(Listed { place, stated_m: self.distance_m })
    }
}

fn no_document(reason: &str) -> Fault {
    Fault::Document(excerpt(reason))
}

#[cfg(test)]
#[path = "read/tests.rs"]
mod tests;
