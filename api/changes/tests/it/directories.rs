//! The stream of data directories: old ones, and those that processes share.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use cellar_changes::Stream as _;
use cellar_changes::TableStream;
use cellar_changes::stream::StreamError;
use cellar_store::config::connect_with;
use cellar_store::table::Stream;
use cellar_store::{DynamoStore, Embedded, Store, StoreConfig};
use tempfile::TempDir;

use super::fake::{change, follow, until};
use cellar_test_kit::{collection, place};

async fn put(store: &DynamoStore, id: &str, lat: f64) {
    store.put(&collection("c"), &place(id, lat, 5.0, "{}")).await.unwrap();
}

#[tokio::test]
async fn a_directory_made_without_a_stream_gets_one() {
    let dir = TempDir::new().unwrap();
    let embedded = Embedded::open(dir.path()).await.unwrap();
    let credentials = Credentials::new("test", "test", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let config = StoreConfig { endpoint_url: Some(embedded.endpoint()), ..StoreConfig::default() };
    let old = connect_with(&config, &sdk).unwrap();
    old.create_table(Stream::Off).await.unwrap();
    put(&old, "before", 1.0).await;
    let error = TableStream::of(&old).shards().await.unwrap_err();
    assert!(matches!(error, StreamError::NoStream { .. }), "{error}");

    let store = embedded.store(&StoreConfig::default()).await.unwrap();
    let (running, sink) = follow(Arc::new(TableStream::of(&store))).await;
    put(&store, "before", 2.0).await;
    sink.hears(&[change(Some((1.0, 5.0)), Some((2.0, 5.0)))]).await;
    running.stop().await;
    embedded.shutdown().await;

    // Opened again, it has the same stream and not another.
    let embedded = Embedded::open(dir.path()).await.unwrap();
    let store = embedded.store(&StoreConfig::default()).await.unwrap();
    let shards = TableStream::of(&store).shards().await.unwrap();
    assert!(matches!(&shards[..], [shard] if !shard.closed), "{shards:?}");
    let iterator = |start| async move {
        let stream = TableStream::of(&store);
        let shard = stream.shards().await.unwrap().remove(0);
        let iterator = stream.iterator(&shard.id, &start).await.unwrap();
        stream.records(&iterator).await.unwrap().meanings.len()
    };
    // The root, and the place.
    assert_eq!(iterator(cellar_changes::stream::Start::Horizon).await, 2);
}

#[tokio::test]
async fn who_joined_an_engine_hears_its_changes_before_and_after_it_takes_over() {
    let dir = TempDir::new().unwrap();
    let owner = Embedded::open(dir.path()).await.unwrap();
    let joined = Embedded::open(dir.path()).await.unwrap();
    assert!(owner.is_owner() && !joined.is_owner());
    let config = StoreConfig::default();
    let (a, b) = (owner.store(&config).await.unwrap(), joined.store(&config).await.unwrap());
    let (running, sink) = follow(Arc::new(TableStream::of(&b))).await;
    put(&a, "of-a", 1.0).await;
    sink.hears(&[change(None, Some((1.0, 5.0)))]).await;
    owner.shutdown().await;
    until("taken over", || joined.is_owner()).await;
    put(&b, "of-b", 2.0).await;
    sink.hears(&[change(None, Some((2.0, 5.0)))]).await;
    running.stop().await;
    joined.shutdown().await;
    assert!(!dir.path().join("cellar.db-wal").exists(), "the database was not closed");
}
