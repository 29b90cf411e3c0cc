use serde_json::{Value, json};

use super::*;

type Spoil = fn(&mut Value);

fn url(category: Option<&str>) -> CellUrl {
    let category = category.map(str::to_owned);
    CellUrl { collection: "bars".parse().unwrap(), cell: "gh:u09t".parse().unwrap(), category }
}

fn feature(id: &str, north_deg: f64) -> Value {
    let centre = url(None).cell.centre();
    json!({
        "type": "Feature", "id": id, "properties": { "category": "bar" },
        "geometry": { "type": "Point", "coordinates": [centre.lon(), centre.lat() + north_deg] },
    })
}

/// Three places, 0, 1.1 and 1.1 km from the centre, and nothing else up to the horizon.
fn good() -> Value {
    json!({
        "type": "FeatureCollection", "cell": "gh:u09t", "certified_radius_m": 100_000, "numberReturned": 3,
        "links": [{ "rel": "self", "href": url(None).to_string() }, { "rel": "up", "href": "/" }],
        "features": [feature("a", 0.0), feature("b", 0.01), feature("c", 0.01)],
    })
}

fn read(document: &Value) -> Result<Cell, Fault> {
    cell_answer(document.to_string().as_bytes(), &url(None))
}

#[test]
fn a_good_answer_is_taken_as_it_is() {
    let answer = read(&good()).unwrap();
    assert_eq!((answer.cell, answer.certified_radius.get()), (url(None).cell, 100_000.0));
    let ids: Vec<_> = answer.places.iter().map(|place| place.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(answer.places[0].payload.as_json(), r#"{"category":"bar"}"#);
    assert!(cell_answer(good().to_string().as_bytes(), &url(Some("bar"))).is_err(), "another URL's");
}

#[test]
fn members_that_a_client_does_not_need_may_be_missing_or_more() {
    let mut document = good();
    let members = document.as_object_mut().unwrap();
    members.remove("numberReturned");
    members.remove("links");
    members.insert("later".into(), json!([1]));
    assert!(read(&document).is_ok());
    assert!(cell_answer(document.to_string().as_bytes(), &url(Some("bar"))).is_ok());
}

#[test]
fn a_cut_list_is_certified_to_its_end() {
    // 1,111.95 m.
    for (metres, taken) in [(1_111, true), (1_110, false), (1_112, false), (1_000, false), (0, false)] {
        let mut document = good();
        document["certified_radius_m"] = json!(metres);
        assert_eq!(read(&document).is_ok(), taken, "{metres}");
    }
}

#[test]
fn what_no_server_sends_is_refused() {
    let faults: [(&str, Spoil); 26] = [
        ("no such document", |document| document["type"] = json!("Feature")),
        ("no such document", |document| *document = json!([document])),
        ("no such document", |document| document["features"] = json!(null)),
        ("no such document", |document| document["features"][1]["type"] = json!("Place")),
        ("no such document", |document| document["features"][1]["geometry"]["type"] = json!("LineString")),
        ("no such document", |document| document["features"][1]["geometry"]["coordinates"] = json!([2.0])),
        ("no such document", |document| document["features"][1]["geometry"]["coordinates"] = json!([2, 91])),
        ("no such document", |document| {
            document["features"][1]["geometry"]["coordinates"] = json!([null, 2]);
        }),
        ("no such document", |document| document["features"][1]["properties"] = json!([])),
        ("no such document", |document| document["features"][1]["id"] = json!(7)),
        ("has no id", |document| document["features"][1]["id"] = json!("")),
        ("is for gh:u09w", |document| document["cell"] = json!("gh:u09w")),
        ("is for gh:u09", |document| document["cell"] = json!("gh:u09")),
        ("is for ", |document| document["cell"] = json!(null)),
        ("is for /v1/collections/cafes", |document| {
            document["links"][0]["href"] = json!("/v1/collections/cafes/cells/gh:u09t/nearby");
        }),
        ("is for /v1/collections/bars", |document| {
            document["links"][0]["href"] = json!("/v1/collections/bars/cells/gh:u09t/nearby?category=bar");
        }),
        ("a certificate of no m", |document| document["certified_radius_m"] = json!(null)),
        ("a certificate of 100001 m", |document| document["certified_radius_m"] = json!(100_001)),
        ("a certificate of 99999.5 m", |document| document["certified_radius_m"] = json!(99_999.5)),
        ("a certificate of -1 m", |document| document["certified_radius_m"] = json!(-1)),
        ("no such document", |document| document["certified_radius_m"] = json!("100000")),
        ("3 places instead of 128", |document| document["numberReturned"] = json!(128)),
        ("there twice", |document| document["features"][1] = document["features"][0].clone()),
        ("too far away", |document| document["features"][2] = feature("z", 0.91)),
        ("out of order", |document| document["features"][2] = feature("z", 0.005)),
        ("out of order", |document| document["features"][2] = feature("A", 0.01)),
    ];
    for (expected, spoil) in faults {
        let mut document = good();
        spoil(&mut document);
        let error = read(&document).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let text = good().to_string();
    let not_a_number = text.replace("100000", "NaN");
    let infinite = text.replace("100000", "1e999");
    let twice = text.replacen('{', r#"{"cell":"gh:u09t","#, 1);
    let deep = "[".repeat(100_000);
    for body in ["", "null", "<html>", &text[..text.len() - 1], &not_a_number, &infinite, &twice, &deep] {
        assert!(matches!(cell_answer(body.as_bytes(), &url(None)), Err(Fault::Document(_))));
    }
    assert!(cell_answer(b"{\"type\":\"\xff\"}", &url(None)).is_err());
}

#[test]
fn places_of_other_categories_are_refused() {
    let mut document = good();
    document["links"] = json!([]);
    document["features"][1]["properties"]["category"] = json!("café");
    let error = cell_answer(document.to_string().as_bytes(), &url(Some("bar"))).unwrap_err();
    assert_eq!(error, Fault::place("b", "is of another category"));
}

fn wanted(limit: usize) -> Wanted {
    let position = url(None).cell.centre();
    let radius = Meters::new(5_000.0).unwrap();
    Wanted { collection: "bars".parse().unwrap(), category: None, position, radius, limit }
}

/// The same three places as the exact endpoint has them.
fn exact() -> Value {
    let mut document = good();
    for feature in document["features"].as_array_mut().unwrap() {
        let [lon, lat] = [0, 1].map(|axis| feature["geometry"]["coordinates"][axis].as_f64().unwrap());
        let far = distance(wanted(3).position, Position::new(lat, lon).unwrap());
        feature["distance_m"] = json!(far.get());
    }
    document
}

fn read_exact(document: &Value, limit: usize) -> Result<Vec<Hit>, Fault> {
    exact_answer(document.to_string().as_bytes(), &wanted(limit))
}

#[test]
fn exact_answers_are_for_the_position_that_was_asked_for() {
    let hits = read_exact(&exact(), 3).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.place.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(read_exact(&exact(), 2).unwrap_err(), Fault::Count { stated: 2, found: 3 });
    assert!(read_exact(&good(), 3).is_err(), "it states no distances");
    let spoilt: [Spoil; 5] = [
        |document| document["features"][1]["distance_m"] = json!(1_111.9),
        |document| document["features"].as_array_mut().unwrap().reverse(),
        |document| document["features"][2] = document["features"][1].clone(),
        |document| document["numberReturned"] = json!(2),
        |document| document["features"][2]["geometry"]["coordinates"][1] = json!(49.5),
    ];
    for spoil in spoilt {
        let mut document = exact();
        spoil(&mut document);
        assert!(read_exact(&document, 3).is_err(), "{document}");
    }
}
