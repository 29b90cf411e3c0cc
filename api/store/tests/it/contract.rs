//! What [`Store`] promises, against a real endpoint.

use std::time::{Duration, Instant};

use cellar_model::place::Place;
use cellar_model::{Collection, PlaceId};
use cellar_store::table::{Created, Stream};
use cellar_store::{CollectionInfo, Previous, RangeRead, RangeRows, Store, StoreConfig, StoreError};
use geo_index::{GridCell, H3Cell, Leaf};

use cellar_test_kit::{TestStore, collection, fresh_store, on_other_endpoint, place};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// Everything below a cell.
fn below(collection: &Collection, cell: impl Into<H3Cell>) -> RangeRead {
    let cell = cell.into();
    let leaves = cell.leaves();
    RangeRead {
        category: None,
        collection: collection.clone(),
        root: cell.ancestor(3).unwrap(),
        first_leaf: *leaves.start(),
        after: None,
        last_leaf: *leaves.end(),
        until: None,
        bare: false,
        limit: None,
        cap: 10_000,
    }
}

async fn read(store: &TestStore, read: &RangeRead) -> RangeRows {
    store.read_range(read, soon()).await.unwrap()
}

fn ids(rows: &RangeRows) -> Vec<&str> {
    rows.places.iter().map(|(_, place)| place.id.as_str()).collect()
}

fn same(a: &Place, b: &Place) -> bool {
    a.id == b.id && a.position == b.position && a.properties == b.properties
}

fn nasty_places() -> Vec<Place> {
    let text =
        r#"{"name":"Ünï \"q\" \\ \u0000 \n","n":1.00000000000000000001,"deep":{"a":[null,true,1e-7]}}"#;
    vec![
        place("a/b/c", 90.0, 180.0, text),
        place("#", -90.0, -180.0, "{}"),
        place("x#y#z", -0.0, -0.0, "null"),
        place("東京/#1", 35.689_487_000_000_01, 139.691_706, text),
        place("👩‍🚀", 1e-7, -1e-7, text),
        place(" spaces ", 0.1 + 0.2, -179.999_999_999_999_97, text),
        place(&"é".repeat(256), 89.999_999_999_999_99, 180.0, text),
        place("\"quoted\\", 64.75, -56.0, text),
    ]
}

#[tokio::test]
async fn places_come_back_as_they_were() {
    let (store, c) = (fresh_store().await, collection("nasty"));
    for given in nasty_places() {
        assert_eq!(store.put(&c, &given).await.unwrap(), Previous::default());
        let there = Previous { existed: true, leaf: Some(Leaf::at(given.position)), ..Previous::default() };
        assert_eq!(store.put(&c, &given).await.unwrap(), there);
        let back = store.get(&c, &given.id).await.unwrap().unwrap();
        assert!(same(&back, &given), "{back:?} is not {given:?}");
        assert_eq!(back.position.lat().to_bits(), given.position.lat().to_bits());
        assert_eq!(back.position.lon().to_bits(), given.position.lon().to_bits());

        let rows = read(&store, &below(&c, Leaf::at(given.position))).await;
        let (leaf, found) = rows.places.iter().find(|(_, place)| place.id == given.id).unwrap();
        assert!(rows.complete && same(found, &given), "{found:?} is not {given:?}");
        assert_eq!(*leaf, Leaf::at(given.position));
    }
    for given in nasty_places() {
        let there = Previous { existed: true, leaf: Some(Leaf::at(given.position)), ..Previous::default() };
        assert_eq!(store.delete(&c, &given.id).await.unwrap(), there);
        assert_eq!(store.delete(&c, &given.id).await.unwrap(), Previous::default());
        assert!(store.get(&c, &given.id).await.unwrap().is_none());
        let rows = read(&store, &below(&c, Leaf::at(given.position))).await;
        assert!(!ids(&rows).contains(&given.id.as_str()));
    }
}

#[tokio::test]
async fn a_place_that_moves_leaves_its_old_cell() {
    let (store, c) = (fresh_store().await, collection("moving"));
    let (paris, tokyo) = (place("p", 48.8566, 2.3522, "{}"), place("p", 35.6895, 139.6917, "{}"));
    let root = |place: &Place| Leaf::at(place.position).ancestor(3).unwrap();
    store.put(&c, &paris).await.unwrap();
    assert_eq!(store.put(&c, &tokyo).await.unwrap().leaf, Some(Leaf::at(paris.position)));
    assert!(read(&store, &below(&c, root(&paris))).await.places.is_empty());
    assert_eq!(ids(&read(&store, &below(&c, root(&tokyo))).await), ["p"]);
    assert!(same(&store.get(&c, &tokyo.id).await.unwrap().unwrap(), &tokyo));
}

