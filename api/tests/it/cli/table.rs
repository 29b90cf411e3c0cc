//! A DynamoDB table instead of the embedded engine: another flag, the same program.

use std::process::Command;

use cellar_store::StoreConfig;
use cellar_store::config::connect;

use super::process::{Desk, Ended, Running};

const ENDPOINT_VARIABLE: &str = "CELLAR_TEST_DYNAMODB_ENDPOINT";

/// A name for a table, which is removed in the end.
struct Table {
    config: StoreConfig,
    lasting: bool,
}

impl Drop for Table {
    fn drop(&mut self) {
        if self.lasting {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let removed =
                runtime.block_on(async { connect(&self.config).await.ok()?.delete_table().await.ok() });
            if removed.is_none() {
                eprintln!("table {} is left behind", self.config.table);
            }
        }
    }
}

#[test]
fn a_table_serves_as_the_embedded_engine_does() {
    let desk = Desk::new();
    let given = std::env::var(ENDPOINT_VARIABLE).ok();
    // Some process has to be the endpoint.
    let engine = given.is_none().then(|| desk.serve(&["--data", "engine"]));
    let endpoint = given.clone().unwrap_or_else(|| desk.read("engine/endpoint").trim_end().to_owned());
    let name = format!("cellar-test-cli-{}", std::process::id());
    let config = StoreConfig { endpoint_url: Some(endpoint.clone()), ..StoreConfig::new(&name) };
    let _table = Table { config, lasting: given.is_some() };

    let with_table = |args: &[&str]| {
        let mut command = desk.cellar(args);
        in_aws(&mut command).args(["--table", &name, "--endpoint-url", &endpoint]);
        command
    };
    let early = Ended::of(&mut with_table(&["get", "a", "-c", "places"]));
    assert_eq!(early.code, Some(1));
    let mend = format!("table `{name}` does not exist; create it with `cellar table create --table {name}`");
    assert_eq!(early.stderr, format!("cellar: {mend}\n"));

    for expected in ["is ready", "exists already"] {
        let created = Ended::of(&mut with_table(&["table", "create"]));
        assert_eq!((created.code, created.stdout), (Some(0), format!("table {name} {expected}\n")));
    }
    desk.write("a.csv", "id,lat,lon\na,1,2\nb,1,2.01\n");
    let imported = Ended::of(&mut with_table(&["import", "a.csv", "-c", "places"]));
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let server = Running::start(&mut with_table(&["serve", "--listen", "127.0.0.1:0"]));
    let answer = server.get("/v1/collections/places/nearby?lat=1&lon=2");
    assert_eq!((&answer["features"][0]["id"], &answer["features"][1]["id"]), (&"a".into(), &"b".into()));
    server.stop();
    assert!(!desk.path("cellar-data").exists(), "no engine was needed");
    if let Some(engine) = engine {
        assert_eq!(engine.get("/v1/collections")["collections"], serde_json::json!([]), "tables are apart");
        engine.stop();
    }
}

/// Region and credentials that a local endpoint takes, unless real ones are set for the tests.
fn in_aws(command: &mut Command) -> &mut Command {
    for (name, local) in
        [("AWS_REGION", "local"), ("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")]
    {
        command.env(name, std::env::var(name).unwrap_or_else(|_| local.to_owned()));
    }
    command
}
