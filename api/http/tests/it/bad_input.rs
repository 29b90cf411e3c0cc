//! Every bad input is answered with a problem that names what is at fault.

use axum::http::Method;
use serde_json::{Value, json};

use cellar_test_kit::server::{Server, link, request};

const NEARBY: &str = "/v1/collections/wineries/nearby";
const ITEMS: &str = "/v1/collections/wineries/items";

#[tokio::test]
async fn parameters_of_nearby() {
    let server = Server::with_wineries(3).await;
    let long_category = format!("lat=1&lon=2&category={}", "x".repeat(201));
    let table: &[(&str, &str, &str)] = &[
        ("lon=2", "parameter-missing", "lat"),
        ("lat=1", "parameter-missing", "lon"),
        ("", "parameter-missing", "lat"),
        ("lat=&lon=2", "parameter-invalid", "lat"),
        ("lat&lon=2", "parameter-invalid", "lat"),
        ("lat=91&lon=2", "parameter-out-of-range", "lat"),
        ("lat=-90.001&lon=2", "parameter-out-of-range", "lat"),
        ("lat=1&lon=180.5", "parameter-out-of-range", "lon"),
        ("lat=1&lon=-181", "parameter-out-of-range", "lon"),
        ("lat=NaN&lon=2", "parameter-invalid", "lat"),
        ("lat=inf&lon=2", "parameter-invalid", "lat"),
        ("lat=1&lon=-Infinity", "parameter-invalid", "lon"),
        ("lat=1e999&lon=2", "parameter-out-of-range", "lat"),
        ("lat=48,8&lon=2", "parameter-invalid", "lat"),
        ("lat=+48.8&lon=2", "parameter-invalid", "lat"),
        ("lat=1&lat=1&lon=2", "parameter-repeated", "lat"),
        ("lat=1&lon=2&%6Cat=3", "parameter-repeated", "lat"),
        ("lat=1&lon=2&radius=0", "parameter-out-of-range", "radius"),
        ("lat=1&lon=2&radius=-1", "parameter-out-of-range", "radius"),
        ("lat=1&lon=2&radius=200001", "parameter-out-of-range", "radius"),
        ("lat=1&lon=2&radius=1e999", "parameter-out-of-range", "radius"),
        ("lat=1&lon=2&radius=nan", "parameter-invalid", "radius"),
        ("lat=1&lon=2&radius=5km", "parameter-invalid", "radius"),
        ("lat=1&lon=2&radius=", "parameter-invalid", "radius"),
        ("lat=1&lon=2&limit=0", "parameter-out-of-range", "limit"),
        ("lat=1&lon=2&limit=101", "parameter-out-of-range", "limit"),
        ("lat=1&lon=2&limit=-1", "parameter-out-of-range", "limit"),
        ("lat=1&lon=2&limit=1.5", "parameter-invalid", "limit"),
        ("lat=1&lon=2&limit=", "parameter-invalid", "limit"),
        ("lat=1&lon=2&limit=ten", "parameter-invalid", "limit"),
        ("lat=1&lon=2&category=", "parameter-invalid", "category"),
        (&long_category, "parameter-out-of-range", "category"),
        ("lat=1&lon=2&mode=cells", "parameter-invalid", "mode"),
        ("lat=1&lon=2&mode=", "parameter-invalid", "mode"),
        ("lat=1&lng=2", "parameter-unknown", "lng"),
        ("lat=1&lon=2&Limit=5", "parameter-unknown", "Limit"),
        ("lat=1&lon=2&cursor=", "parameter-invalid", "cursor"),
        ("lat=1&lon=2&cursor=!!", "cursor-invalid", "cursor"),
        ("lat=1&lon=2&cursor=AAAA", "cursor-invalid", "cursor"),
        ("lat=%&lon=2", "query-malformed", "lat"),
        ("lat=%F&lon=2", "query-malformed", "lat"),
        ("lat=1&lon=2&category=%FF", "query-malformed", "category"),
    ];
    for (query, slug, parameter) in table {
        let problem = server.get(&format!("{NEARBY}?{query}")).await.problem(400, slug);
        assert_eq!(problem["parameter"], *parameter, "{query}");
        assert!(problem["allowed"].is_string() || *slug == "parameter-repeated", "{problem}");
    }
    let problem = server.get(&format!("{NEARBY}?%FF=1")).await.problem(400, "query-malformed");
    assert_eq!(problem["parameter"], Value::Null);
}

