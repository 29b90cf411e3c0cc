//! Shapes of what is written by splicing bytes or read without a struct: they are only described here.
#![expect(dead_code, reason = "only the schemas are used")]

use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Array, ArrayBuilder, Object, ObjectBuilder, Schema};

/// A link to something related.
#[derive(ToSchema)]
pub struct Link {
    /// Where it leads: a path, or a whole address where the server knows its own (`CELLAR_PUBLIC_URL`).
    href: String,
    /// What it leads to.
    #[schema(examples("next"))]
    rel: String,
    /// Media type of what is there.
    r#type: String,
    /// `POST`, where it is not followed by a GET.
    #[schema(required = false)]
    method: String,
    /// Of a POST: members that are merged into the body that was sent.
    #[schema(required = false)]
    body: LinkBody,
    /// Of a POST: that the members are merged, always true.
    #[schema(required = false)]
    merge: bool,
}

/// What is sent on the way to the next page, beside what was sent before.
#[derive(ToSchema)]
pub struct LinkBody {
    cursor: String,
}

/// A point, `[longitude, latitude]` in degrees.
#[derive(ToSchema)]
pub struct Point {
    r#type: PointType,
    #[schema(schema_with = coordinates)]
    coordinates: Vec<f64>,
}

/// A list of numbers, for that is what clients have a type for: generators make of a tuple either nothing or something that
/// no array fits.
fn coordinates() -> Array {
    // Without it a client in Kotlin has decimals of any length.
    let double = SchemaFormat::KnownFormat(KnownFormat::Double);
    ArrayBuilder::new()
        .description(Some(
            "Longitude -180 to 180, latitude -90 to 90, and an altitude that is accepted but not kept",
        ))
        .items(ObjectBuilder::new().schema_type(Type::Number).format(Some(double)).build())
        .min_items(Some(2))
        .max_items(Some(3))
        .build()
}

const PROPERTIES: &str = "Anything; `category` can be searched for: a string, a number, a boolean, or up to four of these in an array, each of at most 200 bytes without control characters";

/// An object with any members.
fn properties() -> Object {
    ObjectBuilder::new()
        .description(Some(PROPERTIES))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
        .build()
}

/// The same, or nothing.
fn properties_or_none() -> Object {
    let types = SchemaType::from_iter([Type::Object, Type::Null]);
    ObjectBuilder::from(properties()).schema_type(types).build()
}

#[derive(ToSchema)]
enum PointType {
    Point,
}

#[derive(ToSchema)]
enum FeatureType {
    Feature,
}

#[derive(ToSchema)]
enum CollectionType {
    FeatureCollection,
}

/// A place.
#[derive(ToSchema)]
#[schema(examples(json!({
    "type": "Feature",
    "id": "w-1",
    "geometry": { "type": "Point", "coordinates": [2.3522, 48.8566] },
    "properties": { "name": "Le Cellier", "category": "winery", "opening_hours": "Mo-Sa 10:00-19:00" },
})))]
pub struct Feature {
    r#type: FeatureType,
    /// Id within the collection.
    #[schema(min_length = 1, max_length = 512, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
    id: String,
    geometry: Point,
    #[schema(schema_with = properties)]
    properties: (),
    /// Of a place by itself: `self`, `alternate` and `collection`.
    #[schema(required = false)]
    links: Vec<Link>,
}

/// A place to be written under the id of the path.
#[derive(ToSchema)]
#[schema(examples(json!({
    "type": "Feature",
    "geometry": { "type": "Point", "coordinates": [2.3522, 48.8566] },
    "properties": { "name": "Le Cellier", "category": "winery", "opening_hours": "Mo-Sa 10:00-19:00" },
})))]
pub struct FeatureInput {
    r#type: FeatureType,
    /// If it is there, it must be the id of the path.
    #[schema(required = false, min_length = 1, max_length = 512, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
    id: String,
    geometry: Point,
    #[schema(schema_with = properties_or_none, required = false)]
    properties: (),
}

