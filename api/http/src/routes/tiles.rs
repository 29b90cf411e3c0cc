//! Vector tiles, and what tells map libraries of them (TileJSON 3.0).

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use geo_index::tree::Hit;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::encoded;
use super::coded::tagged;
use super::require_collection;
use super::shared::within;
use crate::base::Base;
use crate::description::{CategoryParameter, CellProblems, CollectionParameter};
use crate::extent::Extent;
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, NoQuery, TilePath, parse_tile};
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use crate::tiling::MAX_ZOOM;
use crate::vector_tile::{CLUSTERS, MEDIA_TYPE, PLACES, encode};

/// Latitude at which the projection's square ends.
const MAX_LATITUDE: f64 = 85.051_128_779_806_59;

/// What there is of a collection's tiles.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "TileJson")]
pub struct TileJson {
    /// Version of TileJSON.
    #[schema(examples("3.0.0"))]
    tilejson: &'static str,
    /// The collection.
    #[schema(examples("wineries"))]
    name: String,
    /// Address of the tiles, with `{z}`, `{x}` and `{y}`.
    tiles: [String; 1],
    scheme: &'static str,
    minzoom: u8,
    maxzoom: u8,
    /// West, south, east and north of where there may be places.
    bounds: [f64; 4],
    vector_layers: [VectorLayer; 2],
}

/// A layer of the tiles.
#[derive(Debug, Serialize, ToSchema)]
pub struct VectorLayer {
    /// `places`, or `clusters` where there are many: a tile has one of the two.
    #[schema(examples("places"))]
    id: &'static str,
    description: &'static str,
    /// Properties and their types.
    #[schema(value_type = Object)]
    fields: serde_json::Value,
}

/// The bytes of a Mapbox Vector Tile.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary, title = "VectorTile")]
pub struct VectorTile(#[expect(dead_code, reason = "only the description is used")] Vec<u8>);

/// What there is of vector tiles
///
/// TileJSON 3.0, as map libraries such as MapLibre take it for a source. `cluster` features of a tile count the places of
/// a square, of which there are 16 by 16 to a tile.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/tiles",
    tag = "search",
    operation_id = "tileJson",
    params(CollectionParameter),
    responses(
        (status = 200, description = "The document", body = TileJson,
            headers(("etag" = String, description = "Changes with the document"))),
        (status = 304, description = "As the `If-None-Match` of the request has it"),
        CellProblems,
    ),
)]
pub async fn tile_json(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    base: Base,
    deadline: Deadline,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_collection(&state, &collection, deadline).await?;
    let roots = state.store.roots(&collection, deadline.0).await?.roots;
    let extent = Extent::of(roots.as_deref());
    let [west, south, east, north] = extent.as_ref().map_or([-180.0, -90.0, 180.0, 90.0], Extent::bbox);
    let inside = |lat: f64| lat.clamp(-MAX_LATITUDE, MAX_LATITUDE);
    let document = TileJson {
        tilejson: "3.0.0",
        name: collection.to_string(),
        tiles: [base.address(&format!("/v1/collections/{collection}/tiles/{{z}}/{{x}}/{{y}}"))],
        scheme: "xyz",
        minzoom: 0,
        maxzoom: MAX_ZOOM,
        bounds: [west, inside(south), east, inside(north)],
        vector_layers: [
            VectorLayer {
                id: PLACES,
                description: "Each place, where a tile has few",
                fields: serde_json::json!({ "id": "String", "name": "String", "category": "String" }),
            },
            VectorLayer {
                id: CLUSTERS,
                description: "How many places a square has, where a tile has many",
                fields: serde_json::json!({ "count": "Number" }),
            },
        ],
    };
    tagged(&headers, "application/json", encoded(&document)?).await
}

/// A vector tile
///
/// Mapbox Vector Tile 2.1 in WebMercatorQuad, 4,096 units wide with a buffer of 64. It has a layer `places` if at most
/// 1,000 places lie in it and its buffer, else a layer `clusters`, whose features say how many places of the tile lie in
/// their square; none if there are no places. Every place is in one tile of a zoom, its buffer aside; those beyond
/// 85.05° are in none. A tile of more than 50,000 places is a problem.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/tiles/{z}/{x}/{y}",
    tag = "search",
    operation_id = "tile",
    params(
        CollectionParameter,
        ("z" = u8, Path, description = "Zoom", minimum = 0, maximum = 22, example = json!(10)),
        ("x" = u32, Path, description = "Column, from the west: 0 to 2^z - 1", minimum = 0, maximum = 4_194_303, example = json!(517)),
        ("y" = String, Path, description = "Row, from the north: 0 to 2^z - 1; `.mvt` or `.pbf` may follow", pattern = "^[0-9]+([.](mvt|pbf))?$", example = json!("352")),
        CategoryParameter,
        ("fields" = inline(Option<String>), Query, description = "Properties of each place beside `id`, `name` and `category`: texts, numbers and truth values. 1 to 32 names with commas between them", min_length = 1, max_length = 6600, example = json!("rating")),
    ),
    responses(
        (status = 200, description = "The tile", body = VectorTile, content_type = "application/vnd.mapbox-vector-tile",
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
pub async fn tile(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    TilePath(tile): TilePath,
    deadline: Deadline,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_tile(raw.as_deref())?;
    require_collection(&state, &collection, deadline).await?;
    let wanted = (tile.bounds(), params.category);
    let found = within(&state, &collection, wanted, "z", deadline).await?;
    let make = move |hits: Vec<Hit>| {
        let places: Vec<_> = hits.iter().filter_map(|hit| Some((hit, tile.pixel(hit.position())?))).collect();
        encode(&places, params.fields.as_ref()).map_err(|error| {
            Problem::new(Kind::Internal, "the tile could not be made").internal(error.to_string())
        })
    };
    found.answer(&state, &headers, MEDIA_TYPE, make).await
}