#[tokio::test]
async fn a_problem_says_what_is_allowed() {
    let server = Server::with_wineries(1).await;
    let answer = server.get(&format!("{NEARBY}?lat=91&lon=2")).await;
    let problem = answer.problem(400, "parameter-out-of-range");
    assert_eq!(problem["allowed"], "-90 to 90");
    assert_eq!(problem["detail"], "`lat` is 91; it must be -90 to 90");
    let plus = server.get(&format!("{NEARBY}?lat=+48.8&lon=2")).await.json();
    assert!(plus["detail"].as_str().unwrap().contains("%2B"), "{plus}");
    let unknown = server.get(&format!("{NEARBY}?lat=1&lng=2")).await.json();
    assert_eq!(
        unknown["allowed"],
        "lat, lon, radius, limit, category, filter, q, fields, sort, open_at, open_at_unknown, cursor, mode, distance_in"
    );
}

#[tokio::test]
async fn parameters_of_items() {
    let server = Server::with_wineries(3).await;
    let table = [
        ("bbox=", "parameter-invalid", "bbox"),
        ("bbox=1,2,3", "parameter-invalid", "bbox"),
        ("bbox=1,2,3,4,5", "parameter-invalid", "bbox"),
        ("bbox=a,b,c,d", "parameter-invalid", "bbox"),
        ("bbox=1,2,3,", "parameter-invalid", "bbox"),
        ("bbox=1,2,3,NaN", "parameter-invalid", "bbox"),
        ("bbox=1,4,3,2", "parameter-out-of-range", "bbox"),
        ("bbox=-181,1,3,2", "parameter-out-of-range", "bbox"),
        ("bbox=1,1,3,91", "parameter-out-of-range", "bbox"),
        ("bbox=1,2,3,4&bbox=1,2,3,4", "parameter-repeated", "bbox"),
        ("bbox=1,2,3,4&limit=0", "parameter-out-of-range", "limit"),
        ("bbox=1,2,3,4&radius=5", "parameter-unknown", "radius"),
        ("bbox=1,2,3,4&cursor=x", "cursor-invalid", "cursor"),
    ];
    for (query, slug, parameter) in table {
        let problem = server.get(&format!("{ITEMS}?{query}")).await.problem(400, slug);
        assert_eq!(problem["parameter"], parameter, "{query}");
    }
}

#[tokio::test]
async fn cursors_of_other_queries() {
    let server = Server::with_wineries(9).await;
    server.put("/v1/collections/others", "").await;
    let first = server.get(&format!("{NEARBY}?lat=0&lon=0&limit=2")).await.json();
    let cursor = link(&first, "next").unwrap().split("cursor=").nth(1).unwrap().to_owned();
    let boxed = server.get(&format!("{ITEMS}?bbox=-1,-1,1,1&limit=2")).await.json();
    let box_cursor = link(&boxed, "next").unwrap().split("cursor=").nth(1).unwrap().to_owned();
    for uri in [
        format!("{NEARBY}?lat=0&lon=0.1&cursor={cursor}"),
        format!("{NEARBY}?lat=0&lon=0&radius=500&cursor={cursor}"),
        format!("{NEARBY}?lat=0&lon=0&category=winery&cursor={cursor}"),
        format!("/v1/collections/others/nearby?lat=0&lon=0&cursor={cursor}"),
        format!("{NEARBY}?lat=0&lon=0&cursor={box_cursor}"),
        format!("{ITEMS}?bbox=-1,-1,1,1&cursor={cursor}"),
        format!("{ITEMS}?bbox=-1,-1,1,2&cursor={box_cursor}"),
        format!("{NEARBY}?lat=0&lon=0&cursor={}", &cursor[..cursor.len() / 2]),
    ] {
        let problem = server.get(&uri).await.problem(400, "cursor-invalid");
        assert_eq!(problem["parameter"], "cursor", "{uri}");
    }
}

#[tokio::test]
async fn what_does_not_exist() {
    let server = Server::with_wineries(1).await;
    let feature = cellar_test_kit::server::winery(0).to_string();
    let batch = json!({ "type": "FeatureCollection", "features": [] }).to_string();
    let table = [
        (Method::GET, "/v1/collections/nope", "", "collection-unknown"),
        (Method::GET, "/v1/collections/nope/nearby?lat=1&lon=2", "", "collection-unknown"),
        (Method::GET, "/v1/collections/nope/items?bbox=1,2,3,4", "", "collection-unknown"),
        (Method::GET, "/v1/collections/nope/items/a", "", "collection-unknown"),
        (Method::PUT, "/v1/collections/nope/items/w-000", &feature, "collection-unknown"),
        (Method::DELETE, "/v1/collections/nope/items/a", "", "collection-unknown"),
        (Method::POST, "/v1/collections/nope/items", &batch, "collection-unknown"),
        (Method::GET, "/v1/collections/wineries/items/nope", "", "place-unknown"),
        (Method::DELETE, "/v1/collections/wineries/items/nope", "", "place-unknown"),
        (Method::GET, "/v1/collections/wineries/items/", "", "route-unknown"),
        (Method::GET, "/v1/collections/wineries/items/a/b", "", "route-unknown"),
        (Method::GET, "/v1/collections/", "", "route-unknown"),
        (Method::GET, "/v2/collections", "", "route-unknown"),
        (Method::POST, "/nope", "", "route-unknown"),
    ];
    for (method, uri, body, slug) in table {
        server.send(request(method, uri, body.to_owned())).await.problem(404, slug);
    }
}

