//! Parameters of `/items`.

use std::time::SystemTime;

use cellar_model::Collection;
use cellar_model::cursor::{Cursor, Fingerprint};
use cellar_model::features::Form;
use geo_index::BBox;
use geo_index::tree::{BoxKey, BoxQuery, Selection};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::query::QueryText;
use super::{attributes, format, opening, values};
use crate::problem::{Kind, Problem};

const KNOWN: [&str; 11] = [
    "bbox",
    "limit",
    "category",
    attributes::FILTER,
    attributes::Q,
    attributes::FIELDS,
    opening::OPEN_AT,
    opening::UNKNOWN,
    "datetime",
    "cursor",
    format::NAME,
];

pub(super) const BBOX_ALLOWED: &str = "west,south,east,north in degrees, or with heights west,south,low,east,north,high, with commas or as one parameter each: longitudes -180 to 180 (west > east crosses the antimeridian), latitudes -90 to 90 with south <= north";

/// A box scan, and the query string that asked for it.
#[derive(Clone, Debug)]
pub struct ItemsParams<'a> {
    /// The scan.
    pub query: BoxQuery,
    /// Only these places.
    pub selection: Selection,
    /// What is told of each place.
    pub form: Form,
    /// Its fingerprint, which cursors carry.
    pub fingerprint: Fingerprint,
    /// The query string.
    pub text: QueryText<'a>,
}

/// Reads the query string of `/items`; `now` is what `open_at=now` means.
pub fn parse_items<'a>(
    raw: Option<&'a str>,
    collection: &Collection,
    now: SystemTime,
) -> Result<ItemsParams<'a>, Problem> {
    let text = QueryText::parse_with_list(raw, &KNOWN, "bbox")?;
    let mut query = BoxQuery {
        // Without a box, all places.
        bbox: text.optional("bbox", BBOX_ALLOWED)?.map_or(Ok(BBox::WORLD), bbox)?,
        // A larger one is taken for the largest (OGC API - Features, section 7.15.2).
        limit: values::limit_at_most(&text)?,
        category: values::category(&text)?,
        after: None,
    };
    if let Some(instant) = text.optional("datetime", DATETIME_ALLOWED)? {
        // Places have no time of their own, so all of them are of any time (section 7.15.4).
        check_datetime(instant)?;
    }
    let fingerprint = Fingerprint::of_box(collection, &query);
    let (filter, name) = (attributes::filter(&text)?, attributes::name(&text)?);
    let (mut selection, fingerprint) = attributes::select(filter, name, fingerprint);
    let mut form = Form { fields: attributes::fields(&text)?, ..Form::default() };
    let fingerprint = opening::restrict(&text, now, &mut selection, fingerprint, &mut form)?;
    query.after =
        values::cursor(&text)?.map(|cursor| BoxKey::from_cursor(cursor, fingerprint)).transpose()?;
    Ok(ItemsParams { query, selection, form, fingerprint, text })
}

const DATETIME_ALLOWED: &str = "an instant as in RFC 3339, such as 2026-01-31T12:00:00Z, or two with a slash between them, of which one may be `..` or empty";

/// An instant or an interval, as section 7.15.4 has it.
fn check_datetime(text: &str) -> Result<(), Problem> {
    let instant = |part: &str| OffsetDateTime::parse(part, &Rfc3339).ok();
    let is_good = match text.split_once('/') {
        None => instant(text).is_some(),
        Some((from, to)) => {
            let open = |part: &str| part.is_empty() || part == "..";
            match (open(from), open(to)) {
                (true, true) => false,
                (true, false) => instant(to).is_some(),
                (false, true) => instant(from).is_some(),
                (false, false) => {
                    matches!((instant(from), instant(to)), (Some(from), Some(to)) if from <= to)
                }
            }
        }
    };
    if is_good {
        return Ok(());
    }
    Err(values::invalid(
        "datetime",
        text,
        "which is no time, or one that ends before it begins",
        DATETIME_ALLOWED,
    ))
}

