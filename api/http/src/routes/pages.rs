//! What an exact search looks at: for people who want to see how the index works.

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use cellar_model::features::GEOJSON;
use geo_index::{GridCell as _, H3Cell, Page};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::encoded;
use super::require_collection;
use crate::description::{CollectionParameter, SearchProblems};
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, NearbyParams, parse_nearby};
use crate::problem::Problem;
use crate::state::AppState;

/// The pages that a search looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "PageCollection")]
pub struct PageCollection {
    r#type: &'static str,
    /// How many there are.
    #[serde(rename = "numberReturned")]
    number_returned: usize,
    features: Vec<PageFeature>,
}

/// A page, as the outline of its cell.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageFeature {
    r#type: &'static str,
    /// The H3 cell, as in its key.
    #[schema(examples("831fb4fffffffff"))]
    id: String,
    geometry: Outline,
    properties: PageProperties,
}

/// A cell's outline. Beside ±180° it goes on beyond them, so that it is in one piece.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outline {
    r#type: &'static str,
    /// One closed ring of longitudes and latitudes.
    coordinates: [Vec<[f64; 2]>; 1],
}

/// What a page is.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageProperties {
    /// `places`; `split`, of which the pages of the cell's children have the places; `list`, of many places on one
    /// point; `roots`, which tells which roots exist.
    #[schema(examples("places"))]
    kind: &'static str,
    /// H3 resolution of the cell.
    #[schema(maximum = 15)]
    resolution: u8,
    /// Places on it; not there where the page only refers to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    places: Option<u64>,
}

/// The pages that an exact search looks at
///
/// The same search as `/nearby`, whose places are left out: it tells which parts of the index they are found in. For
/// people; programs have no use for it.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/pages",
    tag = "search",
    operation_id = "pages",
    params(
        CollectionParameter,
        ("lat" = f64, Query, description = "Latitude in degrees", minimum = -90, maximum = 90, example = json!(48.8566)),
        ("lon" = f64, Query, description = "Longitude in degrees", minimum = -180, maximum = 180, example = json!(2.3522)),
        ("radius" = inline(Option<f64>), Query, description = "Radius in metres", exclusive_minimum = 0, example = json!(5000)),
        ("limit" = inline(Option<u32>), Query, description = "Most places to find; 20 if left out", minimum = 1, maximum = 100),
        ("category" = inline(Option<String>), Query, description = "Only places whose property `category` is this text"),
    ),
    responses(
        (status = 200, description = "The pages, by cell", body = PageCollection, content_type = "application/geo+json"),
        SearchProblems,
    ),
)]
pub async fn pages(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_nearby(raw.as_deref(), &collection, &state.config, state.now())?;
    require_collection(&state, &collection, deadline).await?;
    let NearbyParams { query, selection, .. } = params;
    let (_, mut used) = state.search.nearby_in_pages(&collection, query, selection, deadline.0).await?;
    used.sort_by_key(|used| used.cell);
    let features: Vec<_> = used.iter().map(|used| feature(used.cell, &used.page)).collect();
    let document = PageCollection { r#type: "FeatureCollection", number_returned: features.len(), features };
    Ok(([(header::CONTENT_TYPE, GEOJSON)], encoded(&document)?).into_response())
}

fn feature(cell: H3Cell, page: &Page) -> PageFeature {
    let (kind, places) = match page {
        Page::Places(places) => ("places", Some(places.len() as u64)),
        Page::Split(_) => ("split", None),
        Page::Crowd(list) => ("list", Some(list.places())),
        Page::Roots(_) => ("roots", None),
    };
    PageFeature {
        r#type: "Feature",
        id: cell.to_string(),
        geometry: Outline::of(cell),
        properties: PageProperties { kind, resolution: cell.level(), places },
    }
}

impl Outline {
    /// The outline of a cell.
    pub(super) fn of(cell: H3Cell) -> Self {
        Self { r#type: "Polygon", coordinates: [ring(cell)] }
    }
}

/// A closed ring in one piece: each corner is on that side of ±180° on which the one before is. Around a pole it goes on
/// along the edge of the map.
fn ring(cell: H3Cell) -> Vec<[f64; 2]> {
    let beside = |before: f64, lon: f64| lon + 360.0 * ((before - lon) / 360.0).round();
    let mut ring: Vec<[f64; 2]> = Vec::new();
    for corner in cell.outline() {
        let before = ring.last().map_or(corner.lon(), |[lon, _]| *lon);
        ring.push([beside(before, corner.lon()), corner.lat()]);
    }
    if let (Some(&[first, lat]), Some(&[last, _])) = (ring.first(), ring.last()) {
        let end = beside(last, first);
        if (end - first).abs() > 180.0 {
            let pole = 90.0_f64.copysign(lat);
            ring.extend([[end, lat], [end, pole], [first, pole]]);
        }
        ring.push([first, lat]);
    }
    ring
}

#[cfg(test)]
mod tests {
    use geo_index::Position;

    use super::*;

    #[test]
    fn a_ring_around_a_pole_goes_round_the_map() {
        for lat in [90.0, -90.0] {
            let cell = H3Cell::at(Position::new(lat, 0.0).unwrap(), 2).unwrap();
            let ring = ring(cell);
            let lons = ring.iter().map(|[lon, _]| *lon);
            let (low, high) =
                lons.fold((f64::MAX, f64::MIN), |(low, high), lon| (low.min(lon), high.max(lon)));
            assert!((high - low - 360.0).abs() < 1e-9, "{ring:?}");
            assert!(ring.contains(&[low, lat]) && ring.contains(&[high, lat]), "{ring:?}");
            assert_eq!(ring.first(), ring.last());
        }
    }

    #[test]
    fn rings_are_closed_and_in_one_piece() {
        for (lat, lon) in [(48.8566, 2.3522), (-17.7, 180.0), (64.7, -179.99), (2.3, -5.2)] {
            for level in [0, 3, 7, 15] {
                let cell = H3Cell::at(Position::new(lat, lon).unwrap(), level).unwrap();
                let ring = ring(cell);
                assert!(ring.len() >= 6 && ring.first() == ring.last(), "{cell}");
                let steps = ring.windows(2).map(|pair| (pair[0][0] - pair[1][0]).abs());
                assert!(steps.fold(0.0, f64::max) < 60.0, "{cell}");
            }
        }
    }
}
