//! Paths of the API, as templates with parameters in braces.
//!
//! The router serves them and metrics are counted by them, so they stand below both.

/// All collections.
pub const COLLECTIONS: &str = "/v1/collections";
/// One collection.
pub const COLLECTION: &str = "/v1/collections/{collection}";
/// The categories of a collection.
pub const CATEGORIES: &str = "/v1/collections/{collection}/categories";
/// Exact nearby search.
pub const NEARBY: &str = "/v1/collections/{collection}/nearby";
/// Exact nearby searches from several positions.
pub const NEARBY_BATCH: &str = "/v1/collections/{collection}/nearby:batch";
/// [`NEARBY_BATCH`] as it comes from clients that escape a colon in a path.
pub const NEARBY_BATCH_ESCAPED: [&str; 2] =
    ["/v1/collections/{collection}/nearby%3Abatch", "/v1/collections/{collection}/nearby%3abatch"];
/// Places within a shape.
pub const SEARCH: &str = "/v1/collections/{collection}/search";
/// Cell answers.
pub const CELL_NEARBY: &str = "/v1/collections/{collection}/cells/{cell}/nearby";
/// How many places each H3 cell has.
pub const CELLS: &str = "/v1/collections/{collection}/cells";
/// What there is of vector tiles.
pub const TILES: &str = "/v1/collections/{collection}/tiles";
/// One vector tile.
pub const TILE: &str = "/v1/collections/{collection}/tiles/{z}/{x}/{y}";
/// The density map of a collection.
pub const EDGE_MAP: &str = "/v1/collections/{collection}/edge-map";
/// The pages that an exact search looks at.
pub const PAGES: &str = "/v1/collections/{collection}/pages";
/// Places in a box; several places to write.
pub const ITEMS: &str = "/v1/collections/{collection}/items";
/// One place.
pub const ITEM: &str = "/v1/collections/{collection}/items/{id}";
/// Imports into a collection.
pub const IMPORTS: &str = "/v1/collections/{collection}/imports";
/// One import.
pub const IMPORT: &str = "/v1/collections/{collection}/imports/{import}";
/// Ends an import.
pub const IMPORT_CANCEL: &str = "/v1/collections/{collection}/imports/{import}/cancel";
/// What an import did not store.
pub const IMPORT_REJECTS: &str = "/v1/collections/{collection}/imports/{import}/rejects";
/// What has changed in a collection since.
pub const CHANGES: &str = "/v1/collections/{collection}/changes";
/// Changes as they happen.
pub const WATCH: &str = "/v1/collections/{collection}/live";
/// Links to what there is.
pub const LANDING: &str = "/";
/// The same, where the API begins.
pub const API: &str = "/v1";
/// The same with a slash, which some clients add.
pub const API_SLASH: &str = "/v1/";
/// Where clients that do not read the landing page look for the collections.
pub const COLLECTIONS_AT_ROOT: &str = "/collections";
/// Which standards are kept.
pub const CONFORMANCE: &str = "/conformance";
/// The same below the API.
pub const API_CONFORMANCE: &str = "/v1/conformance";
/// A page for people.
pub const EXPLORER: &str = "/explorer";
/// Liveness probe.
pub const LIVE: &str = "/live";
/// Readiness probe.
pub const READY: &str = "/ready";
/// Health check, shallow or deep.
pub const HEALTH: &str = "/health";
/// Metrics, as Prometheus reads them.
pub const METRICS: &str = "/metrics";
/// The OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";
/// The same for clients that read OpenAPI 3.0.
pub const OPENAPI_3_0: &str = "/openapi-3.0.json";
/// Types of problems.
pub const PROBLEMS: &str = "/problems";
/// One type of problem.
pub const PROBLEM: &str = "/problems/{problem}";

/// Those of the paths whose POST only reads: what is asked for is too long for a URL.
pub const READS_BY_POST: [&str; 2] = [NEARBY_BATCH, SEARCH];

/// Every path, in the order of the router.
pub const ALL: [&str; 35] = [
    COLLECTIONS,
    COLLECTION,
    CATEGORIES,
    NEARBY,
    NEARBY_BATCH,
    SEARCH,
    CELL_NEARBY,
    CELLS,
    TILES,
    TILE,
    EDGE_MAP,
    PAGES,
    ITEMS,
    ITEM,
    IMPORTS,
    IMPORT,
    IMPORT_CANCEL,
    IMPORT_REJECTS,
    CHANGES,
    WATCH,
    LANDING,
    API,
    API_SLASH,
    COLLECTIONS_AT_ROOT,
    CONFORMANCE,
    API_CONFORMANCE,
    EXPLORER,
    LIVE,
    READY,
    HEALTH,
    METRICS,
    OPENAPI,
    OPENAPI_3_0,
    PROBLEMS,
    PROBLEM,
];