pub(super) fn bbox(text: &str) -> Result<BBox, Problem> {
    let parts: Vec<&str> = text.split(',').collect();
    let edge = |edge: &str| values::number("bbox", edge, BBOX_ALLOWED);
    let (west, south, east, north) = match parts[..] {
        [west, south, east, north] => (west, south, east, north),
        // Places have no height.
        [west, south, low, east, north, high] => {
            if edge(low)? > edge(high)? {
                let detail = format!("the low of `bbox`, {low}, is greater than its high, {high}");
                return Err(Problem::new(Kind::ParameterOutOfRange, detail)
                    .parameter("bbox")
                    .allowed(BBOX_ALLOWED));
            }
            (west, south, east, north)
        }
        _ => {
            let problem = match parts.len() {
                1 => "which is one value, not four or six".to_owned(),
                count => format!("which are {count} values, not four or six"),
            };
            return Err(values::invalid("bbox", text, &problem, BBOX_ALLOWED));
        }
    };
    let (west, south, east, north) = (edge(west)?, edge(south)?, edge(east)?, edge(north)?);
    BBox::new(west, south, east, north).map_err(|error| {
        let in_range = [south, north].iter().all(|lat| (-90.0..=90.0).contains(lat));
        let detail = if in_range && south > north {
            format!("the south of `bbox`, {south}, is greater than its north, {north}")
        } else {
            format!("an edge of `bbox` is out of range: {error}")
        };
        Problem::new(Kind::ParameterOutOfRange, detail).parameter("bbox").allowed(BBOX_ALLOWED)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn a_box_has_four_edges_and_may_cross_the_antimeridian() {
        let fiji = BBox::new(176.0, -21.0, -178.0, -12.0).unwrap();
        assert_eq!(bbox("176,-21,-178,-12").unwrap(), fiji);
        assert!(bbox("1,2,1,2").is_ok());
        assert_eq!(bbox("176,-21,-50,-178,-12,4000").unwrap(), fiji);
        for bad in
            ["1,2,3", "1,2,3,4,5", "1,2,3,4,5,x", "1,2,3,", "a,b,c,d", "1;2;3;4", "1,2,3,NaN", "1, 2,3,4"]
        {
            assert_eq!(bbox(bad).unwrap_err().kind(), Kind::ParameterInvalid, "{bad}");
        }
        for bad in ["1,3,2,2", "1,2,9,3,4,8", "181,0,182,1", "0,-91,1,0", "0,0,1,1e999"] {
            assert_eq!(bbox(bad).unwrap_err().kind(), Kind::ParameterOutOfRange, "{bad}");
        }
    }

    #[test]
    fn without_a_box_it_is_the_world() {
        let collection = "wineries".parse().unwrap();
        let query = parse_items(Some("limit=7"), &collection, NOW).unwrap().query;
        assert_eq!((query.bbox, query.limit.get()), (BBox::WORLD, 7));
        assert_eq!(parse_items(None, &collection, NOW).unwrap().text.link("/items"), "/items");
        assert!(parse_items(Some("bbox="), &collection, NOW).is_err());
    }

    /// As serializers write arrays that know nothing of commas.
    #[test]
    fn a_box_may_be_one_parameter_for_each_edge() {
        let collection = "wineries".parse().unwrap();
        let parse = |raw| parse_items(Some(raw), &collection, NOW);
        let parts = parse("bbox=1&bbox=2&limit=7&bbox=3&%62box=4").unwrap();
        assert_eq!(parts.query.bbox, BBox::new(1.0, 2.0, 3.0, 4.0).unwrap());
        assert_eq!(parts.text.link("/items"), "/items?bbox=1%2C2%2C3%2C4&limit=7");
        assert!(parse("bbox=1&bbox=2&bbox=-9&bbox=3&bbox=4&bbox=9").is_ok());
        for (bad, kind) in [
            ("bbox=1,2&bbox=3,4", Kind::ParameterRepeated),
            ("bbox=1,2,3,4&bbox=5", Kind::ParameterRepeated),
            ("bbox=1&bbox=2,3,4", Kind::ParameterRepeated),
            ("bbox=1&bbox=2&bbox=3", Kind::ParameterInvalid),
            ("bbox=1&bbox=&bbox=3&bbox=4", Kind::ParameterInvalid),
            ("limit=7&limit=7", Kind::ParameterRepeated),
        ] {
            assert_eq!(parse(bad).unwrap_err().kind(), kind, "{bad}");
        }
    }

    #[test]
    fn times_are_instants_or_intervals() {
        let noon = "2026-01-31T12:00:00Z";
        for good in [noon, "2026-01-31T12:00:00.5+01:00", "../2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z/"]
        {
            assert!(check_datetime(good).is_ok(), "{good}");
        }
        assert!(check_datetime(&format!("{noon}/2026-02-01T00:00:00Z")).is_ok());
        for bad in ["2026", "yesterday", "..", "../..", "/", "2026-01-31T12:00:00", "2026-01-31T25:00:00Z"] {
            assert_eq!(check_datetime(bad).unwrap_err().kind(), Kind::ParameterInvalid, "{bad}");
        }
        assert!(check_datetime(&format!("2026-02-01T00:00:00Z/{noon}")).is_err());
    }

    #[test]
    fn a_larger_limit_is_the_largest() {
        let collection = "wineries".parse().unwrap();
        let limit = |raw| parse_items(Some(raw), &collection, NOW).map(|params| params.query.limit.get());
        assert_eq!((limit("limit=100").unwrap(), limit("limit=10000").unwrap()), (100, 100));
        assert_eq!(limit("limit=99999999999999999999999").unwrap(), 100);
        for bad in ["limit=0", "limit=-1", "limit=x"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn south_above_north_is_said_so() {
        let problem = format!("{:?}", bbox("1,3,2,2").unwrap_err());
        assert!(problem.contains("the south of `bbox`, 3, is greater than its north, 2"), "{problem}");
    }
}
