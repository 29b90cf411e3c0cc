//! API keys: what each scope allows, and who gets which answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{Method, header};
use cellar_http::config::{AccessConfig, ApiConfig, WriteConfig, WriteToken};
use cellar_http::keys::{KeyRecord, Keyring, Keys};
use serde_json::json;

use cellar_test_kit::server::{Answer, Server, request, winery};

const TOKEN: &str = "correct-horse-battery";
const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0&lon=0";
const CELL: &str = "/v1/collections/wineries/cells/gh:s000/nearby";
const ITEM: &str = "/v1/collections/wineries/items/w-000";

/// A server, and a key of it for each list of scopes.
struct Keyed {
    server: Server,
    keys: Vec<String>,
    records: Vec<KeyRecord>,
}

impl Keyed {
    /// With three places in `wineries`.
    async fn new(scopes: &[&str], keyed_reads: bool, expires: Option<SystemTime>) -> Self {
        let made = scopes.iter().map(|scopes| {
            let scopes = scopes.split(' ').map(|scope| scope.parse().unwrap()).collect();
            KeyRecord::generate(None, scopes, SystemTime::UNIX_EPOCH, expires)
        });
        let (records, keys): (Vec<_>, Vec<_>) = made.unzip();
        let ring = Keyring::of(records.clone()).unwrap();
        let access = AccessConfig { keys: Some(Arc::new(Keys::fixed(ring))), keyed_reads };
        let writes = WriteConfig { token: Some(WriteToken::new(TOKEN).unwrap()), open: true };
        let keyed = Self { server: Server::with_access(ApiConfig::default(), writes, access), keys, records };
        assert_eq!(keyed.send(TOKEN, Method::PUT, "/v1/collections/wineries", "").await.status, 201);
        let features: Vec<_> = (0..3).map(winery).collect();
        let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
        let batch = keyed.send(TOKEN, Method::POST, "/v1/collections/wineries/items", &batch).await;
        assert_eq!(batch.status, 200, "{}", batch.text);
        keyed
    }

    async fn send(&self, key: &str, method: Method, uri: &str, body: &str) -> Answer {
        let mut request = request(method, uri, body.to_owned());
        if !key.is_empty() {
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        }
        self.server.send(request).await
    }

    async fn get(&self, key: &str, uri: &str) -> Answer {
        self.send(key, Method::GET, uri, "").await
    }
}

