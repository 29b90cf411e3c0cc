//! What writes of all kinds tell the feed, on a real endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use cellar_changes::record::Meaning;
use cellar_changes::stream::Start;
use cellar_changes::{Change, State, Stream, TableStream};
use cellar_jobs::import::{Import, Input, Silent, import};
use cellar_model::{PageKey, Placement};
use cellar_store::{CollectionInfo, Store};
use geo_index::{GridCell, H3Cell, Leaf};

use super::fake::{change, follow, leaf};
use cellar_test_kit::{collection, fresh_store, on_other_endpoint, place};

const PARIS: (f64, f64) = (48.8566, 2.3522);
const TOKYO: (f64, f64) = (35.6762, 139.6503);
/// Some metres from Paris: other leaf, same root.
const BESIDE: (f64, f64) = (48.8567, 2.3525);

#[tokio::test]
async fn places_that_come_move_and_go_are_told_with_both_positions() {
    let (store, c) = (fresh_store().await, collection("c"));
    store.put(&c, &place("before", 1.0, 2.0, "{}")).await.unwrap();
    let (running, sink) = follow(Arc::new(TableStream::of(&store))).await;
    sink.hears(&[]).await;
    let put = async |(lat, lon), properties| store.put(&c, &place("p", lat, lon, properties)).await.unwrap();
    put(PARIS, "{}").await;
    sink.hears(&[change(None, Some(PARIS))]).await;
    put(PARIS, r#"{"name":"new"}"#).await;
    sink.hears(&[change(Some(PARIS), Some(PARIS))]).await;
    put(BESIDE, "{}").await;
    sink.hears(&[change(Some(PARIS), Some(BESIDE))]).await;
    put(TOKYO, "{}").await;
    sink.hears(&[change(Some(BESIDE), Some(TOKYO))]).await;
    store.delete(&c, &"p".parse().unwrap()).await.unwrap();
    sink.hears(&[change(Some(TOKYO), None)]).await;
    store.delete(&c, &"p".parse().unwrap()).await.unwrap();
    sink.hears(&[]).await;
    let lag = running.status.lag();
    // Five changes of the place, and two new roots.
    assert_eq!((lag.state, lag.records, lag.failures, lag.gaps), (State::Running, 7, 0, 0));
    assert!(lag.last_created_ms.is_some() && lag.since_poll.is_some());
    running.stop().await;
}

#[tokio::test]
async fn batches_and_imports_are_told() {
    let (store, c) = (fresh_store().await, collection("c"));
    let (running, sink) = follow(Arc::new(TableStream::of(&store))).await;
    let at = |i: usize| (10.0 + i as f64 / 7.0, 20.0);
    let places: Vec<_> = (0..60).map(|i| place(&format!("p-{i}"), at(i).0, at(i).1, "{}")).collect();
    store.put_many(&c, &places[..40]).await.unwrap();
    sink.hears(&(0..40).map(|i| change(None, Some(at(i)))).collect::<Vec<_>>()).await;

    let moved: Vec<_> = (0..60).map(|i| place(&format!("p-{i}"), -at(i).0, at(i).1, "{}")).collect();
    let replaced = store.put_each(&c, &moved).await.unwrap();
    let old = |i: usize| (i < 40).then(|| at(i));
    for (i, previous) in replaced.iter().enumerate() {
        assert_eq!(
            (previous.existed, previous.leaf),
            (i < 40, old(i).map(|(lat, lon)| leaf(lat, lon))),
            "{i}"
        );
    }
    assert_eq!(replaced.len(), 60);
    let to_south = |i: usize| change(old(i), Some((-at(i).0, at(i).1)));
    sink.hears(&(0..60).map(to_south).collect::<Vec<_>>()).await;

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("rows.csv");
    std::fs::write(&csv, "id,lat,lon\nnew,48.8566,2.3522\np-0,35.6762,139.6503\n").unwrap();
    import(Import::new(c.clone(), Input::File(csv)), &*store, &Silent).await.unwrap();
    sink.hears(&[change(None, Some(PARIS)), change(Some((-at(0).0, at(0).1)), Some(TOKYO))]).await;
    running.stop().await;
}

#[tokio::test]
async fn collections_and_notes_are_no_changes() {
    let store = fresh_store().await;
    let (running, sink) = follow(Arc::new(TableStream::of(&store))).await;
    store.put_collection(&CollectionInfo { name: collection("c"), title: None }).await.unwrap();
    store.put_note("#import#c#x", Some("1")).await.unwrap();
    store.put_note("#import#c#x", None).await.unwrap();
    // With the collection comes the word that the list of its roots is complete.
    super::fake::until("four records", || running.status.lag().records == 4).await;
    super::fake::until("all pages that list roots", || sink.listings().len() == 122).await;
    sink.hears(&[]).await;
    assert_eq!(sink.batches(), 0);
    // DynamoDB Local now and then takes the iterator of an empty shard for trimmed while other tables are written.
    assert!(on_other_endpoint() || running.status.lag().gaps == 0);
    running.stop().await;
}

#[tokio::test]
async fn the_first_place_below_a_root_tells_the_page_that_lists_it() {
    let (store, c) = (fresh_store().await, collection("c"));
    let (running, sink) = follow(Arc::new(TableStream::of(&store))).await;
    let (paris, sydney) = (place("p", 48.8566, 2.3522, "{}"), place("s", -33.87, 151.21, "{}"));
    for place in [&paris, &sydney, &paris] {
        store.put(&c, place).await.unwrap();
    }
    let leaves = [&paris, &sydney].map(|place| Leaf::at(place.position));
    let told = [(None, Some(leaves[0])), (None, Some(leaves[1])), (Some(leaves[0]), Some(leaves[0]))];
    let listing = |leaf: Leaf| PageKey::new(&c, leaf.ancestor(0).unwrap()).unwrap();
    let expected = leaves.map(listing).into_iter().collect();
    super::fake::until("both lists", || sink.listings() == expected).await;
    let changes = told.map(|(old, new)| Change {
        collection: c.clone(),
        old: old.map(Placement::from),
        new: new.map(Placement::from),
    });
    sink.hears(&changes).await;
    running.stop().await;
}

/// All records from the oldest on.
async fn all(stream: &impl Stream) -> Vec<Change> {
    let mut changes = Vec::new();
    for shard in stream.shards().await.unwrap() {
        let mut next = Some(stream.iterator(&shard.id, &Start::Horizon).await.unwrap());
        while let Some(iterator) = next {
            let page = stream.records(&iterator).await.unwrap();
            if page.meanings.is_empty() {
                break;
            }
            changes.extend(page.meanings.into_iter().filter_map(|meaning| match meaning {
                Meaning::Place(change) => Some(change),
                Meaning::Roots(_) => None,
                other => panic!("{other:?}"),
            }));
            next = page.next;
        }
    }
    changes
}

#[tokio::test]
async fn changes_of_one_place_come_in_order() {
    let (store, c) = (fresh_store().await, collection("c"));
    let mut where_ = HashMap::new();
    for step in 0..40 {
        let (id, lat) = (step % 3, f64::from(step));
        store.put(&c, &place(&id.to_string(), lat, f64::from(id), "{}")).await.unwrap();
    }
    let stream = TableStream::of(&store);
    for change in all(&stream).await {
        let new = change.new.clone().unwrap();
        // The longitude tells the places apart.
        let id = H3Cell::from(new.leaf).centre().lon().round() as i64;
        assert_eq!(where_.insert(id, new), change.old, "the chain of place {id} is broken");
    }
    assert_eq!(where_.len(), 3);
    assert_eq!(where_[&0].leaf, leaf(39.0, 0.0));
}
