//! Parameters of `/items`.

use cellar_model::Collection;
use cellar_model::cursor::{Cursor, Fingerprint};
use geo_index::BBox;
use geo_index::tree::{BoxKey, BoxQuery};

use super::query::QueryText;
use super::values;
use crate::problem::{Kind, Problem};

const KNOWN: [&str; 4] = ["bbox", "limit", "category", "cursor"];
const BBOX_ALLOWED: &str = "west,south,east,north in degrees: longitudes -180 to 180 (west > east crosses the antimeridian), latitudes -90 to 90 with south <= north";

/// A box scan, and the query string that asked for it.
#[derive(Clone, Debug)]
pub struct ItemsParams<'a> {
    /// The scan.
    pub query: BoxQuery,
    /// Its fingerprint, which cursors carry.
    pub fingerprint: Fingerprint,
    /// The query string.
    pub text: QueryText<'a>,
}

/// Reads the query string of `/items`.
pub fn parse_items<'a>(raw: Option<&'a str>, collection: &Collection) -> Result<ItemsParams<'a>, Problem> {
    let text = QueryText::parse(raw, &KNOWN)?;
    let mut query = BoxQuery {
        // Without a box, all places.
        bbox: text.optional("bbox", BBOX_ALLOWED)?.map_or(Ok(BBox::WORLD), bbox)?,
        limit: values::limit(&text)?,
        category: values::category(&text)?,
        after: None,
    };
    let fingerprint = Fingerprint::of_box(collection, &query);
    query.after =
        values::cursor(&text)?.map(|cursor| BoxKey::from_cursor(cursor, fingerprint)).transpose()?;
    Ok(ItemsParams { query, fingerprint, text })
}

fn bbox(text: &str) -> Result<BBox, Problem> {
    let parts: Vec<&str> = text.split(',').collect();
    let [west, south, east, north] = parts[..] else {
        let problem = match parts.len() {
            1 => "which is one value, not four".to_owned(),
            count => format!("which are {count} values, not four"),
        };
        return Err(values::invalid("bbox", text, &problem, BBOX_ALLOWED));
    };
    let edge = |edge: &str| values::number("bbox", edge, BBOX_ALLOWED);
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

    #[test]
    fn a_box_has_four_edges_and_may_cross_the_antimeridian() {
        let fiji = BBox::new(176.0, -21.0, -178.0, -12.0).unwrap();
        assert_eq!(bbox("176,-21,-178,-12").unwrap(), fiji);
        assert!(bbox("1,2,1,2").is_ok());
        for bad in ["1,2,3", "1,2,3,4,5", "1,2,3,", "a,b,c,d", "1;2;3;4", "1,2,3,NaN", "1, 2,3,4"] {
            assert_eq!(bbox(bad).unwrap_err().kind(), Kind::ParameterInvalid, "{bad}");
        }
        for bad in ["1,3,2,2", "181,0,182,1", "0,-91,1,0", "0,0,1,1e999"] {
            assert_eq!(bbox(bad).unwrap_err().kind(), Kind::ParameterOutOfRange, "{bad}");
        }
    }

    #[test]
    fn without_a_box_it_is_the_world() {
        let collection = "wineries".parse().unwrap();
        let query = parse_items(Some("limit=7"), &collection).unwrap().query;
        assert_eq!((query.bbox, query.limit.get()), (BBox::WORLD, 7));
        assert_eq!(parse_items(None, &collection).unwrap().text.link("/items"), "/items");
        assert!(parse_items(Some("bbox="), &collection).is_err());
    }

    #[test]
    fn south_above_north_is_said_so() {
        let problem = format!("{:?}", bbox("1,3,2,2").unwrap_err());
        assert!(problem.contains("the south of `bbox`, 3, is greater than its north, 2"), "{problem}");
    }
}
