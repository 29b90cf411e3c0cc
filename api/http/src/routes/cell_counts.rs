//! How many places each H3 cell has, for maps.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use cellar_model::features::GEOJSON;
use geo_index::tree::Hit;
use geo_index::{BBox, EARTH_RADIUS_M, GridCell as _, H3Cell};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::encoded;
use super::pages::Outline;
use super::require_collection;
use super::shared::within;
use crate::description::{CategoryParameter, CellProblems, CollectionParameter};
use crate::middleware::deadline::Deadline;
use crate::params::{CellsParams, CollectionPath, parse_cells};
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Most cells of an answer: some 2 MB of JSON.
const MAX_CELLS: usize = 5_000;

/// Edge of a cell of resolution 0, in metres, on average; of each finer resolution it is √7 times shorter, or a little
/// more.
const COARSEST_EDGE_M: f64 = 1_281_256.1;
/// No cell is more than 1.11 times as wide as the average (`reach_holds` in `geo_index`).
const WIDEST: f64 = 1.11;

/// The cells that have places in a box.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "CellCounts")]
pub struct CellCounts {
    r#type: &'static str,
    /// What the counts are: `exact`, of the time of the answer.
    #[schema(examples("exact"))]
    counts: &'static str,
    /// H3 resolution of the cells.
    #[schema(maximum = 15)]
    resolution: u8,
    /// How many cells there are.
    #[serde(rename = "numberReturned")]
    number_returned: usize,
    /// Places in all of them.
    places: u64,
    /// The cells, in ascending order.
    features: Vec<CountedCell>,
}

/// A cell, as its outline.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedCell {
    r#type: &'static str,
    /// The H3 index.
    #[schema(examples("851fb467fffffff"))]
    id: String,
    geometry: Outline,
    properties: CountedProperties,
}

/// What is counted in a cell.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedProperties {
    /// The H3 index.
    #[schema(examples("851fb467fffffff"))]
    cell: String,
    /// Its resolution.
    #[schema(maximum = 15)]
    resolution: u8,
    /// Places in the cell, those outside of the box included.
    count: u64,
}

/// How many places each H3 cell has
///
/// Of the cells in which at least one place of the box lies. A count is of the whole cell, so a cell has the same count
/// whatever box shows it; a place is in the cell that `latLngToCell` of H3 gives for its position. An answer is whole: if
/// more than 50,000 places would have to be counted, or more than 5,000 cells listed, it is a problem.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/cells",
    tag = "search",
    operation_id = "cellCounts",
    params(
        CollectionParameter,
        ("bbox" = Vec<f64>, Query, description = "west,south,east,north in degrees; west > east crosses the antimeridian", style = Form, explode = false, min_items = 4, max_items = 6, example = json!([2.2, 48.8, 2.5, 48.9])),
        ("resolution" = u8, Query, description = "H3 resolution of the cells", minimum = 0, maximum = 15, example = json!(7)),
        CategoryParameter,
    ),
    responses(
        (status = 200, description = "The cells", body = CellCounts, content_type = "application/geo+json",
            headers(
                ("cache-control" = String, description = "How long anybody may keep it"),
                ("etag" = String, description = "Differs by encoding"),
                ("cache-tag" = String, description = "What to forget it by; not there if it depends on too many parts of the world, and then it is kept for seconds"),
                ("server-timing" = String, description = "Time and work of the search"),
            )),
        (status = 304, description = "As the `If-None-Match` of the request has it"),
        CellProblems,
    ),
)]
pub async fn cells(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let CellsParams { bbox, resolution, category } = parse_cells(raw.as_deref())?;
    require_collection(&state, &collection, deadline).await?;
    let around = widened(bbox, widest_m(resolution));
    let found = within(&state, &collection, (around, category), "bbox", deadline).await?;
    let make = move |hits: Vec<Hit>| counted(&hits, bbox, resolution);
    found.answer(&state, &headers, GEOJSON, make).await
}