/// Places to be written, each with its own id.
#[derive(ToSchema)]
#[schema(examples(json!({
    "type": "FeatureCollection",
    "features": [
        { "type": "Feature", "id": "w-1", "geometry": { "type": "Point", "coordinates": [2.3522, 48.8566] },
          "properties": { "name": "Le Cellier", "category": "winery", "opening_hours": "Mo-Sa 10:00-19:00" } },
        { "type": "Feature", "id": "w-2", "geometry": { "type": "Point", "coordinates": [2.2945, 48.8584] },
          "properties": { "name": "La Cave", "category": "wine bar" } },
    ],
})))]
pub struct FeatureBatch {
    r#type: CollectionType,
    /// At most 1,000, of at most 64 KiB each.
    #[schema(max_items = 1000)]
    features: Vec<Feature>,
}

/// A page of places.
#[derive(ToSchema)]
pub struct FeatureCollection {
    r#type: CollectionType,
    /// How many there are on this page.
    #[schema(rename = "numberReturned", minimum = 0, maximum = 100)]
    number_returned: u32,
    /// When it was made (RFC 3339).
    #[schema(rename = "timeStamp", examples("2026-01-31T12:00:00Z"))]
    time_stamp: String,
    /// How many there are in all, where one answer has them all.
    #[schema(rename = "numberMatched", required = false, minimum = 0)]
    number_matched: u32,
    /// `self`, `collection`, and `next` unless this is the last page.
    links: Vec<Link>,
    features: Vec<Feature>,
}

/// A place, and how far away it is.
#[derive(ToSchema)]
pub struct NearbyFeature {
    r#type: FeatureType,
    /// Great-circle distance in metres.
    #[schema(minimum = 0)]
    distance_m: f64,
    /// With `open_at`: `open`, `unknown` if its hours say that one cannot know, `unstated` if it has none that can be read.
    #[schema(required = false, examples("open"))]
    open_state: String,
    /// With `open_at`: when that ends, with the offset of the place's time zone; `null` if not within 366 days.
    #[schema(required = false, examples("2026-12-24T19:00:00+01:00"))]
    open_until: Option<String>,
    /// With `open_at`: what its hours remark on that time.
    #[schema(required = false)]
    open_comment: String,
    /// Id within the collection.
    #[schema(min_length = 1, max_length = 512, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
    id: String,
    geometry: Point,
    #[schema(schema_with = properties)]
    properties: (),
}

/// A page of places, nearest first.
#[derive(ToSchema)]
pub struct NearbyCollection {
    r#type: CollectionType,
    /// With `sort` by a property: places up to this distance in metres are in order together, those of pages before aside.
    #[schema(required = false, minimum = 0)]
    sorted_within_m: f64,
    /// How many there are on this page.
    #[schema(rename = "numberReturned", minimum = 0, maximum = 100)]
    number_returned: u32,
    /// `self`, and `next` unless this is the last page.
    links: Vec<Link>,
    features: Vec<NearbyFeature>,
}

/// A place within a shape.
#[derive(ToSchema)]
pub struct FoundFeature {
    r#type: FeatureType,
    /// Great-circle distance in metres from the position, if there is one.
    #[schema(required = false, minimum = 0)]
    distance_m: f64,
    /// With `open_at`: `open`, `unknown` if its hours say that one cannot know, `unstated` if it has none that can be read.
    #[schema(required = false, examples("open"))]
    open_state: String,
    /// With `open_at`: when that ends, with the offset of the place's time zone; `null` if not within 366 days.
    #[schema(required = false, examples("2026-12-24T19:00:00+01:00"))]
    open_until: Option<String>,
    /// With `open_at`: what its hours remark on that time.
    #[schema(required = false)]
    open_comment: String,
    /// Id within the collection.
    #[schema(min_length = 1, max_length = 512, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
    id: String,
    geometry: Point,
    #[schema(schema_with = properties)]
    properties: (),
}

/// A page of places within a shape.
#[derive(ToSchema)]
pub struct FoundCollection {
    r#type: CollectionType,
    /// With `sort` by a property: places up to this distance in metres are in order together, those of pages before aside.
    #[schema(required = false, minimum = 0)]
    sorted_within_m: f64,
    /// How many there are on this page.
    #[schema(rename = "numberReturned", minimum = 0, maximum = 100)]
    number_returned: u32,
    /// `self`, and `next` unless this is the last page.
    links: Vec<Link>,
    features: Vec<FoundFeature>,
}

/// What the edges of a polygon are.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Edges {
    /// Arcs of great circles.
    Geodesic,
    /// Straight in longitude and latitude.
    Planar,
}

