//! A place moves while a search reads its pages one after the other: the answer is that of one instant all the same.
//!
//! X is in the south or in the north, 167 km apart and so in different pages, and searches see both.

use std::time::Duration;

use axum::http::Method;
use cellar_cache::Policy;
use cellar_store::{CollectionInfo, Store as _};
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{H3Cell, Leaf, Position};

use super::bed::{patient, until};
use super::process::Process;
use cellar_test_kit::server::Answer;
use cellar_test_kit::{TestStore, collection, fresh_store, place};

const SOUTH: (f64, f64) = (48.0, 11.0);
const NORTH: (f64, f64) = (49.5, 11.0);

const NEARBY: &str = "/v1/collections/c/nearby?lat=48.75&lon=11&radius=150000";
const CELL: &str = "/v1/collections/c/cells/gh:u0xv/nearby";
const BOX: &str = "/v1/collections/c/items?bbox=10.9,47.9,11.1,49.6";

fn root((lat, lon): (f64, f64)) -> H3Cell {
    Leaf::at(Position::new(lat, lon).unwrap()).ancestor(ROOT_RESOLUTION).unwrap()
}

fn feature((lat, lon): (f64, f64)) -> String {
    place("x", lat, lon, "{}").feature()
}

async fn process(policy: Policy) -> (TestStore, Process) {
    let store = fresh_store().await;
    let name = collection("c");
    store.put_collection(&CollectionInfo { name: name.clone(), title: None }).await.unwrap();
    let (s, n) = (place("s", SOUTH.0, SOUTH.1, "{}"), place("n", NORTH.0, NORTH.1, "{}"));
    store.put_many(&name, &[s, n, place("x", SOUTH.0, SOUTH.1, "{}")]).await.unwrap();
    let process = Process::without_feed(&store, policy, None);
    (store, process)
}

/// Nothing is kept in memory.
fn no_memory() -> Policy {
    patient().memory_bytes(0)
}

/// Where an answer lists x, by latitude.
fn sightings(answer: &Answer) -> Vec<f64> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let document = answer.json();
    let features = document["features"].as_array().unwrap();
    let x = features.iter().filter(|feature| feature["id"] == "x");
    x.map(|feature| feature["geometry"]["coordinates"][1].as_f64().unwrap()).collect()
}

fn repeats(answer: &Answer) -> Option<&str> {
    answer.header("server-timing").split(", ").find_map(|part| part.strip_prefix("repeats;desc="))
}