fn counted(hits: &[Hit], bbox: BBox, resolution: u8) -> Result<Vec<u8>, Problem> {
    let mut cells = BTreeMap::<H3Cell, (u64, bool)>::new();
    for position in hits.iter().map(Hit::position) {
        let cell = H3Cell::at(position, resolution).map_err(|error| {
            Problem::new(Kind::Internal, "a place is in no cell").internal(error.to_string())
        })?;
        let (count, is_shown) = cells.entry(cell).or_default();
        *count += 1;
        *is_shown |= bbox.contains(position);
    }
    cells.retain(|_, (_, is_shown)| *is_shown);
    if cells.len() > MAX_CELLS {
        let detail =
            format!("the box has {} cells with places; an answer has {MAX_CELLS} at most", cells.len());
        return Err(Problem::new(Kind::AnswerTooLarge, detail).parameter("resolution").allowed(format!(
            "a coarser resolution or a smaller box, of at most {MAX_CELLS} cells with places"
        )));
    }
    let document = CellCounts {
        r#type: "FeatureCollection",
        counts: "exact",
        resolution,
        number_returned: cells.len(),
        places: cells.values().map(|(count, _)| count).sum(),
        features: cells.into_iter().map(|(cell, (count, _))| feature(cell, count)).collect(),
    };
    encoded(&document)
}

fn feature(cell: H3Cell, count: u64) -> CountedCell {
    CountedCell {
        r#type: "Feature",
        id: cell.to_string(),
        geometry: Outline::of(cell),
        properties: CountedProperties { cell: cell.to_string(), resolution: cell.level(), count },
    }
}

/// No two positions of a cell are farther from each other.
fn widest_m(resolution: u8) -> f64 {
    2.0 * WIDEST * COARSEST_EDGE_M / 7_f64.powf(f64::from(resolution) / 2.0)
}

/// A box that holds everything within so many metres of a box.
fn widened(bbox: BBox, metres: f64) -> BBox {
    let [west, south, east, north] = bbox.edges();
    // A little more, for what rounding does.
    let angle = metres / EARTH_RADIUS_M * 1.001;
    let (low, high) = (south - angle.to_degrees(), north + angle.to_degrees());
    let width = if west <= east { east - west } else { east - west + 360.0 };
    let cos = south.abs().max(north.abs()).to_radians().cos();
    // Where it comes to a pole, it has every longitude.
    let aside = if low <= -90.0 || high >= 90.0 { 360.0 } else { (angle.sin() / cos).asin().to_degrees() };
    let (west, east) = if width + 2.0 * aside < 360.0 {
        let wrapped = |lon: f64| lon - 360.0 * (lon / 360.0).round();
        (wrapped(west - aside), wrapped(east + aside))
    } else {
        (-180.0, 180.0)
    };
    BBox::new(west, low.max(-90.0), east, high.min(90.0)).unwrap_or(BBox::WORLD)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use geo_index::{Position, destination, distance};

    use super::*;

    #[test]
    fn what_is_near_a_box_is_in_the_wider_one() {
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..20_000_u32 {
            let lat = random.f64() * 180.0 - 90.0;
            let (south, lon) = (lat.min(89.0), random.f64() * 360.0 - 180.0);
            let north = (south + random.f64() * 3.0).min(90.0);
            let east = lon + random.f64() * 20.0;
            let bbox = BBox::new(lon, south, if east > 180.0 { east - 360.0 } else { east }, north).unwrap();
            let metres = widest_m((round % 16) as u8);
            let at_lon = lon + random.f64() * (east - lon);
            let at_lon = if at_lon > 180.0 { at_lon - 360.0 } else { at_lon };
            let inside = Position::new(south + random.f64() * (north - south), at_lon).unwrap();
            let near = destination(inside, metres * random.f64(), random.f64() * TAU);
            assert!(distance(inside, near).get() <= metres * 1.0001);
            assert!(widened(bbox, metres).contains(near), "{bbox:?} {metres} {near:?}");
        }
    }

    #[test]
    fn cells_are_no_wider_than_is_said() {
        for resolution in 0..=15 {
            for (lat, lon) in [(48.85, 2.35), (0.0, 0.0), (64.7, 10.5), (90.0, 0.0), (-17.7, 180.0)] {
                let cell = H3Cell::at(Position::new(lat, lon).unwrap(), resolution).unwrap();
                assert!(2.0 * cell.circumradius().get() <= widest_m(resolution), "{cell}");
            }
        }
    }
}
