//! Data directories: what outlives a process, and how processes share one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use cellar_store::table::{Created, Stream};
use cellar_store::{DynamoStore, Embedded, EmbeddedError, SetupError, Store, StoreConfig};
use tempfile::TempDir;

use cellar_test_kit::{collection, place};

async fn store_of(embedded: &Embedded) -> DynamoStore {
    embedded.store(&StoreConfig::default()).await.unwrap()
}

async fn put(store: &DynamoStore, id: &str) {
    store.put(&collection("c"), &place(id, 48.8566, 2.3522, r#"{"name":"é"}"#)).await.unwrap();
}

async fn has(store: &DynamoStore, id: &str) -> bool {
    store.get(&collection("c"), &id.parse().unwrap()).await.unwrap().is_some()
}

#[tokio::test]
async fn places_outlive_their_engine() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("new/data");
    for round in 0..3 {
        let embedded = Embedded::open(&path).await.unwrap();
        assert!(embedded.is_owner());
        let store = store_of(&embedded).await;
        assert!(round == 0 || has(&store, &format!("p-{}", round - 1)).await);
        put(&store, &format!("p-{round}")).await;
        assert_eq!(fs::read_to_string(path.join("endpoint")).unwrap().trim_end(), embedded.endpoint());
        embedded.shutdown().await;
        assert!(!path.join("endpoint").exists());
        assert!(!path.join("cellar.db-wal").exists(), "the database was not closed");
    }
}

#[tokio::test]
async fn engines_in_memory_are_apart() {
    let (a, b) = (Embedded::memory().await.unwrap(), Embedded::memory().await.unwrap());
    let (a, b) = ((store_of(&a).await, a), (store_of(&b).await, b));
    put(&a.0, "p").await;
    assert!(has(&a.0, "p").await && !has(&b.0, "p").await);
}

#[tokio::test]
async fn web_pages_are_refused() {
    let embedded = Embedded::memory().await.unwrap();
    let store = store_of(&embedded).await;
    put(&store, "p").await;
    let client = reqwest::Client::new();
    let preflight = client.request(reqwest::Method::OPTIONS, embedded.endpoint());
    let delete = client
        .post(embedded.endpoint())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.DeleteTable")
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=f, Signature=g")
        .body(format!(r#"{{"TableName":"{}"}}"#, store.table()));
    for request in [preflight, delete] {
        let answer = request.header("origin", "https://example.com").send().await.unwrap();
        assert_eq!(answer.status(), 403);
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
    }
    assert!(has(&store, "p").await);
}

#[tokio::test]
async fn a_second_engine_joins_the_first_and_takes_over() {
    let dir = TempDir::new().unwrap();
    let first = Embedded::open(dir.path()).await.unwrap();
    let second = Embedded::open(dir.path()).await.unwrap();
    let third = Embedded::open(dir.path()).await.unwrap();
    assert!(first.is_owner() && !second.is_owner() && !third.is_owner());
    assert_eq!(first.endpoint(), second.endpoint());
    let (a, b) = (store_of(&first).await, store_of(&second).await);
    put(&a, "of-a").await;
    put(&b, "of-b").await;
    assert!(has(&a, "of-b").await && has(&b, "of-a").await);

    drop(third);
    first.shutdown().await;
    let taken_over = async {
        while !second.is_owner() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken_over).await.unwrap();
    assert!(has(&b, "of-a").await);
    put(&b, "after").await;
    assert_eq!(fs::read_to_string(dir.path().join("endpoint")).unwrap().trim_end(), second.endpoint());
    second.shutdown().await;
    assert!(Embedded::open(dir.path()).await.unwrap().is_owner());
}

#[tokio::test]
async fn an_address_left_by_a_killed_owner_is_ignored() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("endpoint"), "http://127.0.0.1:1\n").unwrap();
    fs::write(dir.path().join("lock"), "").unwrap();
    let embedded = Embedded::open(dir.path()).await.unwrap();
    assert!(embedded.is_owner());
    assert_ne!(embedded.endpoint(), "http://127.0.0.1:1");
    put(&store_of(&embedded).await, "p").await;
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_kept() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("cellar.db");
    let damaged = "not a database, ".repeat(1_000);
    fs::write(&file, &damaged).unwrap();
    let error = Embedded::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::Database { .. }), "{error}");
    assert!(error.to_string().contains("cellar.db"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
    fs::remove_file(&file).unwrap();
    assert!(Embedded::open(dir.path()).await.unwrap().is_owner(), "the lock was not released");
}

#[tokio::test]
async fn a_file_is_no_directory() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Embedded::open(&path).await.unwrap_err();
        assert!(matches!(error, EmbeddedError::Directory { .. }), "{error}");
    }
}

