//! Parameters of `/search`: places within a shape.

use std::sync::Arc;
use std::time::SystemTime;

use cellar_model::Collection;
use cellar_model::cursor::{Cursor, Fingerprint, SortedKey};
use cellar_model::features::Form;
use cellar_model::sort::Sort;
use geo_index::tree::{BoxKey, BoxQuery, NearbyKey, NearbyQuery, Selection};
use geo_index::{BBox, HALF_CIRCUMFERENCE, Position};

use super::members::read_members;
use super::query::QueryText;
use super::region::{self, Shape};
use super::{attributes, nearby, opening, values};
use crate::problem::{Kind, Problem};

const KNOWN: [&str; 18] = [
    region::BBOX,
    region::WITHIN,
    region::ALONG,
    region::WIDTH,
    region::EDGES,
    "lat",
    "lon",
    "radius",
    "limit",
    "category",
    attributes::FILTER,
    attributes::Q,
    attributes::FIELDS,
    attributes::SORT,
    opening::OPEN_AT,
    opening::UNKNOWN,
    "cursor",
    "distance_in",
];

/// Longest body, in bytes.
const MAX_BODY_BYTES: usize = 512 << 10;

/// In which order places are wanted.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// From a position, nearest first.
    Near(NearbyQuery),
    /// Within a radius of a position, by a property.
    Sorted(NearbyQuery, Sort, SortedKey),
    /// In the order of the index.
    Listed(BoxQuery),
}

/// A search within a shape.
#[derive(Clone, Debug)]
pub struct SearchParams<'a> {
    /// What is wanted of the shape.
    pub wanted: Wanted,
    /// The shape, and only these places in it.
    pub selection: Selection,
    /// The fingerprint, which cursors carry.
    pub fingerprint: Fingerprint,
    /// What is told of each place.
    pub form: Form,
    /// The parameters.
    pub text: QueryText<'a>,
}

/// Reads the query string of `/search`; `now` is what `open_at=now` means.
pub fn parse_search<'a>(
    raw: Option<&'a str>,
    collection: &Collection,
    now: SystemTime,
) -> Result<SearchParams<'a>, Problem> {
    let text = QueryText::parse_with_list(raw, &KNOWN, region::BBOX)?;
    let shape = region::shape(&text, None)?;
    parse(text, shape, collection, now)
}

/// Reads the body of a POST to `/search`; `now` is what `open_at=now` means.
pub fn parse_search_body<'a>(
    json: &'a str,
    collection: &Collection,
    now: SystemTime,
) -> Result<SearchParams<'a>, Problem> {
    if json.len() > MAX_BODY_BYTES {
        let detail = format!("the body of a search has {} bytes; it may have {MAX_BODY_BYTES}", json.len());
        return Err(
            Problem::new(Kind::BodyTooLarge, detail).allowed(format!("at most {MAX_BODY_BYTES} bytes"))
        );
    }
    let shapes = [region::WITHIN, region::ALONG];
    let known: Vec<&'static str> = KNOWN.into_iter().filter(|name| !shapes.contains(name)).collect();
    let (text, geometries) = read_members(json, &known, &shapes)?;
    if geometries.len() > 1 {
        let detail = "a search is within one shape: `within` or `along`";
        return Err(Problem::new(Kind::ParameterInvalid, detail).parameter(region::ALONG));
    }
    let shape = region::shape(&text, geometries.first().copied())?;
    parse(text, shape, collection, now)
}

fn parse<'a>(
    text: QueryText<'a>,
    shape: Shape,
    collection: &Collection,
    now: SystemTime,
) -> Result<SearchParams<'a>, Problem> {
    let (filter, name) = (attributes::filter(&text)?, attributes::name(&text)?);
    let fields = attributes::fields(&text)?;
    let mut form = Form { distance_in: nearby::distance_in(&text)?, fields, ..Form::default() };
    let (limit, category, sort) = (values::limit(&text)?, values::category(&text)?, attributes::sort(&text)?);
    let origin = origin(&text)?;
    let mut wanted = match (origin, sort) {
        (Some(origin), sort) => {
            let radius = nearby::radius_up_to(&text, HALF_CIRCUMFERENCE)?.unwrap_or(HALF_CIRCUMFERENCE);
            let query = NearbyQuery { origin, radius, limit, category, after: None };
            match sort {
                Some(sort) => Wanted::Sorted(query, sort, SortedKey::default()),
                None => Wanted::Near(query),
            }
        }
        (None, _) => Wanted::Listed(BoxQuery { bbox: BBox::WORLD, limit, category, after: None }),
    };
    let fingerprint = match &wanted {
        Wanted::Near(query) => Fingerprint::of_nearby(collection, query),
        Wanted::Sorted(query, sort, _) => {
            Fingerprint::of_nearby(collection, query).with(attributes::SORT, &sort.to_string())
        }
        Wanted::Listed(query) => Fingerprint::of_box(collection, query),
    };
    let fingerprint = fingerprint.with(region::WITHIN, &shape.text);
    let (mut selection, fingerprint) = attributes::select(filter, name, fingerprint);
    let fingerprint = opening::restrict(&text, now, &mut selection, fingerprint, &mut form)?;
    if let Some(cursor) = values::cursor(&text)? {
        match &mut wanted {
            Wanted::Near(query) => query.after = Some(NearbyKey::from_cursor(cursor, fingerprint)?),
            Wanted::Sorted(_, _, at) => *at = SortedKey::from_cursor(cursor, fingerprint)?,
            Wanted::Listed(query) => query.after = Some(BoxKey::from_cursor(cursor, fingerprint)?),
        }
    }
    let selection = Selection { region: Some(Arc::new(shape.region)), ..selection };
    Ok(SearchParams { wanted, selection, fingerprint, form, text })
}

/// The position that distances are measured from, if there is one.
fn origin(text: &QueryText<'_>) -> Result<Option<Position>, Problem> {
    if !text.has("lat") && !text.has("lon") {
        let measured = ["radius", attributes::SORT, "distance_in"].into_iter().find(|name| text.has(name));
        return match measured {
            Some(name) => {
                let detail = format!("`{name}` takes a position, `lat` and `lon`");
                Err(Problem::new(Kind::ParameterMissing, detail).parameter("lat").allowed("-90 to 90"))
            }
            None => Ok(None),
        };
    }
    let (lat, lon) = (values::degrees(text, "lat", 90.0)?, values::degrees(text, "lon", 180.0)?);
    let position = Position::new(lat, lon);
    position.map(Some).map_err(|error| Problem::new(Kind::ParameterOutOfRange, error.to_string()))
}
