use serde_json::{Value, json};

use super::*;

/// `vectors/answers.json`: what clients in every language take and refuse.
fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/answers.json")).unwrap()
}

fn url(category: Option<&str>) -> CellUrl {
    let url = &vectors()["url"];
    let part = |name: &str| url[name].as_str().unwrap().to_owned();
    CellUrl {
        collection: part("collection").parse().unwrap(),
        cell: part("cell").parse().unwrap(),
        category: category.map(Into::into),
    }
}

/// Three places, 0, 1.1 and 1.1 km from the centre, and nothing else up to the horizon.
fn good() -> Value {
    vectors()["good"].clone()
}

fn read(document: &Value) -> Result<Cell, Fault> {
    cell_answer(document.to_string().as_bytes(), &url(None))
}

/// A document with another member, or another one altogether.
fn changed(document: &Value, case: &Value) -> Value {
    let (mut document, value) = (document.clone(), case["value"].clone());
    let at = case["at"].as_str().unwrap();
    let (parent, name) = at.rsplit_once('/').unwrap_or_default();
    match document.pointer_mut(at) {
        Some(member) => *member = value,
        None => document.pointer_mut(parent).unwrap()[name] = value,
    }
    document
}

/// Asserts that what becomes of a document is taken or refused as a list of cases says.
fn assert_cases<T: std::fmt::Debug>(good: &Value, cases: &Value, read: impl Fn(&Value) -> Result<T, Fault>) {
    for case in cases.as_array().unwrap() {
        let outcome = read(&changed(good, case));
        match (&outcome, case["error"].as_str()) {
            (Ok(_), None) => {}
            (Err(fault), Some(text)) if fault.to_string().contains(text) => {}
            _ => panic!("{case}: {outcome:?}"),
        }
    }
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
fn answers_are_taken_and_refused_as_vectors_say() {
    assert_cases(&good(), &vectors()["cases"], read);
}

#[test]
fn members_that_a_client_does_not_need_may_be_missing() {
    let mut document = good();
    let members = document.as_object_mut().unwrap();
    members.remove("numberReturned");
    members.remove("links");
    assert!(read(&document).is_ok());
    assert!(cell_answer(document.to_string().as_bytes(), &url(Some("bar"))).is_ok());
}

#[test]
fn what_is_no_json_is_refused() {
    let vectors = vectors();
    let texts = vectors["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
    let twice = good().to_string().replacen('{', r#"{"cell":"gh:u09t","#, 1);
    let deep = "[".repeat(100_000);
    for body in texts.chain([twice, deep]) {
        assert!(matches!(cell_answer(body.as_bytes(), &url(None)), Err(Fault::Document(_))), "{body:.60}");
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
    let wanted = &vectors()["wanted"];
    let number = |name: &str| wanted[name].as_f64().unwrap();
    Wanted {
        collection: wanted["collection"].as_str().unwrap().parse().unwrap(),
        category: None,
        position: Position::new(number("lat"), number("lon")).unwrap(),
        radius: Meters::new(number("radius_m")).unwrap(),
        limit,
    }
}

fn read_exact(document: &Value, limit: usize) -> Result<Vec<Hit>, Fault> {
    exact_answer(document.to_string().as_bytes(), &wanted(limit))
}

#[test]
fn exact_answers_are_for_the_position_that_was_asked_for() {
    let exact = vectors()["exact"].clone();
    let hits = read_exact(&exact, 3).unwrap();
    assert_eq!(hits.iter().map(|hit| hit.place.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(Some(hits[2].distance.get()), exact["features"][2]["distance_m"].as_f64());
    assert_eq!(read_exact(&exact, 2).unwrap_err(), Fault::Count { stated: 2, found: 3 });
    assert!(read_exact(&good(), 3).is_err(), "it states no distances");
    assert_cases(&exact, &vectors()["exact_cases"], |document| read_exact(document, 3));
}
