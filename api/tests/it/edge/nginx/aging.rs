//! Answers grow old at the edge: when they are renewed, when they are served all the same, and what they say of it.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use cellar_client::{By, ClientError, NearbyClient};
use cellar_search::cells::EdgeConfig;

use super::bed::{Edge, Got, lifetimes};
use crate::edge::origin::{Gate, Origin, PATIENCE, until};
use crate::edge::sites::{Site, at, results, transport, usual};
use cellar_test_kit::place;

const CELL: &str = "/v1/collections/town/cells/gh:u09t/nearby";
/// Never asked for before the origin is in trouble.
const OTHER: &str = "/v1/collections/town/cells/gh:u09w/nearby";
const HOUR_S: u64 = 3_600;

async fn town(lifetimes: EdgeConfig) -> (Site, Origin, Edge) {
    let site = Site::town("town", at(48.8566, 2.3522));
    let origin = Origin::start(std::slice::from_ref(&site), lifetimes).await;
    let edge = Edge::start(&origin.url).await;
    (site, origin, edge)
}

fn is_new(answer: &Got) -> bool {
    answer.text().contains("new-place")
}

async fn add_place(origin: &Origin) {
    origin.write("town", &place("new-place", 48.8567, 2.3523, "{}")).await;
}

#[tokio::test]
async fn a_slow_origin_keeps_nobody_waiting() {
    let (_, origin, edge) = town(lifetimes(2, HOUR_S, 0)).await;
    let first = edge.get(CELL).await;
    add_place(&origin).await;
    origin.set(Gate::Held);
    // From when it has expired it is served while the origin is being asked.
    until("the answer to expire", async || {
        let answer = edge.get(CELL).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &first.body));
        answer.edge_status().contains("stale-while-revalidate").then_some(())
    })
    .await;
    until("the origin to be asked", async || (origin.cells().len() == 2).then_some(())).await;
    for _ in 0..20 {
        assert_eq!(edge.get(CELL).await.body, first.body);
    }
    assert_eq!(origin.cells().len(), 2, "one asks for all");
    origin.set(Gate::Open);
    until("the new place", async || is_new(&edge.get(CELL).await).then_some(())).await;
}

#[tokio::test]
async fn an_origin_that_fails_or_is_gone_is_not_noticed() {
    let (site, origin, edge) = town(lifetimes(2, 0, HOUR_S)).await;
    let first = edge.get(CELL).await;
    let filled = first.during;
    origin.set(Gate::Failing);
    let mut ages = Vec::new();
    until("the answer to expire", async || {
        let answer = edge.get(CELL).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &first.body));
        ages.push(age(&answer, filled));
        answer.edge_status().contains("stale-if-error").then_some(())
    })
    .await;
    let refused = edge.get(OTHER).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "there is nothing that is stale");

    origin.kill().await;
    until("it to age further", async || {
        let answer = edge.get(CELL).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &first.body));
        assert!(answer.edge_status().contains("stale-if-error"), "{:?}", answer.headers);
        ages.push(age(&answer, filled));
        (ages.last() > Some(&4)).then_some(())
    })
    .await;
    assert!(ages.is_sorted(), "{ages:?}");
    assert_eq!(edge.get(OTHER).await.status, StatusCode::BAD_GATEWAY);

    // What is certified is so although the origin is gone; what is not is an error, never an empty list.
    let client = NearbyClient::new(transport(&edge.url));
    let wanted = usual("town", at(48.8566, 2.3522));
    let found = client.nearby(wanted.clone(), PATIENCE).await.unwrap();
    assert_eq!(
        (found.by, results(&found)),
        (By::Cell("gh:u09t".parse().unwrap()), site.brute_force(&wanted))
    );
    assert!(!found.hits.is_empty() && found.requests[0].age > Some(Duration::from_secs(3)));
    let elsewhere = client.nearby(usual("town", at(48.9, 2.8)), PATIENCE).await.unwrap_err();
    assert!(matches!(elsewhere, ClientError::Refused { status: 502, .. }), "{elsewhere}");
}

/// `Age` in seconds, which is within what has passed since the answer was made.
fn age(answer: &Got, filled: (Instant, Instant)) -> u64 {
    let age: u64 = answer.header("age").parse().unwrap();
    let (sent, received) = answer.during;
    let (least, most) = (sent.duration_since(filled.1), received.duration_since(filled.0));
    // nginx counts in whole seconds of the wall clock, at both ends.
    assert!(age + 1 >= least.as_secs(), "{age} s after {least:?}");
    assert!(age <= most.as_secs() + 2, "{age} s after {most:?}");
    age
}

#[tokio::test]
async fn age_begins_anew_when_the_origin_confirms_the_answer() {
    let (_, origin, edge) = town(lifetimes(2, 0, 0)).await;
    let mut filled = edge.get(CELL).await.during;
    let (mut confirmed, mut hits) = (0, 0);
    until("the answer to be confirmed twice", async || {
        let answer = edge.get(CELL).await;
        match answer.edge_status() {
            "edge; fwd=stale; fwd-status=304" => {
                assert_eq!(answer.header("age"), "0");
                filled = answer.during;
                confirmed += 1;
            }
            "edge; hit" => {
                age(&answer, filled);
                hits += 1;
            }
            other => panic!("{other}"),
        }
        (confirmed == 2 && hits > 0).then_some(())
    })
    .await;
    assert_eq!(origin.cells().len(), 3);
}

#[tokio::test]
async fn a_write_is_visible_when_its_answers_have_expired() {
    const FRESH_S: u64 = 3;
    let (_, origin, edge) = town(lifetimes(FRESH_S, 0, 0)).await;
    assert!(!is_new(&edge.get(CELL).await));
    add_place(&origin).await;
    let acknowledged = Instant::now();
    until("the new place", async || {
        let answer = edge.get(CELL).await;
        // A tenth of jitter, and whole seconds at both ends. A request that is sent later gets no older answer.
        let bound = Duration::from_secs(FRESH_S).mul_f64(1.1) + Duration::from_secs(2);
        let sent = answer.during.0.duration_since(acknowledged);
        assert!(is_new(&answer) || sent <= bound, "still old after {sent:?}");
        is_new(&answer).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_write_is_visible_at_once_when_its_tags_are_purged() {
    let (_, origin, edge) = town(lifetimes(HOUR_S, 0, 0)).await;
    let first = edge.get(CELL).await;
    add_place(&origin).await;
    assert!(!is_new(&edge.get(CELL).await), "it is fresh for an hour");
    // Any one of them will do.
    let tag = first.header("cache-tag").split(", ").next().unwrap();
    assert!(tag.starts_with("town:"), "{tag}");
    assert_eq!(edge.purge(tag).await, 1);
    assert!(is_new(&edge.get(CELL).await));
    assert_eq!(edge.purge("town:nothing").await, 0);
}