/// A geometry of GeoJSON with coordinates of any depth.
fn geometry() -> Object {
    let coordinates =
        ArrayBuilder::new().items(ObjectBuilder::new().schema_type(SchemaType::AnyValue).build()).build();
    ObjectBuilder::new()
        .property("type", ObjectBuilder::new().schema_type(Type::String).build())
        .property("coordinates", coordinates)
        .required("type")
        .required("coordinates")
        .build()
}

/// A search within a shape. Exactly one of `bbox`, `within` and `along` is there; all other members are those of the GET.
#[derive(ToSchema)]
#[schema(examples(json!({
    "within": { "type": "Polygon", "coordinates": [[[2.2, 48.8], [2.5, 48.8], [2.5, 48.9], [2.2, 48.9], [2.2, 48.8]]] },
    "lat": 48.8566, "lon": 2.3522, "limit": 10, "filter": "category = 'winery'",
})))]
pub struct SearchBody {
    /// A GeoJSON `Polygon` or `MultiPolygon` with holes, of at most 10,000 points and 1,000 polygons.
    #[schema(required = false, schema_with = geometry)]
    within: (),
    /// A GeoJSON `LineString` or `MultiLineString`, of at most 10,000 points and 1,000 lines.
    #[schema(required = false, schema_with = geometry)]
    along: (),
    /// Metres to either side of the line.
    #[schema(required = false, exclusive_minimum = 0, maximum = 1_000_000)]
    width: f64,
    /// West, south, east and north in degrees.
    #[schema(required = false, min_items = 4, max_items = 6)]
    bbox: Vec<f64>,
    #[schema(required = false, inline)]
    edges: Edges,
    #[schema(required = false, minimum = -90, maximum = 90)]
    lat: f64,
    #[schema(required = false, minimum = -180, maximum = 180)]
    lon: f64,
    /// Metres.
    #[schema(required = false, exclusive_minimum = 0)]
    radius: f64,
    #[schema(required = false, minimum = 1, maximum = 100)]
    limit: u32,
    #[schema(required = false, min_length = 1)]
    category: String,
    #[schema(required = false, min_length = 1, max_length = 2048)]
    filter: String,
    #[schema(required = false, min_length = 1, max_length = 256)]
    q: String,
    #[schema(required = false, min_items = 1, max_items = 32)]
    fields: Vec<String>,
    #[schema(required = false, min_length = 1, max_length = 201)]
    sort: String,
    /// As the parameter of the GET.
    #[schema(required = false, min_length = 1, max_length = 25)]
    open_at: String,
    /// `include`, as the parameter of the GET.
    #[schema(required = false, pattern = "^include$")]
    open_at_unknown: String,
    #[schema(required = false, inline)]
    distance_in: DistanceIn,
    #[schema(required = false, min_length = 1)]
    cursor: String,
}

/// A position of a batch: any parameter of `/nearby` may be here, too.
#[derive(ToSchema)]
pub struct BatchPosition {
    /// A text of the client's own, which the result repeats.
    #[schema(required = false)]
    id: String,
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    #[schema(minimum = -180, maximum = 180)]
    lon: f64,
    /// Metres.
    #[schema(required = false, exclusive_minimum = 0)]
    radius: f64,
    #[schema(required = false, minimum = 1, maximum = 100)]
    limit: u32,
}

/// Positions, and what they share.
#[derive(ToSchema)]
#[schema(examples(json!({
    "positions": [{ "id": "home", "lat": 48.8566, "lon": 2.3522 }, { "id": "work", "lat": 48.89, "lon": 2.24, "limit": 3 }],
    "radius": 5000, "limit": 10,
})))]
pub struct BatchBody {
    #[schema(min_items = 1, max_items = 100)]
    positions: Vec<BatchPosition>,
    /// Metres.
    #[schema(required = false, exclusive_minimum = 0)]
    radius: f64,
    #[schema(required = false, minimum = 1, maximum = 100)]
    limit: u32,
    #[schema(required = false, min_length = 1)]
    category: String,
    #[schema(required = false, min_length = 1, max_length = 2048)]
    filter: String,
    #[schema(required = false, min_length = 1, max_length = 256)]
    q: String,
    #[schema(required = false, min_items = 1, max_items = 32)]
    fields: Vec<String>,
    #[schema(required = false, min_length = 1, max_length = 201)]
    sort: String,
    /// As the parameter of the GET.
    #[schema(required = false, min_length = 1, max_length = 25)]
    open_at: String,
    /// `include`, as the parameter of the GET.
    #[schema(required = false, pattern = "^include$")]
    open_at_unknown: String,
    #[schema(required = false, inline)]
    distance_in: DistanceIn,
}