impl Process {
    async fn moves_to(&self, at: (f64, f64)) {
        let answer = self.send(Method::PUT, "/v1/collections/c/items/x", feature(at)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Has read all but the pages that are held up.
    async fn waits_for_pages(&self, queries: u32) {
        until("all other pages are read", async || (self.store.queries() >= queries).then_some(())).await;
    }
}

/// A write that begins and ends while pages are read.
#[tokio::test]
async fn a_move_that_ends_meanwhile_is_seen_once() {
    for (policy, uri) in [(patient(), NEARBY), (no_memory(), NEARBY), (no_memory(), CELL), (patient(), BOX)] {
        for (from, to) in [(SOUTH, NORTH), (NORTH, SOUTH)] {
            let (_store, process) = process(policy.clone()).await;
            process.moves_to(from).await;
            let before = process.get(uri).await;
            assert_eq!((sightings(&before), repeats(&before)), (vec![from.0], None));
            process.cache().invalidate_memory();
            process.store.hold_all_but_first(&[root(SOUTH), root(NORTH)]);
            let (search, ()) = futures::join!(process.get(uri), async {
                process.store.holds_up().await;
                process.moves_to(to).await;
                process.store.hold_all_but_first(&[]);
            });
            assert_eq!(sightings(&search), [to.0], "{uri}");
            assert_eq!(repeats(&search), Some("\"1\""), "{uri}: {}", search.header("server-timing"));
            let after = process.get(uri).await;
            assert_eq!((sightings(&after), repeats(&after)), (vec![to.0], None));
        }
    }
}

/// A write that has taken effect, and whose answer is on its way.
#[tokio::test]
async fn a_move_under_way_is_waited_for() {
    for policy in [patient(), no_memory()] {
        let (_store, process) = process(policy).await;
        // The south's page is in memory; the north's is not.
        assert_eq!(
            sightings(&process.get("/v1/collections/c/nearby?lat=48&lon=11&radius=10").await),
            [SOUTH.0]
        );
        process.store.set_answering(false);
        let search = async {
            process.store.has_written(1).await;
            let queries = process.store.queries();
            futures::join!(process.get(NEARBY), async {
                process.waits_for_pages(queries + 1).await;
                process.store.set_answering(true);
            })
            .0
        };
        let (answer, ()) = futures::join!(search, process.moves_to(NORTH));
        assert_eq!(sightings(&answer), [NORTH.0]);
        assert!(!answer.header("cache-status").contains("torn"));
    }
}

/// Writes elsewhere, and of places that are nowhere near, are no reason to wait.
#[tokio::test]
async fn a_write_under_way_elsewhere_is_not_waited_for() {
    let (_store, process) = process(patient()).await;
    process.store.set_answering(false);
    let write = process.send(
        Method::PUT,
        "/v1/collections/c/items/y",
        feature((-20.0, 11.0)).replace("\"x\"", "\"y\""),
    );
    let search = async {
        process.store.has_written(1).await;
        let answer = process.get(NEARBY).await;
        process.store.set_answering(true);
        answer
    };
    let (answer, write) = futures::join!(search, write);
    assert_eq!((sightings(&answer), repeats(&answer), write.status.as_u16()), (vec![SOUTH.0], None, 201));
}

/// A write whose answer does not come: searches say that they could not wait any longer, and nobody keeps that.
#[tokio::test]
async fn what_cannot_be_made_whole_is_marked_and_not_kept() {
    let (_store, process) = process(patient()).await;
    assert_eq!(sightings(&process.get("/v1/collections/c/nearby?lat=48&lon=11&radius=10").await), [SOUTH.0]);
    process.store.set_answering(false);
    let searches = async {
        process.store.has_written(1).await;
        let answers = [process.get(NEARBY).await, process.get(CELL).await];
        // Writes are not held back by every one of them.
        let second =
            process.send(Method::PUT, "/v1/collections/c/items/s", feature(SOUTH).replace("\"x\"", "\"s\""));
        let second = async { (second.await, process.get(CELL).await) };
        let ((write, third), ()) = futures::join!(second, async {
            process.store.has_written(2).await;
            process.store.set_answering(true);
        });
        assert_eq!(write.status, 200);
        (answers, third)
    };
    let (([exact, cell], _), ()) = futures::join!(searches, process.moves_to(NORTH));
    for answer in [&exact, &cell] {
        // It is in both pages: the table itself says which of them is behind.
        assert_eq!(sightings(answer), [NORTH.0]);
        assert!(answer.header("cache-status").ends_with(r#"cellar-search; fwd=stale; detail="torn""#));
    }
    assert_eq!(exact.header("cache-control"), "private, no-store");
    assert_eq!(cell.header("cache-control"), "public, max-age=0, s-maxage=5");
    let after = process.get(CELL).await;
    assert_eq!(sightings(&after), [NORTH.0]);
    assert!(!after.header("cache-status").contains("torn"));
    assert!(
        after.header("cache-control").contains("stale-while-revalidate"),
        "{}",
        after.header("cache-control")
    );
    let metrics = process.get("/metrics").await.text;
    let torn = metrics.lines().find_map(|line| line.strip_prefix("cellar_search_torn_total "));
    assert!(torn.is_some_and(|count| count.parse::<u32>().unwrap() >= 2), "{torn:?}");
}

/// Somebody else has moved it, and nobody has said so yet: that it is there twice tells that one page is old.
#[tokio::test]
async fn a_place_that_is_there_twice_is_looked_for_again() {
    let (store, process) = process(patient()).await;
    assert_eq!(sightings(&process.get("/v1/collections/c/nearby?lat=48&lon=11&radius=10").await), [SOUTH.0]);
    store.put(&collection("c"), &place("x", NORTH.0, NORTH.1, "{}")).await.unwrap();
    let answer = process.get(NEARBY).await;
    assert_eq!((sightings(&answer), repeats(&answer)), (vec![NORTH.0], Some("\"1\"")));
}

/// The index shows it in both places, however often it is read: the table itself knows.
#[tokio::test]
async fn of_two_versions_the_newer_one_stays_while_the_index_is_behind() {
    for (from, to) in [(SOUTH, NORTH), (NORTH, SOUTH)] {
        let (_store, process) = process(patient().settle(Duration::from_secs(2))).await;
        process.moves_to(from).await;
        process.store.leave_behind(&collection("c"), root(from)).await;
        process.moves_to(to).await;
        for uri in [NEARBY, CELL, BOX] {
            let answer = process.get(uri).await;
            assert_eq!(sightings(&answer), [to.0], "{uri}");
            assert!(answer.header("cache-status").contains("torn"), "{uri}");
        }
    }
}

/// X goes from one category to another while a search of both has read the pages of one of them.
#[tokio::test]
async fn a_place_that_changes_its_category_meanwhile_is_seen_once() {
    const BOTH: &str = "/v1/collections/c/nearby?lat=48.75&lon=11&radius=150000&category=cafe,bar";
    let of = |category: &str| {
        format!("/v1/collections/c/nearby?lat=48.75&lon=11&radius=150000&category={category}")
    };
    let x = |category: &str, (lat, lon): (f64, f64)| {
        place("x", lat, lon, &format!(r#"{{"category":"{category}"}}"#)).feature()
    };
    let put = "/v1/collections/c/items/x";
    for policy in [patient(), no_memory()] {
        for (first, second) in [("cafe", "bar"), ("bar", "cafe")] {
            let (store, process) = process(policy.clone()).await;
            let others = ["cafe", "bar"].map(|category| {
                place(category, SOUTH.0, SOUTH.1, &format!(r#"{{"category":"{category}"}}"#))
            });
            store.put_many(&collection("c"), &others).await.unwrap();
            assert_eq!(process.send(Method::PUT, put, x(first, SOUTH)).await.status, 200);
            assert_eq!(sightings(&process.get(BOTH).await), [SOUTH.0]);
            process.cache().invalidate_memory();
            // What is in memory: the pages of the category that it leaves, or that it goes to.
            assert_eq!(process.get(&of("cafe")).await.status, 200);
            let queries = process.store.queries();
            process.store.set_open(false);
            let (answer, ()) = futures::join!(process.get(BOTH), async {
                tokio::task::yield_now().await;
                assert_eq!(process.send(Method::PUT, put, x(second, NORTH)).await.status, 200);
                process.store.set_open(true);
            });
            assert!(process.store.queries() > queries);
            assert_eq!(sightings(&answer), [NORTH.0], "{first} to {second}");
            assert!(!answer.header("cache-status").contains("torn"));
            assert_eq!(sightings(&process.get(&of(first)).await), [0.0; 0]);
            assert_eq!(sightings(&process.get(&of(second)).await), [NORTH.0]);
        }
    }
}

/// A write of another category, right there, is no reason to wait.
#[tokio::test]
async fn a_write_of_another_category_is_not_waited_for() {
    let (store, process) = process(patient()).await;
    let cafe = place("cafe", SOUTH.0, SOUTH.1, r#"{"category":"cafe"}"#);
    store.put(&collection("c"), &cafe).await.unwrap();
    process.store.set_answering(false);
    let bar = place("bar", SOUTH.0, SOUTH.1, r#"{"category":"bar"}"#).feature();
    let write = process.send(Method::PUT, "/v1/collections/c/items/bar", bar);
    let search = async {
        process.store.has_written(1).await;
        let answer = process.get(&format!("{NEARBY}&category=cafe")).await;
        process.store.set_answering(true);
        answer
    };
    let (answer, write) = futures::join!(search, write);
    assert_eq!((repeats(&answer), write.status.as_u16()), (None, 201));
    assert_eq!(answer.json()["features"][0]["id"], "cafe");
}
