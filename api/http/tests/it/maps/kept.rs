//! How long answers for maps may be kept, and what makes everybody forget them.

use std::sync::atomic::Ordering;

use axum::http::{Method, StatusCode};
use cellar_cache::Policy;
use cellar_model::key::edge_tag;
use cellar_search::cells::EdgeConfig;
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{Leaf, Position};

use cellar_test_kit::collection;
use cellar_test_kit::server::{Server, request, winery};

const TILE: &str = "/v1/collections/wineries/tiles/10/512/511";
const CELLS: &str = "/v1/collections/wineries/cells?bbox=-0.1,-0.1,0.1,0.3&resolution=7";

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let server = Server::with_wineries(30).await;
    for uri in [TILE, CELLS] {
        let get = server.receive(request(Method::GET, uri, "")).await;
        let etag = get.1["etag"].clone();
        let control = get.1["cache-control"].to_str().unwrap();
        assert!(
            control.starts_with("public, max-age=") && control.contains("stale-while-revalidate"),
            "{control}"
        );
        let mut again = request(Method::GET, uri, "");
        again.headers_mut().insert("if-none-match", etag.clone());
        let (status, headers, body) = server.receive(again).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{uri}");
        for name in ["etag", "cache-control", "cache-tag"] {
            assert_eq!(headers[name], get.1[name], "{uri} {name}");
        }
    }
}

/// A write names the tag of the root that its place is in, and each answer that may have it carries this tag.
#[tokio::test]
async fn a_write_in_the_area_changes_the_answer_and_has_one_of_its_tags() {
    let server = Server::cached(Policy::default(), EdgeConfig::default()).filled_with_wineries(3).await;
    for (index, uri) in [TILE, CELLS].into_iter().enumerate() {
        let before = server.receive(request(Method::GET, uri, "")).await;
        let place = winery(20 + index);
        let [lon, lat] = [0, 1].map(|axis| place["geometry"]["coordinates"][axis].as_f64().unwrap());
        let root = Leaf::at(Position::new(lat, lon).unwrap()).ancestor(ROOT_RESOLUTION).unwrap();
        let tags = before.1["cache-tag"].to_str().unwrap();
        assert!(tags.split(", ").any(|tag| tag == edge_tag(&collection("wineries"), root)), "{uri}: {tags}");
        let id = place["id"].as_str().unwrap();
        let written = server.put(&format!("/v1/collections/wineries/items/{id}"), place.to_string()).await;
        assert!(written.status.is_success(), "{}", written.text);
        let after = server.receive(request(Method::GET, uri, "")).await;
        assert_ne!((&after.1["etag"], &after.2), (&before.1["etag"], &before.2), "{uri}");
    }
}

#[tokio::test]
async fn what_depends_on_the_whole_world_is_kept_for_seconds() {
    let server = Server::with_wineries(3).await;
    for uri in [
        "/v1/collections/wineries/tiles/0/0/0",
        "/v1/collections/wineries/cells?bbox=-180,-90,180,90&resolution=1",
        // No tag tells of the first place of a category.
        "/v1/collections/wineries/tiles/10/512/511?category=bar",
    ] {
        let answer = server.receive(request(Method::GET, uri, "")).await;
        assert_eq!(answer.1["cache-control"], "public, max-age=0, s-maxage=5", "{uri}");
        let has_tags = answer.1.contains_key("cache-tag");
        assert_eq!(has_tags, uri.contains("category"), "{uri}");
    }
}

/// Pages are kept as those of searches are: who asks for a tile that is known reads nothing.
#[tokio::test]
async fn a_tile_is_made_of_pages_that_are_kept() {
    let policy = Policy::default().jitter(0.0).early_refresh(0.0);
    let server = Server::cached(policy, EdgeConfig::default()).filled_with_wineries(30).await;
    let reads = || server.store.range_reads.load(Ordering::Relaxed);
    server.receive(request(Method::GET, TILE, "")).await;
    let first = reads();
    assert!((1..=16).contains(&first), "{first}");
    for uri in [TILE, CELLS, "/v1/collections/wineries/tiles/12/2048/2047"] {
        let answer = server.receive(request(Method::GET, uri, "")).await;
        assert_eq!(answer.0, StatusCode::OK);
    }
    let known = reads();
    server.receive(request(Method::GET, TILE, "")).await;
    server.receive(request(Method::GET, CELLS, "")).await;
    assert_eq!(reads(), known, "everything is in memory");
}