/// The result of one position: an answer or a problem.
#[derive(ToSchema)]
pub struct BatchResult {
    /// That of the position.
    #[schema(required = false)]
    id: String,
    #[schema(required = false)]
    answer: NearbyCollection,
    #[schema(required = false)]
    problem: Problem,
}

/// The results, in the order of the positions.
#[derive(ToSchema)]
pub struct BatchAnswer {
    results: Vec<BatchResult>,
}

/// The places nearest to a cell's centre, nearest first.
#[derive(ToSchema)]
pub struct CellCollection {
    r#type: CollectionType,
    /// The cell.
    #[schema(examples("gh:u09t"))]
    cell: String,
    /// Whole metres: every place that is closer to the cell's centre is listed.
    #[schema(minimum = 0, maximum = 200_000)]
    certified_radius_m: u32,
    /// How many there are.
    #[schema(rename = "numberReturned", minimum = 0, maximum = 128)]
    number_returned: u32,
    /// `self`: the canonical URL.
    links: Vec<Link>,
    features: Vec<Feature>,
}

/// How `/nearby` answers.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Mode {
    /// For this very position.
    Exact,
    /// For all positions of a cell around it; the client puts the places in order.
    Cell,
}

/// Where a place tells how far away it is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum DistanceIn {
    /// In the member `distance_m` of the Feature.
    Member,
    /// There, and in a property of this name, in place of one that it may have: for clients that read only properties.
    Properties,
}

/// How deep a health check probes.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Depth {
    /// The process answers.
    Shallow,
    /// The table answers, too.
    Deep,
}

/// A collection.
#[derive(ToSchema)]
pub struct CollectionDocument {
    /// Its name.
    #[schema(examples("wineries"))]
    id: String,
    /// A title for people.
    #[schema(required = false)]
    title: String,
    /// `active`, or `deleting`.
    status: Status,
    /// While it is being deleted: how many places, and notes about it, are gone already.
    #[schema(required = false)]
    deleted: u64,
    /// Where its places are: a box around the cells that have had some.
    #[schema(required = false)]
    extent: crate::extent::Extent,
    /// Always `feature`.
    #[schema(rename = "itemType", examples("feature"))]
    item_type: String,
    /// Always CRS84.
    crs: Vec<String>,
    links: Vec<Link>,
}

/// Whether a collection can be used.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Status {
    /// It can.
    Active,
    /// It is being deleted.
    Deleting,
}

/// The collections.
#[derive(ToSchema)]
pub struct CollectionList {
    collections: Vec<CollectionDocument>,
    links: Vec<Link>,
}

/// What there is.
#[derive(ToSchema)]
pub struct Landing {
    title: String,
    description: String,
    links: Vec<Link>,
}

/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(examples(json!({
    "type": "/problems/parameter-out-of-range",
    "title": "Parameter out of range",
    "status": 400,
    "detail": "`lat` is 91; it must be -90 to 90",
    "instance": "6ad2ec26bbc4e6d0c1b0ee5a4c5ad6a3",
    "parameter": "lat",
    "allowed": "-90 to 90",
})))]
pub struct Problem {
    /// The kind of problem, as a path that describes it.
    r#type: String,
    /// The same for every problem of the kind.
    title: String,
    /// Status of the response.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// Id of the request, as in the header `x-request-id`.
    instance: String,
    /// Name of the parameter at fault.
    #[schema(required = false)]
    parameter: String,
    /// Of a parameter with a grammar of its own: the character at fault, counted from 1.
    #[schema(required = false, minimum = 1)]
    position: u32,
    /// What would be allowed.
    #[schema(required = false)]
    allowed: String,
    /// The features at fault, the first 20.
    #[schema(required = false)]
    errors: Vec<FeatureFault>,
}

/// A feature that cannot be stored.
#[derive(ToSchema)]
pub struct FeatureFault {
    /// Index of the feature, from 0.
    index: u32,
    /// JSON pointer of the member at fault.
    pointer: String,
    /// What is wrong with it.
    detail: String,
}