#[tokio::test]
async fn ranges_end_where_their_cell_does() {
    let (store, c) = (fresh_store().await, collection("siblings"));
    let parent = Leaf::at(place("x", 48.8566, 2.3522, "{}").position).ancestor(7).unwrap();
    let leaves = |cell: H3Cell| {
        // The first and the last leaf below a cell, each keyed by its own centre.
        let mut corners = [cell; 2];
        while corners[0].level() < H3Cell::FINEST {
            corners = [corners[0].children()[0], *corners[1].children().last().unwrap()];
        }
        corners
    };
    let mut expected = Vec::new();
    for (number, child) in parent.children().into_iter().enumerate() {
        for (end, leaf) in leaves(child).into_iter().enumerate() {
            let centre = leaf.centre();
            assert_eq!(H3Cell::from(Leaf::at(centre)), leaf);
            let id = format!("{number}-{end}");
            store.put(&c, &place(&id, centre.lat(), centre.lon(), "{}")).await.unwrap();
            store
                .put(&collection("siblings-2"), &place(&id, centre.lat(), centre.lon(), "{}"))
                .await
                .unwrap();
            expected.push(id);
        }
    }
    for (number, child) in parent.children().into_iter().enumerate() {
        let rows = read(&store, &below(&c, child)).await;
        assert_eq!(ids(&rows), [format!("{number}-0"), format!("{number}-1")]);
    }
    assert_eq!(ids(&read(&store, &below(&c, parent)).await), expected);
}

