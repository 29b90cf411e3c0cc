//! Files in the layouts that people bring, each of which gives all its places, or says line by line what it does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cellar_jobs::import::{
    ColumnNames, Findings, Import, Input, OnRepeat, Preset, ReadOptions, Reject, RepresentativePoint, Silent,
    Summary, import, read_whole,
};
use cellar_test_kit::memory::MemoryStore;
use serde_json::{Value, json};

use super::{COLLECTION, read_rejects};

/// What an import of a file gave.
struct Given {
    places: BTreeMap<String, Value>,
    rejects: Vec<Reject>,
    summary: Summary,
}

impl Given {
    fn ids(&self) -> Vec<&str> {
        self.places.keys().map(String::as_str).collect()
    }

    /// Latitude and longitude of a place.
    fn at(&self, id: &str) -> (f64, f64) {
        let coordinates = &self.places[id]["geometry"]["coordinates"];
        (coordinates[1].as_f64().unwrap(), coordinates[0].as_f64().unwrap())
    }

    fn properties(&self, id: &str) -> &Value {
        &self.places[id]["properties"]
    }

    fn findings(&self) -> &Findings {
        &self.summary.findings
    }

    /// Line and reason of what was not stored.
    fn reasons(&self) -> Vec<(u64, &str)> {
        self.rejects.iter().map(|reject| (reject.line, reject.reason.as_str())).collect()
    }
}

fn layout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layouts").join(name)
}

async fn try_import(input: Input, options: ReadOptions) -> Result<Given, String> {
    let (directory, store) = (tempfile::tempdir().unwrap(), MemoryStore::default());
    let rejects = directory.path().join("rejected.jsonl");
    let collection: cellar_model::Collection = COLLECTION.parse().unwrap();
    let options = ReadOptions { only: Some(collection.clone()), ..options };
    let job = Import { options, rejects: Some(rejects.clone()), ..Import::new(collection, input) };
    let summary = import(job, &store, &Silent).await.map_err(|error| error.to_string())?;
    let places: BTreeMap<String, Value> = store
        .places()
        .into_iter()
        .map(|(id, feature)| (id, serde_json::from_str(&feature).unwrap()))
        .collect();
    let rejects = read_rejects(&rejects);
    assert_eq!(summary.stored, places.len() as u64, "what is said to be stored is there");
    assert_eq!(summary.rejected + summary.repeated, rejects.len() as u64, "what is not is listed");
    assert_eq!(summary.read, summary.stored + summary.rejected + summary.repeated);
    Ok(Given { places, rejects, summary })
}

async fn given(name: &str) -> Given {
    with(name, ReadOptions::default()).await
}

