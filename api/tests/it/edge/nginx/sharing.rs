//! What one user has asked for serves the others.

use std::sync::Arc;

use axum::http::StatusCode;
use cellar_client::{By, NearbyClient};
use futures::future::join_all;
use geo_index::Position;
use geo_index::edge::CacheCell;

use super::bed::{Edge, lifetimes};
use crate::edge::origin::{Gate, Origin, until};
use crate::edge::sites::{Site, at, near, results, rng, transport, usual};

const CELL: &str = "/v1/collections/town/cells/gh:u09t/nearby";

async fn town() -> (Site, Origin, Edge) {
    let site = Site::town("town", at(48.8566, 2.3522));
    let origin = Origin::start(std::slice::from_ref(&site), lifetimes(3_600, 0, 0)).await;
    let edge = Edge::start(&origin.url).await;
    (site, origin, edge)
}

/// Users in the cell, which is 0.35° wide and 0.18° high.
fn users(count: usize) -> Vec<Position> {
    let (mut rng, cell) = (rng(1), "gh:u09t".parse::<CacheCell>().unwrap());
    (0..count).map(|_| near(cell.centre(), 9_000.0, &mut rng)).collect()
}

#[tokio::test]
async fn the_second_user_in_a_cell_costs_the_origin_nothing() {
    let (site, origin, edge) = town().await;
    for (number, position) in users(10).into_iter().enumerate() {
        // Another phone each time.
        let client = NearbyClient::new(transport(&edge.url));
        let wanted = usual("town", position);
        let found = client.nearby(wanted.clone(), crate::edge::origin::PATIENCE).await.unwrap();
        assert_eq!(results(&found), site.brute_force(&wanted), "user {number}");
        assert!(!found.hits.is_empty());
        assert_eq!(found.by, By::Cell("gh:u09t".parse().unwrap()));
        let [request] = &found.requests[..] else { panic!("{:?}", found.requests) };
        let status = request.cache_status.as_deref().unwrap();
        assert_eq!(status.ends_with("edge; hit"), number > 0, "user {number}: {status}");
        assert_eq!(request.age.is_some(), number > 0, "user {number}");
        assert_eq!(origin.cells(), [CELL]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_misses_reach_the_origin_once() {
    let (_, origin, edge) = town().await;
    let edge = Arc::new(edge);
    origin.set(Gate::Held);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let edge = Arc::clone(&edge);
            tokio::spawn(async move { edge.get(CELL).await })
        })
        .collect();
    until("the origin to be asked", async || (!origin.cells().is_empty()).then_some(())).await;
    // Connections that nginx has: what it has read of them by then does not matter for what is counted.
    origin.set(Gate::Open);
    let answers: Vec<_> = join_all(waiting).await.into_iter().map(Result::unwrap).collect();
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &answers[0].body));
    }
    assert_eq!(origin.cells(), [CELL]);
}

#[tokio::test]
async fn a_hundred_users_in_a_cell_are_one_entry() {
    let (_, origin, edge) = town().await;
    let mut first = None;
    for (number, position) in users(100).into_iter().enumerate() {
        let (lat, lon, radius, limit) = (position.lat(), position.lon(), 100 + number, 1 + number);
        let query = [
            format!("lat={lat}&lon={lon}&mode=cell"),
            format!("mode=cell&radius={radius}&lon={lon}&limit={limit}&lat={lat}"),
            format!("precision=4&lat={lat}&m%6fde=cell&lon={lon}"),
        ];
        let answer = edge.get(&format!("/v1/collections/town/nearby?{}", query[number % 3])).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header("content-location"), CELL);
        let (etag, body) =
            first.get_or_insert_with(|| (answer.header("etag").to_owned(), answer.body.clone()));
        assert_eq!((answer.header("etag"), &answer.body), (etag.as_str(), &*body));
    }
    assert_eq!((origin.cells().len(), edge.kept().len()), (1, 1));
}

#[tokio::test]
async fn exact_searches_are_nobody_elses() {
    let (site, origin, edge) = town().await;
    for position in users(5) {
        for turn in 0..2 {
            let wanted = usual("town", position);
            let (lat, lon) = (position.lat(), position.lon());
            let before = origin.seen();
            let answer =
                edge.get(&format!("/v1/collections/town/nearby?lat={lat}&lon={lon}&radius=5000")).await;
            assert_eq!(origin.seen(), before + 1, "turn {turn}");
            let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(document["numberReturned"], site.brute_force(&wanted).len());
        }
    }
    assert_eq!(edge.kept().len(), 0);
}

#[tokio::test]
async fn who_has_the_answer_gets_304_without_a_body() {
    let (_, origin, edge) = town().await;
    let first = edge.get(CELL).await;
    let etag = first.header("etag").to_owned();
    assert!(!etag.is_empty() && !first.body.is_empty());
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let again = edge.get_with(CELL, &[("if-none-match", &tags)]).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{tags}");
        assert_eq!(again.header("etag"), etag);
        assert!(matches!(again.header("content-length"), "" | "0"), "{:?}", again.headers);
    }
    let other = edge.get_with(CELL, &[("if-none-match", "\"x\"")]).await;
    assert_eq!((other.status, &other.body), (StatusCode::OK, &first.body));
    // One that the edge does not have, asked for by somebody who has it.
    let miss = CELL.replace("u09t", "u09w");
    let etag = edge.get(&miss).await.header("etag").to_owned();
    let fresh_edge = Edge::start(&origin.url).await;
    let answer = fresh_edge.get_with(&miss, &[("if-none-match", &etag)]).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0));
}
