//! Deleting collections, and what is said of them meanwhile.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use cellar_search::deletions::Deletions;
use cellar_store::deletion::{Outcome, Settings};
use serde_json::json;

use cellar_test_kit::server::{Answer, Server, request, winery};

const URI: &str = "/v1/collections/wineries";

async fn delete(server: &Server) -> Answer {
    server.send(request(Method::DELETE, URI, "")).await
}

/// Carries out what was asked for.
async fn carry_out(server: &Server) {
    let at_once = Settings { grace: Duration::ZERO, held: Duration::ZERO, ..Settings::default() };
    let store = server.store.clone();
    let deletions = Deletions::new(store, server.state.search.clone(), at_once);
    let outcomes = deletions.carry_on(None).await.unwrap();
    assert!(matches!(outcomes[..], [(_, Outcome::Gone(_))]), "{outcomes:?}");
}

#[tokio::test]
async fn a_collection_is_deleted_and_created_anew() {
    let server = Server::with_wineries(5).await;
    server.put(URI, r#"{"title":"Caves"}"#).await;
    let answer = delete(&server).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (202, URI));
    let told = answer.json();
    assert_eq!((&told["id"], &told["title"]), (&json!("wineries"), &json!("Caves")));
    assert_eq!((&told["status"], &told["deleted"]), (&json!("deleting"), &json!(0)));
    assert_eq!(server.get(URI).await.json(), told);
    assert_eq!(server.get("/v1/collections").await.json()["collections"], json!([told]));
    assert_eq!(delete(&server).await.status, 202, "asking again changes nothing");

    for path in [
        "nearby?lat=0&lon=0",
        "nearby?lat=0&lon=0&mode=cell",
        "cells/gh:s000/nearby",
        "items?bbox=-1,-1,1,1",
        "items/w-001",
        "edge-map",
        "cells?bbox=-1,-1,1,1&resolution=7",
        "tiles",
        "tiles/10/512/511",
    ] {
        let problem = server.get(&format!("{URI}/{path}")).await.problem(410, "collection-gone");
        assert_eq!(problem["parameter"], "collection", "{path}");
    }
    let batch = json!({ "type": "FeatureCollection", "features": [winery(1)] }).to_string();
    for (method, path, body) in [
        (Method::PUT, "", String::new()),
        (Method::PUT, "", r#"{"title":"x"}"#.to_owned()),
        (Method::POST, "/items", batch.clone()),
        (Method::PUT, "/items/w-001", winery(1).to_string()),
        (Method::DELETE, "/items/w-001", String::new()),
    ] {
        let answer = server.send(request(method.clone(), &format!("{URI}{path}"), body)).await;
        answer.problem(409, "collection-deleting");
        assert_eq!(answer.header("retry-after"), "30", "{method} {path}");
    }

    carry_out(&server).await;
    assert_eq!(server.store.count(), 0);
    server.get(URI).await.problem(404, "collection-unknown");
    server.get(&format!("{URI}/nearby?lat=0&lon=0")).await.problem(404, "collection-unknown");
    delete(&server).await.problem(404, "collection-unknown");
    assert_eq!(server.get("/v1/collections").await.json()["collections"], json!([]));

    assert_eq!(server.put(URI, "").await.status, 201);
    let created = server.get(URI).await.json();
    assert_eq!((&created["status"], created.get("title")), (&json!("active"), None));
    let found = server.get(&format!("{URI}/nearby?lat=0&lon=0")).await.json();
    assert_eq!(found["numberReturned"], 0, "nothing reappears: {found}");
    server.post_as(&format!("{URI}/items"), "application/json", batch).await;
    assert_eq!(server.get(&format!("{URI}/nearby?lat=0&lon=0")).await.json()["numberReturned"], 1);
}

/// Another process on the same table.
fn other_process(server: &Server) -> Server {
    let mut other = Server::new();
    let store = Arc::clone(&server.store);
    let search = cellar_search::Search::new(
        Arc::new(cellar_search::pages::StorePages::new(store.clone())),
        cellar_search::Limits::default(),
    );
    let writes = cellar_http::config::WriteConfig { token: None, open: true };
    let clock = other.clock.clone();
    other.state =
        cellar_http::state::AppState::builder(store.clone(), search).writes(writes).clock(clock).build();
    other.router = cellar_http::router::router(other.state.clone());
    other.store = store;
    other
}

async fn asked(server: &Server, method: Method, path: &str, body: String) -> Answer {
    cellar_test_kit::server::send(&server.router, request(method, &format!("{URI}{path}"), body)).await
}

#[tokio::test]
async fn other_processes_hear_of_it_within_seconds() {
    let server = Server::with_wineries(2).await;
    let other = other_process(&server);
    let read = || asked(&other, Method::GET, "/nearby?lat=0&lon=0", String::new());
    let write = || asked(&other, Method::PUT, "/items/w-009", winery(9).to_string());
    assert_eq!((read().await.status.as_u16(), write().await.status.as_u16()), (200, 201));
    delete(&server).await;
    assert_eq!(read().await.status, 200, "it has just asked");
    other.clock.advance(Duration::from_secs(5));
    write().await.problem(409, "collection-deleting");
    read().await.problem(410, "collection-gone");
}

#[tokio::test]
async fn readers_hear_of_it_by_themselves_and_go_on_while_the_store_is_away() {
    let server = Server::with_wineries(2).await;
    let other = other_process(&server);
    let read = || asked(&other, Method::GET, "/nearby?lat=0&lon=0", String::new());
    assert_eq!(read().await.status, 200);
    other.clock.advance(Duration::from_secs(10));
    server.store.set_fault(Some(cellar_test_kit::fake::Fault::Fail));
    assert_ne!(read().await.status, 410, "what was known still counts");
    server.store.set_fault(None);
    assert_eq!(read().await.status, 200);
    delete(&server).await;
    assert_eq!(read().await.status, 200);
    other.clock.advance(Duration::from_secs(10));
    read().await.problem(410, "collection-gone");
}

#[tokio::test]
async fn a_cached_answer_does_not_outlive_its_collection() {
    let server = Server::cached(cellar_cache::Policy::default(), cellar_search::cells::EdgeConfig::default());
    let server = server.filled_with_wineries(5).await;
    let cell = format!("{URI}/cells/gh:s000/nearby");
    for _ in 0..2 {
        assert_eq!(server.get(&cell).await.json()["numberReturned"], 5);
    }
    delete(&server).await;
    server.get(&cell).await.problem(410, "collection-gone");
    carry_out(&server).await;
    server.put(URI, "").await;
    assert_eq!(server.get(&cell).await.json()["numberReturned"], 0, "nothing reappears");
    let near = server.get(&format!("{URI}/nearby?lat=0&lon=0")).await.json();
    assert_eq!(near["numberReturned"], 0, "{near}");
}