#[tokio::test]
async fn foreign_tables_are_refused() {
    let embedded = Embedded::memory().await.unwrap();
    let store = store_of(&embedded).await;
    assert_eq!(store.create_table(Stream::Off).await.unwrap(), Created::Existed);

    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(embedded.endpoint());
    let client = Client::from_conf(config.build());
    for (table, key, reason) in
        [("users", "id", "its key is id HASH"), ("almost", "pk", "no index `by_cell`")]
    {
        let attribute =
            AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
        client
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(
                KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash).build().unwrap(),
            )
            .send()
            .await
            .unwrap();
        let error = embedded.store(&StoreConfig::new(table)).await.unwrap_err();
        assert!(matches!(error, SetupError::ForeignTable { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// Set for [`child`] only: its data directory, and whether to write without end.
const CHILD_DIR: &str = "CELLAR_TEST_CHILD_DIR";
const CHILD_ENDLESS: &str = "CELLAR_TEST_CHILD_ENDLESS";

/// Not a test, but what other tests run in a process of its own: it writes places and tells of each one that
/// was acknowledged.
#[tokio::test]
async fn child() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let embedded = Embedded::open(dir.as_ref()).await.unwrap();
    let store = store_of(&embedded).await;
    let places = if std::env::var_os(CHILD_ENDLESS).is_some() { usize::MAX } else { 3 };
    for i in 0..places {
        put(&store, &format!("child-{i}")).await;
        // Who has heard enough closes the pipe, and the child goes on.
        let _ = writeln!(std::io::stderr(), "acknowledged child-{i}");
    }
}

struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_child(dir: &Path, endless: bool) -> KillOnDrop {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "embedded::child", "--nocapture"]);
    command.env(CHILD_DIR, dir).stdout(Stdio::null()).stderr(Stdio::piped());
    if endless {
        command.env(CHILD_ENDLESS, "1");
    }
    KillOnDrop(command.spawn().unwrap())
}

/// Ids that the child's writes were acknowledged for, as they come.
fn acknowledged(child: &mut KillOnDrop) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned))
}

#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    let dir = TempDir::new().unwrap();
    let mut child = start_child(dir.path(), true);
    let mut lines = acknowledged(&mut child);
    let mut ids: Vec<_> = lines.by_ref().take(40).collect();
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    ids.extend(lines);
    assert!(ids.len() >= 40, "the child ended after {} writes", ids.len());

    let embedded = Embedded::open(dir.path()).await.unwrap();
    assert!(embedded.is_owner());
    let store = store_of(&embedded).await;
    for id in ids {
        assert!(has(&store, &id).await, "{id} was lost");
    }
}

#[tokio::test]
async fn another_process_joins() {
    let dir = TempDir::new().unwrap();
    let embedded = Embedded::open(dir.path()).await.unwrap();
    let store = store_of(&embedded).await;
    let mut child = start_child(dir.path(), false);
    assert_eq!(acknowledged(&mut child).count(), 3);
    assert!(child.0.wait().unwrap().success());
    assert!(embedded.is_owner());
    assert!(has(&store, "child-0").await && has(&store, "child-2").await);
}

#[tokio::test]
async fn a_process_outlives_the_one_it_joined() {
    let dir = TempDir::new().unwrap();
    let mut child = start_child(dir.path(), true);
    assert!(acknowledged(&mut child).next().is_some());
    let embedded = Embedded::open(dir.path()).await.unwrap();
    assert!(!embedded.is_owner());
    drop(child);
    let taken_over = async {
        while !embedded.is_owner() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken_over).await.unwrap();
    assert!(has(&store_of(&embedded).await, "child-0").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_single_writes_beside_each_other_are_all_kept() {
    let dir = TempDir::new().unwrap();
    let embedded = Embedded::open(dir.path()).await.unwrap();
    let store = store_of(&embedded).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let bulk = tokio::spawn({
        let store = store.clone();
        async move {
            let mut batches = 0;
            while !*stopped.borrow() {
                let places: Vec<_> =
                    (0..500).map(|i| place(&format!("b-{i}"), 48.0, f64::from(i) / 100.0, "{}")).collect();
                store.put_many(&collection("c"), &places).await.unwrap();
                batches += 1;
            }
            batches
        }
    });
    for round in 0..20 {
        put(&store, &format!("p-{round}")).await;
        store.put_note("#import#c#x", Some("1")).await.unwrap();
        assert!(has(&store, &format!("p-{round}")).await);
    }
    stop.send(true).unwrap();
    assert!(bulk.await.unwrap() > 0);
    embedded.shutdown().await;
    let embedded = Embedded::open(dir.path()).await.unwrap();
    let store = store_of(&embedded).await;
    assert!(has(&store, "b-499").await && has(&store, "p-19").await);
}
