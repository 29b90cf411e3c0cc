//! Places within shapes: `/search`, by GET and by POST.

use axum::http::{Method, header};
use cellar_http::config::{AccessConfig, ApiConfig, WriteConfig, WriteToken};
use geo_index::{BBox, Meters, Position, Region, distance};
use serde_json::{Value, json};

use cellar_test_kit::server::{Answer, Server, ids, link, request};

const SEARCH: &str = "/v1/collections/grid/search";

/// A place at each degree and a half around (0, 180).
fn places() -> Vec<(String, Position, usize)> {
    let lat = (-10..=10).map(|step| f64::from(step) * 1.5);
    let at = lat.flat_map(|lat| (-10..=10).map(move |step| (lat, f64::from(step) * 1.5)));
    at.enumerate()
        .map(|(index, (lat, east))| {
            let lon = if east > 0.0 { east - 180.0 } else { east + 180.0 };
            (format!("g-{index:03}"), Position::new(lat, lon).unwrap(), index)
        })
        .collect()
}

async fn filled(server: Server, token: Option<&str>) -> Server {
    let send = async |method: Method, uri: &str, body: String| {
        let mut request = request(method, uri, body);
        if let Some(token) = token {
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        let answer = server.send(request).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    };
    send(Method::PUT, "/v1/collections/grid", String::new()).await;
    let features: Vec<Value> = places()
        .iter()
        .map(|(id, at, n)| {
            json!({ "type": "Feature", "id": id, "properties": { "n": n, "category": if n % 5 == 0 { "five" } else { "other" } },
                    "geometry": { "type": "Point", "coordinates": [at.lon(), at.lat()] } })
        })
        .collect();
    let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
    send(Method::POST, "/v1/collections/grid/items", batch).await;
    server
}

async fn grid() -> Server {
    filled(Server::new(), None).await
}

async fn post(server: &Server, body: &Value) -> Answer {
    server.post_as(SEARCH, "application/json", body.to_string()).await
}

/// Follows what the links say to the end.
async fn walk_post(server: &Server, first: &Value) -> Vec<String> {
    let (mut found, mut body) = (Vec::new(), first.clone());
    loop {
        let answer = post(server, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        found.extend(ids(&page));
        let Some(next) = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next") else {
            return found;
        };
        assert_eq!(
            (&next["href"], &next["method"], &next["merge"]),
            (&json!(SEARCH), &json!("POST"), &json!(true))
        );
        for (name, value) in next["body"].as_object().unwrap() {
            body[name] = value.clone();
        }
    }
}

async fn walk_get(server: &Server, first: &str) -> Vec<String> {
    let (mut found, mut uri) = (Vec::new(), first.to_owned());
    loop {
        let answer = server.get(&uri).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        let this = link(&page, "self").unwrap();
        assert_eq!(this.replace("%2C", ","), uri.replace("%2C", ","));
        found.extend(ids(&page));
        let Some(next) = link(&page, "next") else { return found };
        next.clone_into(&mut uri);
    }
}

fn within(region: &Region) -> Vec<(String, Position, usize)> {
    places().into_iter().filter(|(_, at, _)| region.contains(*at)).collect()
}

fn sorted(mut found: Vec<String>) -> Vec<String> {
    found.sort();
    found
}

fn nearest(from: Position, found: &[(String, Position, usize)]) -> Vec<String> {
    let mut keyed: Vec<_> = found.iter().map(|(id, at, _)| (distance(from, *at).get(), id.clone())).collect();
    keyed.sort_by(|a, b| a.partial_cmp(b).unwrap());
    keyed.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn shapes_hold_what_they_hold_by_every_way_of_asking() {
    let server = grid().await;
    let outer = vec![[172.0, -9.0], [188.0, -8.0], [186.0, 9.0], [178.0, 3.0], [171.0, 8.0]];
    let hole = vec![[177.0, -4.0], [183.0, -4.0], [183.0, 1.0], [177.0, 1.0]];
    let (mut polygon, mut plain, mut corridor, mut bbox) =
        (Region::default(), Region::default(), Region::default(), Region::default());
    polygon.add_polygon(&[outer.clone(), hole.clone()]).unwrap();
    plain.add_polygon(std::slice::from_ref(&outer)).unwrap();
    corridor.add_corridor(&outer, Meters::new(120_000.0).unwrap()).unwrap();
    bbox.add_box(BBox::new(176.0, -7.0, -177.0, 5.0).unwrap());
    let flat: Vec<String> = outer.iter().flatten().map(ToString::to_string).collect();
    let flat = flat.join(",");
    let origin = Position::new(2.0, -178.5).unwrap();
    for (region, body, query) in [
        (&polygon, json!({ "within": { "type": "Polygon", "coordinates": [outer, hole] } }), None),
        (&polygon, json!({ "within": { "type": "MultiPolygon", "coordinates": [[outer, hole]] } }), None),
        (
            &plain,
            json!({ "within": { "type": "Polygon", "coordinates": [outer] } }),
            Some(format!("within={flat}")),
        ),
        (
            &corridor,
            json!({ "along": { "type": "LineString", "coordinates": outer }, "width": 120e3 }),
            Some(format!("along={flat}&width=120000")),
        ),
        (&bbox, json!({ "bbox": [176, -7, -177, 5] }), Some("bbox=176,-7,-177,5".to_owned())),
    ] {
        let inside = within(region);
        assert!((10..300).contains(&inside.len()), "{} places in {body}", inside.len());
        let all: Vec<String> = inside.iter().map(|(id, ..)| id.clone()).collect();
        let mut listed = body.clone();
        listed["limit"] = json!(7);
        assert_eq!(sorted(walk_post(&server, &listed).await), all, "{body}");
        let mut near = listed.clone();
        (near["lat"], near["lon"]) = (json!(origin.lat()), json!(origin.lon()));
        assert_eq!(walk_post(&server, &near).await, nearest(origin, &inside), "{body}");
        let mut by_number = near.clone();
        by_number["sort"] = json!("-n");
        let mut reversed = all.clone();
        reversed.reverse();
        assert_eq!(walk_post(&server, &by_number).await, reversed, "{body}");
        let mut some = near.clone();
        (some["filter"], some["category"]) = (json!("n > 100"), json!("five"));
        let wanted: Vec<_> = inside.iter().filter(|(_, _, n)| *n > 100 && n % 5 == 0).cloned().collect();
        assert_eq!(walk_post(&server, &some).await, nearest(origin, &wanted), "{body}");
        if let Some(query) = query {
            let listed = walk_get(&server, &format!("{SEARCH}?{query}&limit=9")).await;
            assert_eq!(sorted(listed), all, "{query}");
            let near = format!("{SEARCH}?lat={}&lon={}&{query}&radius=500000", origin.lat(), origin.lon());
            let around: Vec<_> = inside
                .iter()
                .filter(|(_, at, _)| distance(origin, *at).get() <= 500_000.0)
                .cloned()
                .collect();
            assert!(!around.is_empty());
            assert_eq!(walk_get(&server, &near).await, nearest(origin, &around), "{query}");
        }
    }
}

#[tokio::test]
async fn answers_say_how_far_and_what_is_asked_for() {
    let server = grid().await;
    let answer = server
        .get(&format!("{SEARCH}?bbox=-180,-1,-178,1&lat=0&lon=-179&fields=n&distance_in=properties"))
        .await;
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        ("application/geo+json", "private, no-store")
    );
    assert!(answer.header("server-timing").contains("pages;desc"));
    let feature = &answer.json()["features"][0];
    let names: Vec<_> = feature["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["distance_m", "n"]);
    let without = server.get(&format!("{SEARCH}?bbox=-180,-1,-178,1")).await.json();
    assert!(without["features"][0].get("distance_m").is_none());
    let edges = async |edges: &str| {
        let ring = "within=-172,0,172,0,172,3,-172,3&lat=1.5&lon=180&limit=100";
        let found = ids(&server.get(&format!("{SEARCH}?{ring}&edges={edges}")).await.json());
        assert!(found.len() > 10);
        // At 1.5 degrees north, on the antimeridian.
        found.contains(&"g-241".to_owned())
    };
    // As written, a planar ring goes the long way around the globe.
    assert!(edges("geodesic").await && !edges("planar").await);
}

#[tokio::test]
async fn what_is_no_search_is_refused_by_name() {
    let server = grid().await;
    for (query, kind, parameter) in [
        ("limit=5", "parameter-missing", "within"),
        ("bbox=1,2,3,4&within=0,0,1,0,1,1", "parameter-invalid", "within"),
        ("bbox=1,2,3,4&lat=5", "parameter-missing", "lon"),
        ("bbox=1,2,3,4&radius=5", "parameter-missing", "lat"),
        ("bbox=1,2,3,4&sort=n", "parameter-missing", "lat"),
        ("along=0,0,1,1", "parameter-missing", "width"),
        ("within=0,0,1,0,1,91", "parameter-out-of-range", "within"),
        ("within=0,0,1,0", "parameter-invalid", "within"),
        ("bbox=1,2,3,4&lat=1&lon=1&radius=99999999", "parameter-out-of-range", "radius"),
        ("bbox=1,2,3,4&cursor=x", "cursor-invalid", "cursor"),
        ("bbox=1,2,3,4&datetime=2026", "parameter-unknown", "datetime"),
    ] {
        let problem = server.get(&format!("{SEARCH}?{query}")).await.problem(400, kind);
        assert_eq!(problem["parameter"], parameter, "{query}: {problem}");
    }
    let many: Vec<_> = (0..10_001).map(|i| [f64::from(i) / 1e3, 0.0]).collect();
    for (body, status, kind) in [
        (json!({ "within": { "type": "Point", "coordinates": [0, 0] } }), 400, "parameter-invalid"),
        (json!({ "within": 7 }), 400, "parameter-invalid"),
        (json!({ "within": { "type": "Polygon", "coordinates": [many] } }), 400, "parameter-out-of-range"),
        (json!({ "polygon": [] }), 400, "parameter-unknown"),
        (json!([]), 400, "body-invalid"),
        (json!({ "bbox": [1, 2, 3, 4], "filter": " ".repeat(600_000) }), 413, "body-too-large"),
    ] {
        post(&server, &body).await.problem(status, kind);
    }
    post(&server, &json!({ "bbox": [1, 2, 3, 4] })).await;
    let problem = server.post_as(SEARCH, "text/plain", "{}").await.problem(415, "media-type-unsupported");
    assert_eq!(problem["parameter"], "content-type");
    for twice in [r#"{"bbox":[1,2,3,4],"limit":1,"limit":2}"#, r#"{"bbox":[1,2,3,4],"limit":null,"limit":2}"#]
    {
        let problem = server.post_as(SEARCH, "application/json", twice).await;
        assert_eq!(problem.problem(400, "parameter-repeated")["parameter"], "limit");
    }
    server
        .post_as(&format!("{SEARCH}?limit=5"), "application/json", "{}")
        .await
        .problem(400, "parameter-unknown");
    server.get("/v1/collections/nowhere/search?bbox=1,2,3,4").await.problem(404, "collection-unknown");
}

#[tokio::test]
async fn a_cursor_belongs_to_its_shape() {
    let server = grid().await;
    let page = server.get(&format!("{SEARCH}?bbox=170,-9,-170,9&limit=3")).await.json();
    let cursor = link(&page, "next").unwrap().split("cursor=").nth(1).unwrap().to_owned();
    for (bbox, status) in [("170,-9,-170,9", 200), ("170.0,-9,-170,9e0", 200), ("170,-9,-170,8", 400)] {
        let answer = server.get(&format!("{SEARCH}?bbox={bbox}&cursor={cursor}")).await;
        assert_eq!(answer.status.as_u16(), status, "{bbox}: {}", answer.text);
    }
}

/// A POST that only reads is admitted as one: without a key where reads take none, with a read key where they do.
#[tokio::test]
async fn a_search_by_post_is_a_read() {
    const TOKEN: &str = "correct-horse-battery";
    let body = json!({ "bbox": [170, -9, -170, 9] });
    let batch = json!({ "positions": [{ "lat": 0, "lon": 180 }] });
    for keyed_reads in [false, true] {
        let writes = WriteConfig { token: Some(WriteToken::new(TOKEN).unwrap()), open: false };
        let access = AccessConfig { keys: None, keyed_reads };
        let server = filled(Server::with_access(ApiConfig::default(), writes, access), Some(TOKEN)).await;
        for (uri, body) in [(SEARCH, &body), ("/v1/collections/grid/nearby:batch", &batch)] {
            let answer = server.post_as(uri, "application/json", body.to_string()).await;
            if keyed_reads {
                answer.problem(401, "read-unauthorized");
            } else {
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
        }
    }
    // On a server that takes writes of anybody, other pages may not write, but they may read.
    let server = grid().await;
    let mut foreign = request(Method::POST, SEARCH, body.to_string());
    foreign.headers_mut().insert(header::ORIGIN, "https://example.com".parse().unwrap());
    assert_eq!(server.send(foreign).await.status, 200);
}
