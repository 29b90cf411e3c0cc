//! The rate of an import beside the embedded engine's raw rate of batch writes, in one run.
//!
//! `cargo bench -p cellar --bench import [-- ROUNDS]`. Both write the same rows to a new data directory: raw, the
//! SDK sends prepared `BatchWriteItem` requests, 8 at a time, to a table without a stream and to one with; the import reads a CSV, checks it, makes the items,
//! writes them and keeps its checkpoints. Rows come from `$CELLAR_TEST_DATA/cities.csv` or from the demo data.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use cellar_jobs::import::{Import, Input, Silent, import};
use cellar_model::Collection;
use cellar_model::demo;
use cellar_model::key::{BaseKey, IndexKey};
use cellar_model::place::Place;
use cellar_store::config::connect_with;
use cellar_store::table::Stream;
use cellar_store::{DEFAULT_TABLE, Embedded, Store, StoreConfig};
use futures::StreamExt;

const ROWS: usize = 30_000;
const IN_FLIGHT: usize = 8;

#[tokio::main]
async fn main() {
    let rounds = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(3_usize);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = rows(folder.path());
    let places = read_back(&csv).await;
    println!("{} rows, {rounds} rounds", places.len());
    println!("{:>14} {:>14} {:>14}", "no stream", "stream", "import");
    let (mut of_stream, mut of_import) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let without = raw(&places, Stream::Off).await;
        let with = raw(&places, Stream::On).await;
        let imported = imported(&csv).await;
        of_stream.push(with / without);
        of_import.push(imported / with);
        println!("{without:>11.0} /s {with:>11.0} /s {imported:>11.0} /s");
    }
    println!(
        "median ratios: stream to none {:.2}, import to raw {:.2}",
        median(of_stream),
        median(of_import)
    );
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// A CSV of the first rows of cities.csv, or of the demo data.
fn rows(folder: &Path) -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("CELLAR_TEST_DATA").map_or(beside, PathBuf::from);
    let text = if let Ok(cities) = std::fs::read_to_string(data.join("cities.csv")) {
        cities.lines().take(ROWS + 1).fold(String::new(), |text, line| text + line + "\n")
    } else {
        println!("cities.csv is not there: the demo data stands in for it");
        let mut text = "id,lat,lon,category\n".to_owned();
        for place in demo::places(ROWS, 1) {
            let (lat, lon) = (place.position.lat(), place.position.lon());
            let category = place.properties.category().unwrap_or_default();
            writeln!(text, "{},{lat},{lon},{category}", place.id).expect("writing to a string");
        }
        text
    };
    let path = folder.join("rows.csv");
    std::fs::write(&path, text).expect("a temporary file");
    path
}

async fn read_back(csv: &Path) -> Vec<Place> {
    let engine = Embedded::memory().await.expect("an engine in memory");
    let store = engine.store(&StoreConfig::default()).await.expect("its table");
    let job = Import::new(collection(), Input::File(csv.to_owned()));
    import(job, &store, &Silent).await.expect("an import");
    let (mut places, mut from) = (Vec::new(), None);
    loop {
        let part = store.scan(&collection(), from).await.expect("a scan");
        places.extend(part.places);
        from = part.next;
        if from.is_none() {
            return places;
        }
    }
}

fn collection() -> Collection {
    "cities".parse().expect("a valid name")
}

/// Rows per second of the SDK alone.
async fn raw(places: &[Place], stream: Stream) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = Embedded::open(folder.path()).await.expect("an engine");
    let credentials = Credentials::new("cellar", "cellar", None, None, "bench");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(engine.endpoint())
        .build();
    let table = connect_with(&StoreConfig::default(), &sdk).expect("a region");
    table.create_table(stream).await.expect("its table");
    // With a default HTTP client and the SDK's own retries.
    let client = Client::new(&sdk);
    let batches: Vec<Vec<WriteRequest>> =
        places.chunks(25).map(|chunk| chunk.iter().map(write_request).collect()).collect();
    let start = Instant::now();
    let sent = futures::stream::iter(batches).map(|batch| {
        let request = client.batch_write_item().request_items(DEFAULT_TABLE, batch);
        async move { request.send().await.expect("a batch is written") }
    });
    sent.buffer_unordered(IN_FLIGHT)
        .for_each(|output| async move {
            assert!(output.unprocessed_items().is_none_or(HashMap::is_empty), "the engine takes all");
        })
        .await;
    let rate = places.len() as f64 / start.elapsed().as_secs_f64();
    engine.shutdown().await;
    rate
}

fn write_request(place: &Place) -> WriteRequest {
    let text = |text: String| AttributeValue::S(text);
    let index = IndexKey::new(collection(), place.position, place.id.clone());
    let item = PutRequest::builder()
        .item("pk", text(BaseKey { collection: collection(), id: place.id.clone() }.to_string()))
        .item("root", text(index.partition()))
        .item("leaf", text(index.sort()))
        .item("lat", AttributeValue::N(place.position.lat().to_string()))
        .item("lon", AttributeValue::N(place.position.lon().to_string()))
        .item("props", text(place.properties.as_json().to_owned()))
        .build()
        .expect("an item");
    WriteRequest::builder().put_request(item).build()
}

/// Rows per second of an import.
async fn imported(csv: &Path) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = Embedded::open(folder.path()).await.expect("an engine");
    let store = engine.store(&StoreConfig::default()).await.expect("its table");
    let start = Instant::now();
    let job = Import::new(collection(), Input::File(csv.to_owned()));
    let summary = import(job, &store, &Silent).await.expect("an import");
    assert_eq!(summary.rejected, 0);
    let rate = summary.stored as f64 / start.elapsed().as_secs_f64();
    engine.shutdown().await;
    rate
}
