//! Stacks with real tiers: what each of them saves.

use std::sync::Arc;
use std::time::Duration;

use cellar_api::store::{CollectionInfo, DynamoStore, Embedded, Store as _, StoreConfig};
use cellar_api::world;
use geo_index::{Collection, Grid, Position};

use super::*;

fn collection() -> Collection {
    "places".parse().unwrap()
}

/// An engine with a generated world.
async fn table() -> (Embedded, Arc<DynamoStore>) {
    let engine = Embedded::memory().await.unwrap();
    let store = Arc::new(engine.store(&StoreConfig::default()).await.unwrap());
    store.put_collection(&CollectionInfo { name: collection(), title: None }).await.unwrap();
    let places: Vec<_> = world::places(500, 1).collect();
    store.put_many(&collection(), &places).await.unwrap();
    (engine, store)
}

/// What `Cache-Status` says of each of several users a few metres apart who ask one after the other.
async fn asked(stack: &Stack, asking: Asking, users: usize) -> Vec<String> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let town = world::areas()[0].centre;
    let mut statuses = Vec::new();
    for user in 0..users {
        let position = Position::new(town.lat() + user as f64 * 1e-6, town.lon()).unwrap();
        let url = format!("{}{}", stack.url(), asking.path(&collection(), position, 5_000.0, 20));
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let status = answer.headers().get_all("cache-status").iter();
        statuses.push(status.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", "));
        answer.bytes().await.unwrap();
    }
    statuses
}

const LIFETIME: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn each_tier_answers_what_it_has_seen() {
    let (engine, store) = table().await;
    let cell = Asking::Cell(Grid::Geohash, 5);
    for caching in Caching::ALL {
        let stack = Stack::start(Arc::clone(&store), caching, LIFETIME).await.unwrap();
        let of_cells = asked(&stack, cell, 2).await;
        // The first fills all tiers; the second is answered by the one nearest to the user.
        let edge_hit = |status: &String| status.contains("edge; hit");
        assert_eq!(
            of_cells.iter().filter(|status| edge_hit(status)).count(),
            usize::from(caching == Caching::L1L2Edge)
        );
        assert!(!edge_hit(&of_cells[0]), "{caching}: {of_cells:?}");
        let by_process = of_cells[1].contains("cellar-rendered; hit");
        assert_eq!(by_process, matches!(caching, Caching::L1 | Caching::L1L2), "{caching}: {of_cells:?}");
        // Raw coordinates differ from user to user: no edge has them.
        let raw = asked(&stack, Asking::Raw, 2).await;
        assert!(raw.iter().all(|status| !edge_hit(status)), "{caching}: {raw:?}");
    }
    engine.shutdown().await;
}

#[test]
fn combinations_begin_with_nothing_cached() {
    let all: Vec<Combination> = combinations().collect();
    assert_eq!(all[0], Combination { asking: Asking::Raw, caching: Caching::Nothing, warm: false });
    assert!(all.iter().all(|one| all.iter().filter(|other| *other == one).count() == 1));
    let names: Vec<String> = Asking::ALL.iter().map(Asking::to_string).collect();
    assert_eq!(names, ["raw", "geohash 5", "geohash 6", "geohash 7", "H3 7", "H3 8", "H3 9"]);
}