/// Places on one spot, so that their ids alone order them.
fn crowd(count: usize, property_bytes: usize) -> Vec<Place> {
    let properties = format!(r#"{{"x":"{}"}}"#, "x".repeat(property_bytes));
    (0..count).map(|i| place(&format!("c-{i:04}"), 10.0, 20.0, &properties)).collect()
}

#[tokio::test]
async fn many_places_are_written_and_read() {
    let (store, c) = (fresh_store().await, collection("many"));
    let places = crowd(1_003, 20);
    store.put_many(&c, &[]).await.unwrap();
    store.put_many(&c, &places).await.unwrap();
    store.put_many(&c, &places).await.unwrap();
    let root = Leaf::at(places[0].position).ancestor(3).unwrap();
    let all = read(&store, &below(&c, root)).await;
    assert!(all.complete);
    assert_eq!(ids(&all), places.iter().map(|p| p.id.as_str()).collect::<Vec<_>>());

    let exactly = read(&store, &RangeRead { cap: 1_003, ..below(&c, root) }).await;
    assert_eq!((exactly.complete, exactly.places.len()), (true, 1_003));
    let capped = read(&store, &RangeRead { cap: 1_000, ..below(&c, root) }).await;
    assert_eq!((capped.complete, capped.places.len()), (false, 1_001));
}

#[tokio::test]
async fn a_limit_cuts_after_one_query() {
    let (store, c) = (fresh_store().await, collection("limited"));
    let places = crowd(10, 20);
    store.put_many(&c, &places).await.unwrap();
    let range = below(&c, Leaf::at(places[0].position));
    for (limit, complete) in [(1, false), (9, false), (11, true), (1 << 40, true)] {
        let rows = read(&store, &RangeRead { limit: Some(limit), ..range.clone() }).await;
        let expected: Vec<_> = places.iter().take(limit).map(|p| p.id.as_str()).collect();
        assert_eq!((ids(&rows), rows.complete, rows.cost.queries), (expected, complete, 1), "{limit}");
    }
}

#[tokio::test]
async fn a_query_ends_at_a_megabyte_and_a_range_does_not() {
    let (store, c) = (fresh_store().await, collection("heavy"));
    let places = crowd(60, 50_000);
    store.put_many(&c, &places).await.unwrap();
    let range = below(&c, Leaf::at(places[0].position));

    let one = read(&store, &RangeRead { limit: Some(100), ..range.clone() }).await;
    assert!(!one.complete);
    assert!((15..25).contains(&one.places.len()), "{}", one.places.len());
    assert_eq!(one.cost.queries, 1);

    let all = read(&store, &range).await;
    assert!(all.complete);
    assert_eq!(ids(&all), places.iter().map(|p| p.id.as_str()).collect::<Vec<_>>());
    assert_eq!(all.cost.queries, 3);
}

#[tokio::test]
async fn a_range_may_begin_behind_an_id_and_end_with_one() {
    let (store, c) = (fresh_store().await, collection("ids"));
    let ids_of = ["#", "a", "a b", "aa", "ab", "b", "é", "👩‍🚀"];
    let places: Vec<_> = ids_of.iter().map(|id| place(id, 10.0, 20.0, r#"{"x":1}"#)).collect();
    store.put_many(&c, &places).await.unwrap();
    let range = below(&c, Leaf::at(places[0].position));
    for after in 0..=ids_of.len() {
        for until in 0..=ids_of.len() {
            let bound = |at: usize| at.checked_sub(1).map(|at| ids_of[at].to_owned());
            let read_range = RangeRead { after: bound(after), until: bound(until), ..range.clone() };
            let end = if until == 0 { ids_of.len() } else { until };
            if after < end {
                assert_eq!(ids(&read(&store, &read_range).await), ids_of[after..end], "{after} to {until}");
            }
        }
    }
    let bare = read(&store, &RangeRead { bare: true, ..range }).await;
    for ((leaf, found), given) in bare.places.iter().zip(&places) {
        assert_eq!((*leaf, &found.id, found.position), (Leaf::at(given.position), &given.id, given.position));
    }
    assert_eq!(bare.places.len(), places.len());
}

#[tokio::test]
async fn roots_are_listed_before_their_places_are_written() {
    let (store, c) = (fresh_store().await, collection("rooted"));
    let root = |place: &Place| Leaf::at(place.position).ancestor(3).unwrap();
    let info = |name: &Collection| CollectionInfo { name: name.clone(), title: None };
    let listed = async |name: &Collection| store.roots(name, soon()).await.unwrap().roots;

    // Before there is a collection nothing is known; from its beginning on everything is.
    assert_eq!(listed(&c).await, None);
    store.put_collection(&info(&c)).await.unwrap();
    assert_eq!(listed(&c).await, Some(vec![]));
    let places: Vec<_> = (0..60)
        .map(|i| place(&format!("r{i}"), f64::from(i) - 30.0, f64::from(i * 5) - 150.0, "{}"))
        .collect();
    store.put(&c, &places[0]).await.unwrap();
    assert_eq!(listed(&c).await, Some(vec![root(&places[0])]));
    store.put_many(&c, &places[..40]).await.unwrap();
    store.put_each(&c, &places[40..]).await.unwrap();
    let mut roots: Vec<_> = places.iter().map(root).collect();
    roots.sort();
    roots.dedup();
    assert_eq!(listed(&c).await, Some(roots.clone()));
    // What is gone stays listed, and a title changes nothing.
    store.delete(&c, &places[0].id).await.unwrap();
    store.put_collection(&CollectionInfo { title: Some("R".into()), ..info(&c) }).await.unwrap();
    assert_eq!(listed(&c).await, Some(roots));
    let cost = store.roots(&c, soon()).await.unwrap().cost;
    assert_eq!(cost.queries, 1);
}

#[tokio::test]
async fn roots_of_an_older_collection_are_listed_on_demand() {
    let (store, c) = (fresh_store().await, collection("older"));
    let places: Vec<_> =
        (0..30).map(|i| place(&format!("o{i}"), f64::from(i) - 10.0, f64::from(i * 5), "{}")).collect();
    // Whoever wrote these did not say that the list is complete.
    store.put_many(&c, &places).await.unwrap();
    assert_eq!(store.roots(&c, soon()).await.unwrap().roots, None);
    let roots: std::collections::BTreeSet<_> =
        places.iter().map(|place| Leaf::at(place.position).ancestor(3).unwrap()).collect();
    let built = store.register_all_roots(&c, Duration::ZERO).await.unwrap();
    assert_eq!(built, (30, roots.len()));
    assert_eq!(store.roots(&c, soon()).await.unwrap().roots, Some(roots.into_iter().collect()));
    let all = store.scan(&c, None).await.unwrap();
    assert_eq!(all.places.len(), 30, "the list is not among the places");
}

#[tokio::test]
async fn costs_are_counted() {
    let (store, c) = (fresh_store().await, collection("costs"));
    let places = crowd(3, 3_000);
    store.put_many(&c, &places).await.unwrap();
    let range = below(&c, Leaf::at(places[0].position));
    // Half a unit for each 4 KB that a Query reads in all: 3, 6 and 9 KB.
    for (limit, units) in [(1, 0.5), (2, 1.0), (3, 1.5)] {
        let cost = read(&store, &RangeRead { limit: Some(limit), ..range.clone() }).await.cost;
        assert_eq!((cost.queries, cost.read_units), (1, units), "{limit} places");
    }
    let nothing = read(&store, &below(&collection("none"), Leaf::at(places[0].position))).await.cost;
    assert_eq!(nothing.queries, 1);
    // DynamoDB bills half a unit for a Query that finds nothing; DynamoDB Local says 0.
    let least = if on_other_endpoint() { 0.0..=0.5 } else { 0.5..=0.5 };
    assert!(least.contains(&nothing.read_units), "{nothing:?}");
}

#[tokio::test]
async fn scans_find_a_collection_and_nothing_else() {
    let (store, c) = (fresh_store().await, collection("scanned"));
    let places = crowd(60, 50_000);
    store.put_many(&c, &places).await.unwrap();
    store.put_many(&collection("scanned-2"), &crowd(5, 10)).await.unwrap();
    store.put_collection(&CollectionInfo { name: c.clone(), title: None }).await.unwrap();
    store.put_note("#import#scanned#x", Some("note")).await.unwrap();
    let (mut found, mut parts, mut from) = (Vec::new(), 0, None);
    loop {
        let part = store.scan(&c, from).await.unwrap();
        found.extend(part.places.into_iter().map(|place| place.id));
        parts += 1;
        from = part.next;
        if from.is_none() {
            break;
        }
    }
    found.sort();
    assert_eq!(found, places.into_iter().map(|place| place.id).collect::<Vec<PlaceId>>());
    assert!(parts >= 3, "{parts} parts");
}

#[tokio::test]
async fn collections_are_listed_by_name() {
    let store = fresh_store().await;
    let info = |name: &str, title: Option<&str>| CollectionInfo {
        name: collection(name),
        title: title.map(str::to_owned),
    };
    let (b, a) = (info("b", Some("Beers \"&\" more")), info("a", None));
    assert!(store.collections().await.unwrap().is_empty());
    assert!(!store.put_collection(&b).await.unwrap());
    assert!(!store.put_collection(&a).await.unwrap());
    assert!(store.put_collection(&info("a", Some("A"))).await.unwrap());
    assert!(store.put_collection(&a).await.unwrap());
    assert_eq!(store.collections().await.unwrap(), [a, b.clone()]);
    assert_eq!(store.collection(&b.name).await.unwrap(), Some(b));
    assert_eq!(store.collection(&collection("c")).await.unwrap(), None);
}

#[tokio::test]
async fn notes_are_kept_apart() {
    let store = fresh_store().await;
    let key = cellar_model::key::registry::checkpoint_key(Some(&collection("a")), "input.csv");
    assert_eq!(store.note(&key).await.unwrap(), None);
    store.put_note(&key, Some("line 7")).await.unwrap();
    store.put_note(&key, Some("")).await.unwrap();
    assert_eq!(store.note(&key).await.unwrap().as_deref(), Some(""));
    assert!(store.collections().await.unwrap().is_empty());
    store.put_note(&key, None).await.unwrap();
    assert_eq!(store.note(&key).await.unwrap(), None);
}

#[tokio::test]
async fn a_place_may_be_large_but_not_too_large() {
    let (store, c) = (fresh_store().await, collection("large"));
    // Every quote is escaped on the way: the request is twice as large as the item.
    let quotes = |count: usize| format!(r#"{{"x":"{}"}}"#, r#"\""#.repeat(count));
    let large: Vec<_> = (0..25).map(|i| place(&format!("l-{i}"), 1.0, 2.0, &quotes(200_000))).collect();
    store.put_many(&c, &large).await.unwrap();
    assert!(same(&store.get(&c, &large[24].id).await.unwrap().unwrap(), &large[24]));
    let error = store.put(&c, &place("l", 1.0, 2.0, &quotes(205_000))).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let store = fresh_store().await;
    store.ping().await.unwrap();
    store.delete_table().await.unwrap();
    let (c, p) = (collection("gone"), place("p", 1.0, 2.0, "{}"));
    let errors = [
        store.ping().await.unwrap_err(),
        store.get(&c, &p.id).await.unwrap_err(),
        store.put(&c, &p).await.unwrap_err(),
        store.put_many(&c, std::slice::from_ref(&p)).await.unwrap_err(),
        store.scan(&c, None).await.unwrap_err(),
        store.read_range(&below(&c, Leaf::at(p.position)), soon()).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, StoreError::NoTable { table } if table == store.table()), "{error}");
    }
    assert_eq!(store.create_table(Stream::On).await.unwrap(), Created::New);
    assert_eq!(store.create_table(Stream::On).await.unwrap(), Created::Existed);
}

#[test]
fn defaults_are_documented_ones() {
    let config = StoreConfig::default();
    assert_eq!((config.table.as_str(), config.endpoint_url), ("cellar", None));
}
