//! Places by id, and batches of them.

use axum::http::{Method, header};
use serde_json::json;

use cellar_test_kit::server::{Server, request, winery};

const ITEMS: &str = "/v1/collections/wineries/items";

fn feature(id: &str) -> String {
    json!({
        "type": "Feature",
        "id": id,
        "geometry": { "type": "Point", "coordinates": [2.3522, 48.8566] },
        "properties": { "name": "Le Cellier" },
    })
    .to_string()
}

#[tokio::test]
async fn a_place_lives_and_dies() {
    let server = Server::with_wineries(0).await;
    for (id, segment) in [
        ("w-1", "w-1"),
        ("a/b", "a%2Fb"),
        ("#7", "%237"),
        ("château é", "ch%C3%A2teau%20%C3%A9"),
        ("100%", "100%25"),
        ("a+b", "a%2Bb"),
        ("../x", "..%2Fx"),
        (&"x".repeat(512), &"x".repeat(512)),
    ] {
        let uri = format!("{ITEMS}/{segment}");
        let created = server.put(&uri, feature(id)).await;
        assert_eq!(created.status, 201, "{id}: {}", created.text);
        assert_eq!(created.header("location"), uri);
        assert_eq!(created.header("content-type"), "application/geo+json");
        assert_eq!(created.json()["id"], id);
        assert_eq!(server.put(&uri, feature(id)).await.status, 200, "{id}");
        let got = server.get(&uri).await;
        assert_eq!((got.status.as_u16(), got.json()), (200, created.json()));
        let deleted = server.send(request(Method::DELETE, &uri, "")).await;
        assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
        server.get(&uri).await.problem(404, "place-unknown");
    }
}

#[tokio::test]
async fn a_plus_in_a_path_is_a_plus() {
    let server = Server::with_wineries(0).await;
    assert_eq!(server.put(&format!("{ITEMS}/a+b"), feature("a+b")).await.status, 201);
}

#[tokio::test]
async fn bodies_that_are_no_place() {
    let server = Server::with_wineries(0).await;
    let point = r#""geometry":{"type":"Point","coordinates":[2,48]}"#;
    let large = format!(r#"{{"type":"Feature",{point},"properties":{{"x":"{}"}}}}"#, "x".repeat(65_536));
    let table: &[(&str, u16, &str)] = &[
        ("", 400, "body-invalid"),
        ("nonsense", 400, "body-invalid"),
        ("[]", 400, "feature-invalid"),
        ("{}", 400, "feature-invalid"),
        (r#"{"type":"Feature"}"#, 400, "feature-invalid"),
        (
            r#"{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,0]]]}}"#,
            400,
            "feature-invalid",
        ),
        (r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[2,91]}}"#, 400, "feature-invalid"),
        (r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[2]}}"#, 400, "feature-invalid"),
        (
            r#"{"type":"Feature","id":"other","geometry":{"type":"Point","coordinates":[2,48]}}"#,
            400,
            "feature-invalid",
        ),
        (&large, 413, "body-too-large"),
    ];
    for (body, status, slug) in table {
        let answer = server.put(&format!("{ITEMS}/w-1"), (*body).to_owned()).await;
        let problem = answer.problem(*status, slug);
        if *slug == "feature-invalid" {
            assert!(problem["errors"][0]["detail"].is_string(), "{problem}");
        }
    }
    server.put(&format!("{ITEMS}/w-1"), vec![b'"', 0xff, b'"']).await.problem(400, "body-invalid");
    assert_eq!(server.store.count(), 0);
}

#[tokio::test]
async fn media_types() {
    let server = Server::with_wineries(0).await;
    let batch = json!({ "type": "FeatureCollection", "features": [winery(1)] }).to_string();
    for good in ["application/json", "application/geo+json; charset=utf-8", "Application/JSON"] {
        assert_eq!(server.post_as(ITEMS, good, batch.clone()).await.status, 200, "{good}");
    }
    for bad in ["text/plain", "application/x-www-form-urlencoded", "", "application/geojson"] {
        let answer = server.post_as(ITEMS, bad, batch.clone()).await;
        let problem = answer.problem(415, "media-type-unsupported");
        assert_eq!(problem["allowed"], "application/geo+json, application/json");
    }
}