async fn with(name: &str, options: ReadOptions) -> Given {
    try_import(Input::File(layout(name)), options).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

async fn refused(name: &str, options: ReadOptions) -> String {
    try_import(Input::File(layout(name)), options)
        .await
        .err()
        .unwrap_or_else(|| panic!("{name} was imported"))
}

/// The two places that most of the files hold.
fn assert_both(given: &Given, name: &str) {
    assert_eq!(given.ids(), ["1", "2"], "{name}: {:?}", given.rejects);
    assert_eq!((given.at("1"), given.at("2")), ((46.95, 7.45), (47.37, 8.54)), "{name}");
}

#[tokio::test]
async fn separators_encodings_and_packing_are_recognised() {
    for name in [
        "backslash.csv",
        "decimal_comma.csv",
        "packed.csv.bz2",
        "packed.csv.xz",
        "packed.csv.zip",
        "returns.csv",
        "semicolon.csv",
        "utf16.csv",
    ] {
        assert_both(&given(name).await, name);
    }
    assert_eq!(given("backslash.csv").await.properties("1")["name"], "The \"Bear\", Bern");
    assert_eq!(given("semicolon.csv").await.properties("2")["name"], "Zug; new");
    assert_eq!(given("utf16.csv").await.properties("1")["name"], "Bérn");
    for name in ["comment.csv", "separator.csv", "e7.csv", "latitude_deg.csv", "twice.csv"] {
        assert_eq!(given(name).await.at("1"), (46.95, 7.45), "{name}");
    }
    assert_eq!(given("tabs.tsv").await.properties("1")["name"], "The \"Bear");
    assert_eq!(*given("twice.csv").await.properties("1"), json!({"name": "Bern", "name_2": "Berne"}));
    assert_eq!(given("trailing.csv").await.ids(), ["1", "2", "3"]);
    assert_eq!(given("feed.zip").await.properties("22")["stop_name"], "Bern, Bahnhof");
    let options = ReadOptions { generate_ids: true, ..ReadOptions::default() };
    assert_eq!(with("places.kmz", options).await.places.len(), 1);
    let error = refused("two.zip", ReadOptions::default()).await;
    assert!(error.contains("a zip of 2 files"), "{error}");
}

#[tokio::test]
async fn an_encoding_that_cannot_be_told_is_asked_for() {
    let guessed = given("latin1.csv").await;
    assert_eq!(guessed.ids(), ["2"]);
    assert!(guessed.reasons()[0].1.contains("--encoding windows-1252"), "{:?}", guessed.rejects);
    let said =
        with("latin1.csv", ReadOptions { encoding: Some("latin1".into()), ..ReadOptions::default() }).await;
    assert_eq!(said.properties("1")["name"], "Café");
}

#[tokio::test]
async fn positions_are_read_in_every_form() {
    let angles = given("sexagesimal.csv").await;
    for id in ["1", "2", "3", "4", "5"] {
        assert_eq!(angles.at(id), (46.95, 7.45), "{id}");
    }
    let pair = given("pair.csv").await;
    assert_eq!((pair.at("LSZB"), pair.at("KSFO")), ((46.912, 7.499), (37.618, -122.375)));
    let wkt = given("wkt.csv").await;
    assert_eq!(wkt.ids(), ["1", "2", "4", "5"]);
    assert_eq!(
        (wkt.at("1"), wkt.at("2"), wkt.at("4"), wkt.at("5")),
        ((46.95, 7.45), (47.37, 8.54), (46.95, 7.45), (46.95, 7.45))
    );
    assert!(wkt.reasons()[0].1.contains("it is a LineString"), "{:?}", wkt.rejects);
    let options =
        ReadOptions { representative_point: Some(RepresentativePoint::Centroid), ..ReadOptions::default() };
    assert_eq!(with("wkt.csv", options).await.at("3"), (46.5, 7.5));
}

#[tokio::test]
async fn a_table_without_a_header_needs_names() {
    let error = refused("noheader.csv", ReadOptions::default()).await;
    assert!(error.contains("name them with --columns") && error.contains("`46.95`"), "{error}");
    let header = ["id", "lat", "lon", "name"].map(str::to_owned).to_vec();
    let named = with("noheader.csv", ReadOptions { header, ..ReadOptions::default() }).await;
    assert_both(&named, "noheader.csv");
    let preset = ReadOptions { preset: Some(Preset::Geonames), ..ReadOptions::default() };
    let geonames = with("geonames.txt", preset).await;
    assert_eq!(geonames.at("2661552"), (46.94809, 7.44744));
    let properties = geonames.properties("2661552");
    assert_eq!((&properties["category"], &properties["population"]), (&json!("PPLC"), &json!(121_631)));
    assert_eq!(properties["admin2_code"], "02", "a code stays text");
    assert_eq!(properties["alternatenames"], "\"Berna\",\"Berne", "GeoNames quotes nothing");
}

#[tokio::test]
async fn stops_of_gtfs_have_their_names_and_codes() {
    for preset in [None, Some(Preset::Gtfs)] {
        let stops = with("stops.txt", ReadOptions { preset, ..ReadOptions::default() }).await;
        assert_eq!(stops.at("22"), (46.948_833, 7.439_131));
        assert_eq!(
            *stops.properties("23"),
            json!({"stop_code": "1144", "stop_name": "Zug", "name": "Zug"}),
            "a column has one type"
        );
    }
    let types = given("types.csv").await;
    assert_eq!(*types.properties("2"), json!({"zip": "63000", "phone": "+41 41", "code": "1000"}));
    assert_eq!(types.properties("1")["phone"], "6175550100");
}

#[tokio::test]
async fn categories_are_found_and_counted() {
    let table = given("categories.csv").await;
    assert_eq!(table.properties("1")["category"], json!(["bakery", "cafe"]));
    assert_eq!(
        (&table.properties("2")["category"], &table.properties("3")["category"]),
        (&json!("bakery"), &json!("12"))
    );
    assert_eq!((table.findings().with_category, table.findings().without_category), (3, 1));
    let features = given("categories.geojson").await;
    assert_eq!(features.properties("4")["category"], "bakery");
    assert_eq!(features.properties("6")["category"], "bakery");
    assert_eq!((features.findings().with_category, features.findings().without_category), (7, 1));
    let most: Vec<(&str, u64)> =
        features.findings().categories.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(most, [("bakery", 5), ("12", 1), ("cafe", 1), ("true", 1)]);
    let columns = ColumnNames { category: Some("categories.primary".into()), ..ColumnNames::default() };
    let asked = with("categories.geojson", ReadOptions { columns, ..ReadOptions::default() }).await;
    assert_eq!(asked.properties("5")["category"], "bakery");
}

#[tokio::test]
async fn json_of_every_shape_is_read() {
    for name in ["features.json", "objects.json", "collections.json"] {
        assert_both(&given(name).await, name);
    }
    let objects = given("objects.json").await;
    assert_eq!(*objects.properties("1"), json!({"name": "Bern", "category": "city"}));
    let lines = given("objects.ndjson").await;
    assert_eq!(lines.ids(), ["1", "2"]);
    assert_eq!(lines.reasons(), [(3, "`lat` is missing")]);
    assert_eq!(given("by_id.json").await.at("zug"), (47.37, 8.54));
    let nested = given("nested.json").await;
    assert_eq!((nested.at("7"), &nested.properties("7")["name"]), ((46.95, 7.45), &json!("Bern")));
    assert_eq!(nested.properties("7")["AddressInfo"]["Latitude"], 46.95, "what is nested stays");
    let overpass =
        with("overpass.json", ReadOptions { preset: Some(Preset::Osm), ..ReadOptions::default() }).await;
    assert_eq!(overpass.ids(), ["node/1", "way/1"]);
    assert_eq!(
        *overpass.properties("node/1"),
        json!({"name": "Bear", "amenity": "cafe", "category": "cafe"})
    );
    assert_eq!(overpass.properties("way/1")["category"], "deli");
    assert!(overpass.reasons()[0].1.contains("without tags"), "{:?}", overpass.rejects);
}

#[tokio::test]
async fn a_number_that_is_none_costs_its_feature() {
    let nan = given("nan.geojson").await;
    assert_eq!(nan.ids(), ["3"]);
    assert_eq!(
        nan.rejects.iter().map(|reject| (reject.id.as_deref(), reject.reason.as_str())).collect::<Vec<_>>(),
        ["1", "2"].map(|id| (Some(id), "`NaN` and `Infinity` are not JSON; write null"))
    );
}

#[tokio::test]
async fn ids_come_from_where_they_are_or_are_made() {
    let none = given("addresses.geojson").await;
    assert_eq!((none.places.len(), none.rejects.len()), (0, 2));
    assert!(none.reasons()[0].1.contains("--id-property"), "{:?}", none.rejects);
    let by_hash = ReadOptions { id_property: Some("hash".into()), ..ReadOptions::default() };
    assert_eq!(with("addresses.geojson", by_hash).await.ids(), ["a1b2", "e3b0"]);
    let made = || ReadOptions { generate_ids: true, ..ReadOptions::default() };
    let (first, second) = (with("addresses.geojson", made()).await, with("addresses.geojson", made()).await);
    assert_eq!((first.ids(), first.places.len()), (second.ids(), 2));
    assert!(refused("chargers.csv", ReadOptions::default()).await.contains("--generate-ids"));
    let chargers = with("chargers.csv", made()).await;
    assert_eq!(
        (chargers.places.len(), chargers.findings().identical, chargers.findings().generated_ids),
        (3, 1, 3)
    );
    assert!(chargers.ids().iter().any(|id| id.ends_with("-2")), "{:?}", chargers.ids());
    assert!((50.0..51.0).contains(&chargers.at(chargers.ids()[0]).0));
    let floats = given("floats.csv").await;
    assert_eq!((floats.ids(), floats.findings().float_ids), (vec!["1.0", "2.0"], 2));
    assert_eq!(floats.reasons().iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn overture_is_read_by_its_preset() {
    let places =
        with("overture.geojsonseq", ReadOptions { preset: Some(Preset::Overture), ..ReadOptions::default() })
            .await;
    let properties = places.properties("08f1");
    assert_eq!((&properties["category"], &properties["name"]), (&json!("coffee_shop"), &json!("Bear")));
    assert_eq!(places.reasons(), [(2, "`geometry` is null; only a Point can be stored")]);
}

#[tokio::test]
async fn a_declared_reference_system_is_never_taken_for_wgs84() {
    let mercator = given("mercator.geojson").await;
    let (lat, lon) = mercator.at("1");
    assert!((lat - 46.925_977).abs() < 1e-6 && (lon - 7.456_017).abs() < 1e-6, "{lat}, {lon}");
    assert!(mercator.at("2").0.abs() < 0.001, "metres, however they look");
    let error = refused("ed50.geojson", ReadOptions::default()).await;
    assert!(error.contains("urn:ogc:def:crs:EPSG::4230") && error.contains("ogr2ogr"), "{error}");
}

#[tokio::test]
async fn xml_gives_its_points_with_their_lines() {
    let made = ReadOptions { generate_ids: true, ..ReadOptions::default() };
    let kml = with("places.kml", made.clone()).await;
    assert_eq!((kml.places.len(), kml.findings().altitudes), (1, 1));
    assert!(kml.reasons()[0].0 == 4 && kml.reasons()[0].1.contains("Polygon"), "{:?}", kml.rejects);
    let surface = ReadOptions { representative_point: Some(RepresentativePoint::Surface), ..made.clone() };
    assert_eq!(with("places.kml", surface).await.places.len(), 2);
    assert_eq!(with("places.gpx", made).await.places.len(), 2);
    let osm = with("places.osm", ReadOptions { preset: Some(Preset::Osm), ..ReadOptions::default() }).await;
    assert_eq!(*osm.properties("node/1"), json!({"name": "Bear", "amenity": "cafe", "category": "cafe"}));
}

#[tokio::test]
async fn parquet_gives_its_rows() {
    let options = || ReadOptions { preset: Some(Preset::Overture), ..ReadOptions::default() };
    let overture = with("overture.parquet", options()).await;
    assert_both(
        &Given { rejects: Vec::new(), places: overture.places.clone(), summary: overture.summary.clone() },
        "overture",
    );
    assert_eq!(
        *overture.properties("1"),
        json!({
            "names": {"primary": "Bern", "common": {"fr": "Berne"}},
            "categories": {"primary": "city", "alternate": ["capital"]},
            "confidence": 0.95, "population": 134_794, "seen": "2026-01-02", "category": "city", "name": "Bern",
        })
    );
    assert_eq!(overture.reasons(), [(3, "`geometry`: it is empty")]);
    let error = refused("ed50.parquet", ReadOptions::default()).await;
    assert!(error.contains("EPSG:4230"), "{error}");
    let foursquare = ReadOptions { preset: Some(Preset::Foursquare), ..ReadOptions::default() };
    let foursquare = with("foursquare.parquet", foursquare).await;
    assert_eq!(foursquare.at("f1"), (46.95, 7.45));
    assert_eq!(foursquare.properties("f2")["category"], json!(["Dining > Café", "Bar"]));
    let areas = given("areas.parquet").await;
    assert!(areas.reasons()[0].1.contains("`footprint`: it is a Polygon"), "{:?}", areas.rejects);
    let centroid =
        ReadOptions { representative_point: Some(RepresentativePoint::Centroid), ..ReadOptions::default() };
    let areas = with("areas.parquet", centroid).await;
    assert_eq!((areas.at("1"), areas.properties("1")), ((46.5, 7.5), &json!({"name": "Field"})));
    let bytes = std::fs::read(layout("overture.parquet")).unwrap();
    let error = try_import(super::stream(bytes), options()).await.err().unwrap();
    assert!(error.contains("name the file"), "{error}");
}

#[tokio::test]
async fn the_binary_format_of_openstreetmap_gives_elements_with_tags() {
    for input in [
        Input::File(layout("places.osm.pbf")),
        super::stream(std::fs::read(layout("places.osm.pbf")).unwrap()),
    ] {
        let options = ReadOptions { preset: Some(Preset::Osm), ..ReadOptions::default() };
        let given = try_import(input, options).await.unwrap();
        assert_eq!((given.ids(), given.at("node/1")), (vec!["node/1"], (46.95, 7.45)));
        assert_eq!(given.properties("node/1")["category"], "cafe");
        assert_eq!(given.rejects[0].id.as_deref(), Some("way/3"), "a way has no position of its own");
    }
}

#[test]
fn what_is_damaged_anywhere_is_an_error_or_other_records_and_never_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    for name in
        ["overture.parquet", "foursquare.parquet", "places.osm.pbf", "packed.csv.zip", "packed.csv.xz"]
    {
        let whole = std::fs::read(layout(name)).unwrap();
        let path = directory.path().join(name);
        for at in (0..whole.len()).step_by(5) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            for bytes in [&damaged[..], &whole[..at]] {
                std::fs::write(&path, bytes).unwrap();
                let options = ReadOptions { generate_ids: true, ..ReadOptions::default() };
                let _ = read_whole(Input::File(path.clone()), &options, |_| {});
            }
        }
    }
}

/// Two records of one id, so many others between them.
fn repeated(between: usize) -> String {
    let mut csv = String::from("id,lat,lon,name\na,46.95,7.45,first\n");
    for n in 0..between {
        writeln!(csv, "{n},10,{},x", n as f64 / 1e3).unwrap();
    }
    csv + "a,-33.9,151.2,second\n"
}

#[tokio::test]
async fn an_id_that_comes_again_is_listed_however_far_apart() {
    for between in [0, 1, 1_999, 2_000, 2_001, 7_000] {
        for on_repeat in [OnRepeat::Last, OnRepeat::First, OnRepeat::Reject] {
            let options = ReadOptions { on_repeat, ..ReadOptions::default() };
            let given = try_import(super::stream(repeated(between)), options).await.unwrap();
            assert_eq!(given.places.len(), between + 1);
            let counted = (given.summary.repeated, given.summary.rejected);
            assert_eq!(counted, if on_repeat == OnRepeat::Reject { (0, 1) } else { (1, 0) });
            let repeat = &given.rejects[0];
            assert_eq!(
                (repeat.line, repeat.repeats_line, repeat.id.as_deref()),
                (between as u64 + 3, Some(2), Some("a"))
            );
            let kept = if on_repeat == OnRepeat::Last { "second" } else { "first" };
            assert_eq!(given.properties("a")["name"], kept, "{between} between, {on_repeat:?}");
        }
    }
}

#[tokio::test]
async fn two_values_of_one_text_are_one_id() {
    let features = [7, 8].map(|n| {
        let id = if n == 7 { "1" } else { "\"1\"" };
        format!(r#"{{"type":"Feature","id":{id},"properties":{{}},"geometry":{{"type":"Point","coordinates":[{n},46]}}}}"#)
    });
    let given = try_import(super::stream(features.join("\n")), ReadOptions::default()).await.unwrap();
    assert_eq!((given.places.len(), given.summary.repeated, given.rejects[0].repeats_line), (1, 1, Some(1)));
}

#[tokio::test]
async fn several_files_are_one_import() {
    let paths = ["semicolon.csv", "twice.csv", "features.json"].map(layout).to_vec();
    let given =
        try_import(Input::Files { name: "several".into(), paths }, ReadOptions::default()).await.unwrap();
    assert_eq!((given.ids(), given.summary.repeated), (vec!["1", "2"], 3));
    let repeat = &given.rejects[0];
    assert_eq!(
        (repeat.file.as_deref(), repeat.repeats_file.as_deref()),
        (Some("twice.csv"), Some("semicolon.csv"))
    );
    assert_eq!((repeat.line, repeat.repeats_line), (2, Some(2)));
}

#[tokio::test]
async fn null_island_boxes_and_crowds_are_told() {
    let mut csv = String::from("id,lat,lon\n");
    for n in 0..10_000 {
        writeln!(csv, "{n},0,0").unwrap();
    }
    csv += "far,50,50\n";
    let bbox = Some(geo_index::BBox::new(-1.0, -1.0, 1.0, 1.0).unwrap());
    let given = try_import(super::stream(csv), ReadOptions { bbox, ..ReadOptions::default() }).await.unwrap();
    assert_eq!(given.findings().null_island, 10_000);
    let crowded = &given.findings().crowded;
    assert_eq!((crowded.points.len(), crowded.more), (1, 0));
    let point = &crowded.points[0];
    assert_eq!((point.lat, point.lon, point.places, point.at_least), (0.0, 0.0, 10_000, false));
    assert_eq!(given.reasons(), [(10_002, "it is outside of --bbox")]);
}

#[tokio::test]
async fn the_checksum_is_that_of_the_collection_whatever_came_again() {
    let once = try_import(
        super::stream("id,lat,lon,name\na,-33.9,151.2,second\n0,10,0,x\n"),
        ReadOptions::default(),
    )
    .await;
    let again = try_import(super::stream(repeated(1)), ReadOptions::default()).await;
    assert_eq!(once.unwrap().summary.checksum, again.unwrap().summary.checksum);
}