#[tokio::test]
async fn names_that_cannot_be() {
    let server = Server::with_wineries(1).await;
    let (kilobyte, long_name) = ("x".repeat(1024), "x".repeat(65));
    for segment in ["%00", "%2E", "%2e%2E", "a%0Ab", &kilobyte] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let uri = format!("{ITEMS}/{segment}");
            let problem = server.send(request(method, &uri, "{}")).await.problem(400, "parameter-invalid");
            assert_eq!(problem["parameter"], "id", "{segment}");
        }
    }
    for segment in ["Wineries", "a%20b", "_a", "a%2Fb", &long_name] {
        let uri = format!("/v1/collections/{segment}");
        for answer in [server.get(&uri).await, server.put(&uri, "").await] {
            assert_eq!(answer.problem(400, "parameter-invalid")["parameter"], "collection", "{segment}");
        }
    }
    server.get(&format!("{ITEMS}/%FF")).await.problem(400, "query-malformed");
}

#[tokio::test]
async fn methods_that_a_resource_does_not_know() {
    let server = Server::with_wineries(1).await;
    for (method, uri, allow) in [
        (Method::POST, "/v1/collections", "GET,HEAD"),
        (Method::POST, "/v1/collections/wineries", "GET,HEAD,PUT,DELETE"),
        (Method::PUT, NEARBY, "GET,HEAD"),
        (Method::PATCH, ITEMS, "GET,HEAD,POST"),
        (Method::POST, "/v1/collections/wineries/items/a", "GET,HEAD,PUT,DELETE"),
        (Method::POST, "/health", "GET,HEAD"),
    ] {
        let answer = server.send(request(method, uri, "")).await;
        answer.problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allow, "{uri}");
    }
}

#[tokio::test]
async fn queries_where_none_is_taken() {
    let server = Server::with_wineries(1).await;
    for (method, uri, allowed) in [
        (Method::GET, "/v1/collections?limit=5", "f"),
        (Method::GET, "/v1/collections/wineries?x", "f"),
        (Method::GET, "/v1/collections/wineries/items/w-000?bbox=1", "f"),
        (Method::GET, "/v1/collections/wineries/edge-map?f=json", "no parameters"),
        (Method::GET, "/v1/collections/wineries/tiles?f=json", "no parameters"),
        (Method::DELETE, "/v1/collections/wineries/items/w-000?f=json", "no parameters"),
    ] {
        let problem = server.send(request(method, uri, "")).await.problem(400, "parameter-unknown");
        assert_eq!(problem["allowed"], allowed, "{uri}");
    }
}

#[tokio::test]
async fn forms_that_a_document_has_not() {
    let server = Server::with_wineries(1).await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/conformance",
        "/v1/conformance",
        "/v1/collections",
        "/v1/collections/wineries",
        "/v1/collections/wineries/items",
        "/v1/collections/wineries/items/w-000",
    ] {
        for bad in ["xml", "JSON", "", "geojson"] {
            let problem = server.get(&format!("{path}?f={bad}")).await.problem(400, "parameter-invalid");
            assert_eq!(
                (&problem["parameter"], &problem["allowed"]),
                (&json!("f"), &json!("json, html")),
                "{path} {bad}"
            );
        }
    }
}

#[tokio::test]
async fn an_accept_of_eight_kilobytes() {
    let server = Server::with_wineries(1).await;
    let ranges = "application/x-something;q=0.123, ".repeat(256);
    for (accept, media_type) in [
        (format!("{ranges}text/html"), "text/html; charset=utf-8"),
        (format!("{ranges}application/json"), "application/json"),
        (",".repeat(8_192), "application/json"),
        ("q".repeat(8_192), "application/json"),
        (";q=".repeat(2_731), "application/json"),
    ] {
        let mut request = request(Method::GET, "/v1/collections", "");
        request.headers_mut().insert("accept", accept.parse().unwrap());
        let answer = server.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, media_type));
    }
}
