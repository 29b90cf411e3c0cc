//! The pages that a search looks at.

use serde_json::{Value, json};

use cellar_test_kit::server::Server;

const PAGES: &str = "/v1/collections/wineries/pages?lat=1.3&lon=0";

fn kinds<'a>(document: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    document["features"].as_array().unwrap().iter().filter(move |page| page["properties"]["kind"] == kind)
}

#[tokio::test]
async fn pages_are_outlines_of_what_a_search_looks_at() {
    let server = Server::with_wineries(1).await;
    // More places than a page has, within 3 km.
    let feature = |index: usize| {
        let coordinates = [index as f64 / 6_000.0, 1.3];
        json!({ "type": "Feature", "id": format!("p{index}"), "properties": {},
            "geometry": { "type": "Point", "coordinates": coordinates } })
    };
    let features: Vec<_> = (0..200).map(feature).collect();
    let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
    server.post_as("/v1/collections/wineries/items", "application/geo+json", batch).await;
    let answer = server.get(&format!("{PAGES}&radius=50000&limit=100")).await;
    assert_eq!(answer.header("content-type"), "application/geo+json");
    let document = answer.json();
    assert_eq!(document["type"], "FeatureCollection");
    assert_eq!(document["numberReturned"], document["features"].as_array().unwrap().len());
    assert!(kinds(&document, "split").count() > 0, "{document}");
    let places: u64 =
        kinds(&document, "places").map(|page| page["properties"]["places"].as_u64().unwrap()).sum();
    let found = server.get("/v1/collections/wineries/nearby?lat=1.3&lon=0&radius=50000&limit=100").await;
    assert!(places >= found.json()["numberReturned"].as_u64().unwrap(), "{places} places: {document}");
    for page in document["features"].as_array().unwrap() {
        let ring = page["geometry"]["coordinates"][0].as_array().unwrap();
        assert!(ring.len() >= 6 && ring.first() == ring.last(), "{page}");
        let text = page["id"].as_str().unwrap();
        let resolution = page["properties"]["resolution"].as_u64().unwrap();
        assert_eq!(u64::from_str_radix(&text[1..2], 16).unwrap(), resolution, "{page}");
    }
}

#[tokio::test]
async fn what_a_search_refuses_is_refused() {
    let server = Server::with_wineries(1).await;
    server.get("/v1/collections/wineries/pages").await.problem(400, "parameter-missing");
    server.get(&format!("{PAGES}&radius=-1")).await.problem(400, "parameter-out-of-range");
    server.get(&format!("{PAGES}&colour=red")).await.problem(400, "parameter-unknown");
    server.get(&PAGES.replace("wineries", "bars")).await.problem(404, "collection-unknown");
}