#[tokio::test]
async fn a_scope_allows_what_it_says() {
    let keyed = Keyed::new(&["read:*", "write:wineries", "write:other", "admin:wineries"], false, None).await;
    let place = winery(0).to_string();
    let [reader, writer, other, admin] = [0, 1, 2, 3].map(|index| keyed.keys[index].as_str());
    for (key, allowed) in [(reader, false), (writer, true), (other, false), (admin, true), (TOKEN, true)] {
        let answer = keyed.send(key, Method::PUT, ITEM, &place).await;
        if allowed {
            assert_eq!(answer.status, 200, "{}", answer.text);
        } else {
            let problem = answer.problem(403, "scope-missing");
            assert_eq!(problem["allowed"], "write:wineries");
            let challenge = answer.header("www-authenticate");
            assert!(
                challenge.ends_with(r#"error="insufficient_scope", scope="write:wineries""#),
                "{challenge}"
            );
        }
    }
    for (key, status) in [(reader, 403), (writer, 403), (other, 403), (admin, 202)] {
        let answer = keyed.send(key, Method::DELETE, "/v1/collections/wineries", "").await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let elsewhere = keyed.send(writer, Method::PUT, "/v1/collections/third", "").await;
    elsewhere.problem(403, "scope-missing");
    assert_eq!(keyed.send(other, Method::PUT, "/v1/collections/other", "").await.status, 201);
    // A name that is none is allowed to nobody whose key is for one collection.
    keyed.send(writer, Method::PUT, "/v1/collections/W%20", "").await.problem(403, "scope-missing");
}

#[tokio::test]
async fn a_name_is_the_same_however_it_is_escaped() {
    let keyed = Keyed::new(&["read:other write:other"], true, None).await;
    let key = keyed.keys[0].as_str();
    for uri in [
        "/v1/collections/%77ineries",
        "/v1/collections/%77ineries/nearby?lat=0&lon=0",
        "/v1/collections/%77ineries/nearby?lat=0&lon=0&mode=cell",
        "/v1/collections/%77ineries/cells/gh:s000/nearby",
        CELL,
        NEARBY,
        ITEM,
        "/v1/collections/wineries/items?bbox=-1,-1,1,1",
        "/v1/collections/wineries/edge-map",
        "/v1/collections/wineries/cells?bbox=-1,-1,1,1&resolution=7",
        "/v1/collections/wineries/tiles",
        "/v1/collections/wineries/tiles/10/512/511",
        "/v1/collections/wineries/categories",
        "/v1/collections/wineries/pages?bbox=-1,-1,1,1",
        "/v1/collections",
    ] {
        keyed.get(key, uri).await.problem(403, "scope-missing");
    }
    for uri in ["/v1/collections/%77ineries/items/w-000", "/v1/collections/wineries/items/w%2D000"] {
        keyed.send(key, Method::DELETE, uri, "").await.problem(403, "scope-missing");
    }
    assert_eq!(keyed.get(TOKEN, ITEM).await.status, 200, "nothing is gone");
}

#[tokio::test]
async fn a_key_has_to_be_one_and_not_to_have_ended() {
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let keyed = Keyed::new(&["write:*"], false, Some(end)).await;
    let (key, place) = (keyed.keys[0].clone(), winery(0).to_string());
    assert_eq!(keyed.send(&key, Method::PUT, ITEM, &place).await.status, 200);
    let missing = keyed.send("", Method::PUT, ITEM, &place).await;
    missing.problem(401, "write-unauthorized");
    assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="cellar""#);
    let id = &keyed.records[0].id;
    let mut last = key.clone();
    last.pop();
    for wrong in
        [format!("{key}x"), last, format!("cellar_{id}_"), id.clone(), "cellar".into(), key.to_uppercase()]
    {
        let answer = keyed.send(&wrong, Method::PUT, ITEM, &place).await;
        answer.problem(401, "write-unauthorized");
        assert!(answer.header("www-authenticate").contains("invalid_token"));
        assert!(
            !answer.text.contains(&wrong[..wrong.len().min(8)]) || wrong.starts_with("cellar"),
            "{}",
            answer.text
        );
    }
    let ended = Keyed::new(&["write:*"], false, Some(SystemTime::UNIX_EPOCH)).await;
    let answer = ended.send(&ended.keys[0], Method::PUT, ITEM, &place).await;
    let problem = answer.problem(401, "write-unauthorized");
    assert!(problem["detail"].as_str().unwrap().contains("expired"), "{problem}");
}

#[tokio::test]
async fn reads_are_open_unless_they_are_keyed() {
    let open = Keyed::new(&["read:wineries"], false, None).await;
    for key in ["", "cellar_nonsense", &open.keys[0]] {
        assert_eq!(open.get(key, NEARBY).await.status, 200, "{key}");
    }
    let cell = open.get("", CELL).await;
    assert!(cell.header("cache-control").starts_with("public"), "{}", cell.header("cache-control"));
    assert_ne!(cell.header("cache-tag"), "");

    let keyed = Keyed::new(&["read:wineries", "read:other"], true, None).await;
    for uri in [NEARBY, CELL, ITEM, "/v1/collections", "/v1/collections/nothing"] {
        keyed.get("", uri).await.problem(401, "read-unauthorized");
        keyed.get("cellar_nonsense", uri).await.problem(401, "read-unauthorized");
        keyed.get(&keyed.keys[1], uri).await.problem(403, "scope-missing");
    }
    assert_eq!(keyed.get(TOKEN, "/v1/collections").await.status, 200);
    for probe in ["/live", "/ready", "/health", "/metrics", "/openapi.json", "/problems"] {
        assert_eq!(keyed.get("", probe).await.status, 200, "{probe}");
    }
}

#[tokio::test]
async fn what_takes_a_key_is_kept_by_no_shared_cache() {
    let keyed = Keyed::new(&["read:wineries"], true, None).await;
    for uri in [
        NEARBY,
        CELL,
        "/v1/collections/wineries/nearby?lat=0&lon=0&mode=cell",
        ITEM,
        "/v1/collections/wineries/edge-map",
        "/v1/collections/wineries/cells?bbox=-1,-1,1,1&resolution=7",
        // Of no places: others are no text.
        "/v1/collections/wineries/tiles/10/0/0",
    ] {
        // Twice: the second answer of a cell is the one that is in memory.
        for _ in 0..2 {
            let answer = keyed.get(&keyed.keys[0], uri).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let kept = answer.header("cache-control");
            assert!(kept.contains("private") && !kept.contains("public"), "{uri}: {kept}");
            assert_eq!(answer.header("cache-tag"), "", "{uri}");
            let vary: Vec<_> =
                answer.headers.get_all("vary").iter().map(|line| line.to_str().unwrap().to_owned()).collect();
            assert!(vary.join(", ").contains("authorization"), "{uri}: {vary:?}");
        }
    }
    let answer = keyed.get(&keyed.keys[0], CELL).await;
    let mut again = request(Method::GET, CELL, "");
    again.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", keyed.keys[0]).parse().unwrap());
    again.headers_mut().insert(header::IF_NONE_MATCH, answer.header("etag").parse().unwrap());
    let again = keyed.server.send(again).await;
    assert_eq!((again.status.as_u16(), again.header("cache-control")), (304, "private, no-cache"));
    let refused = keyed.get("", CELL).await;
    assert_eq!(refused.header("cache-control"), "no-store");
}
