//! The indexes by category, against a real endpoint.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType,
};
use cellar_model::key::IndexKey;
use cellar_model::place::Place;
use cellar_model::{Category, Collection};
use cellar_store::table::CATEGORY_INDEXES;
use cellar_store::{
    CategoryIndex, CollectionInfo, DynamoStore, Embedded, RangeRead, RangeRows, Store, StoreConfig,
    StoreError,
};
use geo_index::{H3Cell, Leaf};

use cellar_test_kit::{collection, fresh_store, on_other_endpoint, place};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn category(text: &str) -> Category {
    text.parse().unwrap()
}

async fn create(store: &DynamoStore, name: &str) -> Collection {
    let name = collection(name);
    assert!(!store.put_collection(&CollectionInfo { name: name.clone(), title: None }).await.unwrap());
    name
}

fn of(id: &str, lat: f64, category: &str) -> Place {
    place(id, lat, 2.0, &format!(r#"{{"category":{category}}}"#))
}

/// Everything of a category below a cell.
fn below(collection: &Collection, text: &str, cell: H3Cell) -> RangeRead {
    let leaves = cell.leaves();
    RangeRead {
        collection: collection.clone(),
        category: Some(category(text)),
        root: cell.ancestor(3).unwrap_or(cell),
        first_leaf: *leaves.start(),
        after: None,
        last_leaf: *leaves.end(),
        until: None,
        bare: false,
        limit: None,
        cap: 10_000,
    }
}

async fn ids(store: &DynamoStore, collection: &Collection, text: &str) -> Vec<String> {
    let shard = Leaf::at(place("x", 48.0, 2.0, "{}").position).ancestor(1).unwrap();
    let rows = store.read_range(&below(collection, text, shard), soon()).await.unwrap();
    assert!(rows.complete);
    rows.places.iter().map(|(_, place)| place.id.to_string()).collect()
}

fn ids_of(rows: &RangeRows) -> Vec<&str> {
    rows.places.iter().map(|(_, place)| place.id.as_str()).collect()
}

#[tokio::test]
async fn a_place_is_found_by_each_of_its_categories_and_no_other() {
    let store = fresh_store().await;
    let c = create(&store, "c").await;
    let unrelated = of("other", 48.0, r#""bar""#);
    store.put(&collection("d"), &unrelated).await.unwrap();
    store.put(&c, &of("a", 48.0, r#"" bar ""#)).await.unwrap();
    store.put_each(&c, &[of("b", 48.1, "5411"), of("n", 48.0, "null")]).await.unwrap();
    store.put_many(&c, &[of("l", 48.0, r#"["zoo","bar",5411,true]"#)]).await.unwrap();
    for (text, found) in [
        ("bar", vec!["a", "l"]),
        ("5411", vec!["l", "b"]),
        ("true", vec!["l"]),
        ("zoo", vec!["l"]),
        ("ba", vec![]),
    ] {
        let mut expected = found.clone();
        let mut ids = ids(&store, &c, text).await;
        expected.sort_unstable();
        ids.sort_unstable();
        assert_eq!(ids, expected, "{text}");
    }
    assert_eq!(store.category_index(&c).await.unwrap(), CategoryIndex { complete: true, slots: 4 });

    // One write moves it from one category to another.
    let previous = store.put(&c, &of("a", 48.0, r#""cafe""#)).await.unwrap();
    assert_eq!(previous.categories, [category("bar")]);
    assert_eq!(
        (ids(&store, &c, "bar").await, ids(&store, &c, "cafe").await),
        (vec!["l".into()], vec!["a".into()])
    );
    let gone = store.delete(&c, &"l".parse().unwrap()).await.unwrap();
    assert_eq!(gone.categories, ["5411", "bar", "true", "zoo"].map(category));
    assert!(ids(&store, &c, "zoo").await.is_empty());
}

#[tokio::test]
async fn categories_are_listed_from_their_first_place_on() {
    let store = fresh_store().await;
    let c = create(&store, "c").await;
    assert!(!store.has_category(&c, &category("bar")).await.unwrap());
    let all: Vec<Place> = (0..7).map(|i| of(&format!("{i}"), 48.0, &format!("\"k{i}\""))).collect();
    store.put_many(&c, &all).await.unwrap();
    assert!(store.has_category(&c, &category("k3")).await.unwrap());
    assert!(!store.has_category(&collection("d"), &category("k3")).await.unwrap());
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let part = store.categories(&c, after.as_ref(), 3).await.unwrap();
        assert!(part.categories.len() <= 3);
        after = part.categories.last().cloned().filter(|_| part.more);
        listed.extend(part.categories.iter().map(ToString::to_string));
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, ["k0", "k1", "k2", "k3", "k4", "k5", "k6"]);
}

/// Rows that several indexes hold come in the order of one, however they are cut off.
#[tokio::test]
async fn indexes_are_read_as_one() {
    let store = fresh_store().await;
    let c = create(&store, "c").await;
    // "bar" is first of one kind of place and second of the other.
    let places: Vec<Place> = (0..60)
        .map(|i| {
            let kinds = if i % 3 == 0 { r#"["bar","zoo"]"# } else { r#"["bar","art"]"# };
            of(&format!("{i:02}"), 48.0 + f64::from(i * 37 % 60) / 1e3, kinds)
        })
        .collect();
    store.put_many(&c, &places).await.unwrap();
    let root = Leaf::at(places[0].position).ancestor(3).unwrap();
    let whole = below(&c, "bar", root);
    let all = store.read_range(&whole, soon()).await.unwrap();
    assert!(all.complete && all.places.len() == 60);
    assert!(all.places.is_sorted_by_key(|(leaf, place)| (*leaf, place.id.clone())));
    assert_eq!(all.cost.queries, 2, "one of each index");
    for limit in [1, 7, 59, 60, 61] {
        let cut = store.read_range(&RangeRead { limit: Some(limit), ..whole.clone() }, soon()).await.unwrap();
        assert_eq!(ids_of(&cut), ids_of(&all)[..cut.places.len()], "{limit}");
        assert!(!cut.places.is_empty() && cut.places.len() <= limit);
        assert_eq!(cut.complete, limit == 61, "{limit}");
    }
    let capped = store.read_range(&RangeRead { cap: 59, ..whole.clone() }, soon()).await.unwrap();
    assert!(!capped.complete);
}

#[tokio::test]
async fn titles_leave_alone_what_is_known_of_categories() {
    let store = fresh_store().await;
    let c = create(&store, "c").await;
    store.put(&c, &of("a", 48.0, r#"["x","y"]"#)).await.unwrap();
    for title in [Some("C".to_owned()), None] {
        assert!(
            store.put_collection(&CollectionInfo { name: c.clone(), title: title.clone() }).await.unwrap()
        );
        assert_eq!(store.collection(&c).await.unwrap().unwrap().title, title);
    }
    let fresh = store.category_index(&c).await.unwrap();
    assert_eq!(fresh, CategoryIndex { complete: true, slots: 2 });
}

/// A table as earlier versions made it, with a collection of one place.
async fn old_table(embedded: &Embedded, name: &str) -> DynamoStore {
    let store = embedded.store(&StoreConfig::new("elsewhere")).await.unwrap();
    let client = store.client();
    let attribute = |name: &str| {
        let built =
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        built.build().unwrap()
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name("by_cell")
        .key_schema(key("root", KeyType::Hash))
        .key_schema(key("leaf", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(["pk", "root", "leaf"].map(attribute).into()))
        .key_schema(key("pk", KeyType::Hash))
        .global_secondary_indexes(index)
        .send()
        .await
        .unwrap();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let collection = client.put_item().table_name(name).item("pk", text("#collection#c"));
    collection.item("root", text("#collections")).item("leaf", text("c")).send().await.unwrap();
    let old = of("old", 48.0, r#""bar""#);
    let index = IndexKey::new("c".parse().unwrap(), old.position, old.id.clone());
    client
        .put_item()
        .table_name(name)
        .item("pk", text("c#old"))
        .item("root", text(&index.partition()))
        .item("leaf", text(&index.sort()))
        .item("lat", AttributeValue::N("48".into()))
        .item("lon", AttributeValue::N("2".into()))
        .item("props", text(old.properties.as_json()))
        .send()
        .await
        .unwrap();
    store
}

#[tokio::test]
async fn an_old_table_gets_its_indexes_and_its_places_get_keys() {
    if on_other_endpoint() {
        return;
    }
    let embedded = Embedded::memory().await.unwrap();
    old_table(&embedded, "old").await;
    let store = embedded.store(&StoreConfig::new("old")).await.unwrap();
    assert!(store.has_category_indexes().await.unwrap());
    let c = collection("c");
    assert!(!store.category_index(&c).await.unwrap().complete, "what is there has no keys");
    // Written meanwhile, of several categories.
    store.put(&c, &of("new", 48.0, r#"["bar","cafe"]"#)).await.unwrap();
    assert_eq!(ids(&store, &c, "bar").await, ["new"]);

    let part = store.scan(&c, None).await.unwrap();
    // Changed between the read and the write: the change stays.
    let changed = of("new", 48.0, r#""zoo""#);
    store.put(&c, &changed).await.unwrap();
    store.reindex_places(&c, &part.places).await.unwrap();
    store.reindexed(&c).await.unwrap();
    assert_eq!(store.category_index(&c).await.unwrap(), CategoryIndex { complete: true, slots: 2 });
    assert_eq!(ids(&store, &c, "bar").await, ["old"]);
    assert_eq!(ids(&store, &c, "zoo").await, ["new"]);
    assert!(store.has_category(&c, &category("bar")).await.unwrap());
}

#[tokio::test]
async fn a_table_without_the_indexes_says_so() {
    if on_other_endpoint() {
        return;
    }
    let embedded = Embedded::memory().await.unwrap();
    old_table(&embedded, "bare").await;
    let config = StoreConfig { endpoint_url: Some(embedded.endpoint()), ..StoreConfig::new("bare") };
    let credentials = aws_sdk_dynamodb::config::Credentials::new("x", "x", None, None, "test");
    let sdk = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::from_static("local"))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials))
        .build();
    let store = cellar_store::config::connect_with(&config, &sdk).unwrap();
    // A collection that this version makes counts as indexed, until the table says that it cannot be.
    let d = create(&store, "d").await;
    assert!(store.category_index(&d).await.unwrap().complete);
    let shard = Leaf::at(place("x", 48.0, 2.0, "{}").position).ancestor(1).unwrap();
    let error = store.read_range(&below(&d, "bar", shard), soon()).await.unwrap_err();
    assert_eq!(error, StoreError::NoCategoryIndex);
    assert!(!store.category_index(&d).await.unwrap().complete);
    assert!(!store.has_category_indexes().await.unwrap());
    assert_eq!(CATEGORY_INDEXES.len(), 4);
}