#[tokio::test]
async fn compressed_bodies_are_refused_by_name() {
    let server = Server::with_wineries(0).await;
    for (coding, status) in
        [("gzip", 415), ("br", 415), ("identity, gzip", 415), ("", 415), ("Identity", 200)]
    {
        let batch = json!({ "type": "FeatureCollection", "features": [winery(1)] }).to_string();
        let mut request = request(Method::POST, ITEMS, batch);
        request.headers_mut().insert("content-encoding", coding.parse().unwrap());
        let answer = server.send(request).await;
        assert_eq!(answer.status, status, "{coding}");
        if status == 415 {
            let problem = answer.problem(415, "media-type-unsupported");
            assert_eq!(
                (&problem["parameter"], &problem["allowed"]),
                (&"content-encoding".into(), &"identity".into())
            );
        }
    }
}

#[tokio::test]
async fn a_batch_is_validated_whole_before_anything_is_written() {
    let server = Server::with_wineries(0).await;
    let mut features: Vec<_> = (0..40).map(winery).collect();
    for feature in &mut features[10..] {
        feature["geometry"]["type"] = "Polygon".into();
    }
    let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
    let problem = server.post_as(ITEMS, "application/json", batch).await.problem(400, "feature-invalid");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["index"]), (20, &json!(10)));
    assert_eq!(errors[0]["pointer"], "/geometry");
    assert_eq!(server.store.count(), 0);
}

#[tokio::test]
async fn batches_have_limits() {
    let server = Server::with_wineries(0).await;
    let many: Vec<_> = (0..1_001).map(winery).collect();
    let batch = json!({ "type": "FeatureCollection", "features": many }).to_string();
    server.post_as(ITEMS, "application/json", batch).await.problem(413, "body-too-large");
    let long = format!("{}{}", " ".repeat(4 << 20), "{}");
    let problem = server.post_as(ITEMS, "application/json", long).await.problem(413, "body-too-large");
    assert_eq!(problem["allowed"], "at most 4194304 bytes");
    for (body, slug) in [("", "body-invalid"), ("{}", "body-invalid"), ("nonsense", "body-invalid")] {
        server.post_as(ITEMS, "application/json", body).await.problem(400, slug);
    }
    let most: Vec<_> = (0..1_000).map(winery).collect();
    let batch = json!({ "type": "FeatureCollection", "features": most }).to_string();
    let answer = server.post_as(ITEMS, "application/json", batch).await;
    assert_eq!(answer.json()["written"], 1000);
    assert_eq!(answer.json()["etags"].as_array().map(Vec::len), Some(1000));
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn collections_are_created_once_and_titled() {
    let server = Server::new();
    let uri = "/v1/collections/wineries";
    let created = server.put(uri, r#"{"title":"Wineries"}"#).await;
    assert_eq!((created.status.as_u16(), created.header("location")), (201, uri));
    let kept = server.put(uri, "").await;
    assert_eq!((kept.status.as_u16(), &kept.json()["title"]), (200, &json!("Wineries")));
    assert_eq!(server.put(uri, "null").await.json(), kept.json());
    let renamed = server.put(uri, r#"{"title":"Caves"}"#).await;
    assert_eq!((renamed.status.as_u16(), &renamed.json()["title"]), (200, &json!("Caves")));
    assert_eq!(server.get(uri).await.json(), renamed.json());
    let list = server.get("/v1/collections").await.json();
    assert_eq!(list["collections"], json!([renamed.json()]));
    for bad in ["[]", "{", r#"{"name":"x"}"#, r#"{"title":7}"#] {
        server.put(uri, bad).await.problem(400, "body-invalid");
    }
    let long = json!({ "title": "x".repeat(201) }).to_string();
    assert_eq!(server.put(uri, long).await.problem(400, "body-invalid")["parameter"], "title");
}
