//! The registry of roots: every way to write a place registers its root.

use std::time::{Duration, Instant};

use cellar_model::condition::{Conditions, Tags};
use cellar_store::{CollectionInfo, Store};
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{H3Cell, Leaf};

use cellar_test_kit::{collection, fresh_store, place};

#[tokio::test]
async fn every_write_registers_its_root() {
    let (store, c) = (fresh_store().await, collection("registered"));
    store.put_collection(&CollectionInfo { name: c.clone(), title: None }).await.unwrap();
    let listed = async || {
        let read = store.roots(&c, Instant::now() + Duration::from_secs(30)).await.unwrap();
        read.roots.expect("the list of a new collection is complete")
    };
    assert_eq!(listed().await, []);

    let places = [10.0, 20.0, 30.0, 40.0, 50.0].map(|lat| place(&format!("p{lat}"), lat, 7.0, "{}"));
    let mut roots: Vec<H3Cell> =
        places.iter().map(|place| Leaf::at(place.position).ancestor(ROOT_RESOLUTION).unwrap()).collect();
    let star = || Some(Tags::parse("*").unwrap());
    store.put(&c, &places[0]).await.unwrap();
    store.put_each(&c, &places[1..2]).await.unwrap();
    store.put_many(&c, &places[2..3]).await.unwrap();
    let absent = Conditions { if_none_match: star(), ..Conditions::default() };
    store.put_if(&c, &places[3], &absent).await.unwrap();
    let mut moved = places[4].clone();
    moved.id = places[3].id.clone();
    let present = Conditions { if_match: star(), ..Conditions::default() };
    store.put_if(&c, &moved, &present).await.unwrap();
    roots.sort_unstable();
    assert_eq!(listed().await, roots, "the root that a place has left stays");
}
