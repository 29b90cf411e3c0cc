//! Parameters of `/nearby`.

use std::time::SystemTime;

use cellar_model::Collection;
use cellar_model::cursor::{Cursor, Fingerprint, SortedKey};
use cellar_model::features::{DistanceIn, Form};
use cellar_model::sort::Sort;
use geo_index::tree::{NearbyKey, NearbyQuery, Selection};
use geo_index::{Meters, Position};

use super::query::QueryText;
use super::{attributes, opening, values};
use crate::config::ApiConfig;
use crate::problem::{Kind, Problem};

const KNOWN: [&str; 14] = [
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
    "mode",
    "distance_in",
];
const MODES: &str = "exact, cell";
const DISTANCES: &str = "member, properties";

/// A search, and the query string that asked for it.
#[derive(Clone, Debug)]
pub struct NearbyParams<'a> {
    /// The search.
    pub query: NearbyQuery,
    /// Only these places.
    pub selection: Selection,
    /// The order of the places, if it is not that of their distances, and where it goes on.
    pub sort: Option<(Sort, SortedKey)>,
    /// Its fingerprint, which cursors carry.
    pub fingerprint: Fingerprint,
    /// What is told of each place. It is not part of the fingerprint: it changes no result.
    pub form: Form,
    /// The query string.
    pub text: QueryText<'a>,
}

/// Reads the query string of `/nearby`; `now` is what `open_at=now` means.
pub fn parse_nearby<'a>(
    raw: Option<&'a str>,
    collection: &Collection,
    config: &ApiConfig,
    now: SystemTime,
) -> Result<NearbyParams<'a>, Problem> {
    parse_nearby_text(QueryText::parse(raw, &KNOWN)?, collection, config, now)
}

/// The parameters of `/nearby`.
pub fn nearby_names() -> &'static [&'static str] {
    &KNOWN
}

/// Reads the parameters of `/nearby`, wherever they come from.
pub fn parse_nearby_text<'a>(
    text: QueryText<'a>,
    collection: &Collection,
    config: &ApiConfig,
    now: SystemTime,
) -> Result<NearbyParams<'a>, Problem> {
    mode(&text)?;
    let (lat, lon) = (values::degrees(&text, "lat", 90.0)?, values::degrees(&text, "lon", 180.0)?);
    let origin = Position::new(lat, lon)
        .map_err(|error| Problem::new(Kind::ParameterOutOfRange, error.to_string()))?;
    let mut query = NearbyQuery {
        origin,
        radius: radius(&text, config)?,
        limit: values::limit(&text)?,
        category: values::category(&text)?,
        after: None,
    };
    let fingerprint = Fingerprint::of_nearby(collection, &query);
    let (filter, name) = (attributes::filter(&text)?, attributes::name(&text)?);
    let (mut selection, fingerprint) = attributes::select(filter, name, fingerprint);
    let fields = attributes::fields(&text)?;
    let mut form = Form { distance_in: distance_in(&text)?, fields, ..Form::default() };
    let mut fingerprint = opening::restrict(&text, now, &mut selection, fingerprint, &mut form)?;
    let cursor = values::cursor(&text)?;
    let sort = if let Some(sort) = attributes::sort(&text)? {
        fingerprint = fingerprint.with(attributes::SORT, &sort.to_string());
        let at = cursor.map(|cursor| SortedKey::from_cursor(cursor, fingerprint)).transpose()?;
        Some((sort, at.unwrap_or_default()))
    } else {
        query.after = cursor.map(|cursor| NearbyKey::from_cursor(cursor, fingerprint)).transpose()?;
        None
    };
    Ok(NearbyParams { query, selection, sort, fingerprint, form, text })
}

pub(super) fn distance_in(query: &QueryText<'_>) -> Result<DistanceIn, Problem> {
    match query.optional("distance_in", DISTANCES)? {
        None | Some("member") => Ok(DistanceIn::Member),
        Some("properties") => Ok(DistanceIn::Properties),
        Some(other) => Err(values::invalid("distance_in", other, "where no distance is told", DISTANCES)),
    }
}

fn mode(query: &QueryText<'_>) -> Result<(), Problem> {
    match query.optional("mode", MODES)? {
        None | Some("exact") => Ok(()),
        Some(other) => Err(values::invalid("mode", other, "which is not a mode", MODES)),
    }
}

fn radius(query: &QueryText<'_>, config: &ApiConfig) -> Result<Meters, Problem> {
    Ok(radius_up_to(query, config.max_radius)?.unwrap_or(config.horizon))
}

/// A radius, if there is one.
pub(super) fn radius_up_to(query: &QueryText<'_>, max_radius: Meters) -> Result<Option<Meters>, Problem> {
    let most = max_radius.get();
    let allowed = format_args!("metres, more than 0 and at most {most}");
    let Some(text) = query.optional("radius", allowed)? else { return Ok(None) };
    let meters = values::number("radius", text, allowed)?;
    Meters::new(meters)
        .filter(|&radius| radius > Meters::ZERO && radius <= max_radius)
        .map(Some)
        .ok_or_else(|| values::out_of_range("radius", text, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Result<NearbyParams<'_>, Problem> {
        parse_nearby(Some(raw), &"wineries".parse().unwrap(), &ApiConfig::default(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn radius_and_limit_have_defaults() {
        let query = parse("lat=1&lon=2&mode=exact").unwrap().query;
        assert_eq!((query.radius.get(), query.limit.get()), (200_000.0, 20));
        assert!(query.category.is_none() && query.after.is_none());
    }

    #[test]
    fn a_radius_is_positive_and_bounded() {
        for good in ["0.001", "1e3", "200000"] {
            assert!(parse(&format!("lat=1&lon=2&radius={good}")).is_ok(), "{good}");
        }
        for bad in ["0", "-0", "-5", "200000.1", "1e999"] {
            let problem = parse(&format!("lat=1&lon=2&radius={bad}")).unwrap_err();
            assert_eq!(problem.kind(), Kind::ParameterOutOfRange, "{bad}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_the_words_of_its_name() {
        let print = |q: &str| parse(&format!("lat=1&lon=2{q}")).unwrap().fingerprint;
        assert_eq!(print("&q=Caf%C3%A9%20%20RO"), print("&q=cafe+ro"));
        assert_ne!(print("&q=cafe+ro"), print("&q=cafe"));
        assert_ne!(print("&q=cafe"), print(""));
        assert!(parse("lat=1&lon=2&q=cafe").unwrap().selection.filter.is_some());
        assert_eq!(parse("lat=1&lon=2&q=%CC%81").unwrap_err().kind(), Kind::ParameterInvalid);
    }

    #[test]
    fn a_cursor_belongs_to_its_query_but_not_to_its_limit() {
        let first = parse("lat=1&lon=2&limit=5").unwrap();
        let key = NearbyKey { distance: Meters::ZERO, id: "a".into() };
        let cursor = key.to_cursor(first.fingerprint);
        assert_eq!(parse(&format!("lat=1&lon=2&limit=7&cursor={cursor}")).unwrap().query.after, Some(key));
        let problem = parse(&format!("lat=1&lon=3&cursor={cursor}")).unwrap_err();
        assert_eq!(problem.kind(), Kind::CursorInvalid);
    }
}
