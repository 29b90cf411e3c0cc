use super::*;
use crate::KeyError;
use proptest::prelude::*;

const POINT: &str = r#"{"type":"Point","coordinates":[2.5,48.5]}"#;

fn feature(id: &str, geometry: &str, properties: &str) -> String {
    format!(r#"{{"type":"Feature","id":{id},"geometry":{geometry},"properties":{properties}}}"#)
}

fn place(json: &str) -> Result<Place, FeatureError> {
    parse_feature(json, IdRule::Member)
}

fn read(json: &str) -> Result<String, FeatureError> {
    place(json).map(|place| place.feature())
}

fn batch(json: &str, max: usize) -> Result<usize, BatchError> {
    parse_feature_collection(json, max).map(|places| places.len())
}

fn at(coordinates: &str) -> Result<Position, FeatureError> {
    let geometry = format!(r#"{{"type":"Point","coordinates":{coordinates}}}"#);
    place(&feature("1", &geometry, "null")).map(|place| place.position)
}

#[test]
fn a_feature_becomes_a_place() {
    let place =
        place(&feature(r#""caf\u00e9""#, POINT, r#"{ "n": 1.10000000000000000001, "a": [] }"#)).unwrap();
    assert_eq!(place.id.as_str(), "café");
    assert_eq!((place.position.lat(), place.position.lon()), (48.5, 2.5));
    assert_eq!(place.properties.as_json(), r#"{"n":1.10000000000000000001,"a":[]}"#);
    assert_eq!(at("[0, 0, 1200.5]").unwrap(), Position::new(0.0, 0.0).unwrap());
    assert_eq!(at("[-180, 90]").unwrap(), Position::new(90.0, -180.0).unwrap());
}

#[test]
fn what_is_no_feature_is_named() {
    assert!(matches!(read("{"), Err(FeatureError::Syntax { .. })));
    assert!(matches!(read(&format!("{} x", feature("1", POINT, "null"))), Err(FeatureError::Syntax { .. })));
    assert!(matches!(
        read(r#"{"id":"\ud800"}"#),
        Err(FeatureError::Syntax { .. } | FeatureError::Type { .. })
    ));
    for no_object in ["[]", "7", "null", "\"x\""] {
        assert_eq!(read(no_object), Err(FeatureError::NotAnObject), "{no_object}");
    }
    assert_eq!(read("{}"), Err(FeatureError::Type { found: None }));
    let point = Err(FeatureError::Type { found: Some("Point".into()) });
    assert_eq!(read(POINT), point);
    let twice = |extra: &str| read(&feature("1", POINT, &format!("null,{extra}")));
    assert_eq!(twice(r#""id":1"#), Err(FeatureError::Duplicate { member: "id" }));
    assert_eq!(twice(r#""geometry":null"#), Err(FeatureError::Duplicate { member: "geometry" }));
    assert!(twice(r#""bbox":[1],"bbox":[2]"#).is_ok(), "foreign members are not kept");
}

#[test]
fn ids_are_strings_or_integers() {
    let id = |json: &str| place(&feature(json, POINT, "null")).map(|place| place.id.to_string());
    assert_eq!(id("7"), Ok("7".into()));
    assert_eq!(id("-12345678901234567890123"), Ok("-12345678901234567890123".into()));
    assert_eq!(id("\"7\""), Ok("7".into()));
    assert_eq!(id("null"), Err(FeatureError::NoId));
    for wrong in ["7.5", "1e3", "true", "[1]", "{}"] {
        assert_eq!(id(wrong), Err(FeatureError::IdType), "{wrong}");
    }
    for unfit in ["\"\"", "\"..\"", "\"a\\nb\"", &format!("\"{}\"", "x".repeat(513))] {
        assert_eq!(id(unfit), Err(FeatureError::Id(KeyError::PlaceId)), "{unfit}");
    }
}

#[test]
fn the_rule_says_where_an_id_comes_from() {
    let without = format!(r#"{{"type":"Feature","geometry":{POINT},"properties":{{"id":"p"}}}}"#);
    let with = feature("\"m\"", POINT, r#"{"id":"p"}"#);
    let id = |json: &str, rule| parse_feature(json, rule).map(|place| place.id.to_string());
    assert_eq!(id(&without, IdRule::Member), Err(FeatureError::NoId));
    assert_eq!(id(&without, IdRule::MemberOrProperty), Ok("p".into()));
    assert_eq!(id(&with, IdRule::MemberOrProperty), Ok("m".into()));
    let (m, x): (PlaceId, PlaceId) = ("m".parse().unwrap(), "x".parse().unwrap());
    assert_eq!(id(&without, IdRule::Given(&x)), Ok("x".into()));
    assert_eq!(id(&with, IdRule::Given(&m)), Ok("m".into()));
    assert_eq!(id(&with, IdRule::Given(&x)), Err(FeatureError::OtherId { found: m, given: x.clone() }));
}

#[test]
fn only_points_are_places() {
    let geometry = |json: &str| read(&feature("1", json, "null")).unwrap_err();
    assert_eq!(geometry("null"), FeatureError::NullGeometry);
    assert_eq!(geometry("[1,2]"), FeatureError::GeometryType);
    assert_eq!(geometry("{}"), FeatureError::GeometryType);
    let polygon = geometry(r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#);
    assert_eq!(polygon.to_string(), "`geometry` is a Polygon; only a Point can be stored");
    let doubled = geometry(r#"{"type":"Point","coordinates":[1,2],"coordinates":[3,4]}"#);
    assert_eq!(doubled, FeatureError::Duplicate { member: "coordinates" });
    assert_eq!(read(r#"{"type":"Feature","id":1}"#), Err(FeatureError::NoGeometry));
}

#[test]
fn coordinates_are_two_or_three_finite_numbers() {
    for wrong in ["[]", "[1]", "[1,2,3,4]", "[\"1\",2]", "[1,null]", "[1,2,null]", "[1e999,2]", "1", "{}"] {
        assert_eq!(at(wrong), Err(FeatureError::Coordinates), "{wrong}");
    }
    assert_eq!(
        at("[48.5,120.5]").unwrap_err().to_string(),
        "latitude 120.5 is not between -90 and 90; looks swapped: GeoJSON order is [longitude, latitude]"
    );
    assert_eq!(at("[10,190]"), Err(FeatureError::Latitude { value: 190.0, swapped: false }));
    assert_eq!(at("[180.5,10]"), Err(FeatureError::Longitude { value: 180.5, swapped: false }));
    assert_eq!(at("[120.5,95]"), Err(FeatureError::Latitude { value: 95.0, swapped: false }));
}

#[test]
fn properties_must_be_readable_by_everyone() {
    let reason = |json: &str| match read(&feature("1", POINT, json)) {
        Err(FeatureError::Properties { reason }) => reason,
        other => panic!("{json}: {other:?}"),
    };
    assert!(reason(r#"{"a":1,"\u0061":2}"#).contains("\"a\" is there twice"));
    assert!(reason(r#"{"a":{"b":1,"b":2}}"#).contains("\"b\" is there twice"));
    assert!(reason(r#"{"a":1e999}"#).contains("out of range"));
    assert!(reason(r#"{"a":"\ud800"}"#).contains("hex escape"));
    let nested = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(reason(&nested(64)).contains("deeper than 64"));
    assert!(read(&feature("1", POINT, &nested(63))).is_ok());
    for wrong in ["[]", "7", "\"x\""] {
        assert_eq!(read(&feature("1", POINT, wrong)), Err(FeatureError::PropertiesType), "{wrong}");
    }
}

#[test]
fn size_is_limited_as_given_and_as_returned() {
    let padded = |bytes: usize| {
        let frame = feature("\"1\"", POINT, r#"{"a":""}"#).len();
        feature("\"1\"", POINT, &format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - frame)))
    };
    assert!(matches!(read(&padded(MAX_FEATURE_BYTES + 1)), Err(FeatureError::TooLarge { bytes: 65_537 })));
    assert!(read(&padded(MAX_FEATURE_BYTES)).is_ok());
    // An id in the properties is in the feature twice when it is returned.
    let id = "i".repeat(500);
    let rest =
        format!(r#"{{"type":"Feature","geometry":{POINT},"properties":{{"id":"{id}","a":""}}}}"#).len();
    let filler = "x".repeat(MAX_FEATURE_BYTES - rest);
    let grows =
        format!(r#"{{"type":"Feature","geometry":{POINT},"properties":{{"id":"{id}","a":"{filler}"}}}}"#);
    let error = parse_feature(&grows, IdRule::MemberOrProperty).unwrap_err();
    assert!(matches!(error, FeatureError::TooLarge { bytes } if bytes > MAX_FEATURE_BYTES));
}

#[test]
fn a_batch_is_all_or_nothing() {
    let collection = |features: &[String]| {
        format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))
    };
    let (a, b) = (feature("\"a\"", POINT, "null"), feature("\"b\"", POINT, "{}"));
    let places = parse_feature_collection(&collection(&[a.clone(), b.clone()]), 2).unwrap();
    assert_eq!(places.iter().map(|place| place.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);

    let faulty = collection(&[a.clone(), "7".into(), b.clone(), a.clone()]);
    let repeated = FeatureError::Repeated { id: "a".parse().unwrap(), first: 0, index: 3 };
    let faults = vec![(1, FeatureError::NotAnObject), (3, repeated)];
    assert_eq!(batch(&faulty, 9), Err(BatchError::Features(faults)));

    let too_many = Err(BatchError::TooMany { found: 2, max: 1 });
    assert_eq!(batch(&collection(&[a.clone(), b]), 1), too_many);
    assert_eq!(batch(&a, 9), Err(BatchError::NotACollection));
    assert_eq!(batch("[]", 9), Err(BatchError::NotACollection));
    assert_eq!(batch(r#"{"type":"FeatureCollection"}"#, 9), Err(BatchError::NoFeatures));
    assert!(matches!(batch("{", 9), Err(BatchError::Syntax { .. })));
}

proptest! {
    #[test]
    fn a_place_is_read_back_from_its_feature(
        lat in -90.0..=90.0, lon in -180.0..=180.0, id in "[^\\p{Cc}]{1,40}",
        properties in proptest::collection::btree_map(any::<String>(), any::<(f64, String)>(), 0..5),
    ) {
        prop_assume!(id != "." && id != "..");
        let serde_json::Value::Object(map) = serde_json::json!(properties) else { unreachable!() };
        let place = Place {
            id: id.parse().unwrap(),
            position: Position::new(lat, lon).unwrap(),
            properties: Properties::from_map(&map),
        };
        let back = self::place(&place.feature()).unwrap();
        prop_assert_eq!(back.position, place.position);
        prop_assert_eq!(back.feature(), place.feature());
    }

    #[test]
    fn no_text_makes_the_parser_panic(json in "[\\[\\]{}\":,0-9a-z\\\\ -]{0,60}") {
        prop_assert!(read(&json).is_err());
    }
}
