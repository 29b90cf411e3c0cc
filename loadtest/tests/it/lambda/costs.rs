//! What the cost model assumes of logs and metrics, counted from the function in the emulator and from the templates.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use cellar_loadtest::cost::{Deployment, Profile};
use cellar_loadtest::lambda::{Fleet, Function, Gateway, GatewayEmulator};
use reqwest::{Client, Method};
use serde_json::Value;

use super::support::patient;
use crate::{built, matrix};

const SEARCH: &str = "/v1/collections/{collection}/nearby";
const HEALTH: &str = "/health";
const ROUNDS: usize = 20;

/// A table, in a server that ends with the test.
struct Table {
    server: Child,
    folder: tempfile::TempDir,
}

impl Table {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(matrix::cellar());
        command.args(["serve", "--data", "engine", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut told = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut told).unwrap();
        assert!(told.starts_with("listening on "), "{told}");
        Self { server, folder }
    }

    fn endpoint(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("engine/endpoint")).unwrap().trim_end().to_owned()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The lines of a function that was asked, after the places were written, for health and for places, in turn.
async fn lines(more: &[(&str, &str)]) -> Vec<(String, Value)> {
    let table = Table::start();
    let sources = ["../api/lambda/src", "../api/http/src"];
    let bootstrap = built::program("bootstrap", &sources, &["-p", "cellar-lambda", "--bin", "bootstrap"]);
    let log = table.folder.path().join("log");
    let settings =
        [("CELLAR_TABLE", "cellar"), ("CELLAR_WRITES_OPEN", "true"), ("CELLAR_INIT_LIMIT_MS", "9000")];
    let mut function = Function::new("cellar", bootstrap).with("CELLAR_ENDPOINT_URL", table.endpoint());
    for (name, value) in settings.iter().chain(more) {
        function = function.with(*name, *value);
    }
    function.log = Some(log.clone());
    let fleet = Fleet::start(function, patient()).await.unwrap();
    let emulator = GatewayEmulator::open(Arc::new(fleet), Gateway::HttpApi, "127.0.0.1:0").await.unwrap();
    let client = Client::new();
    let ask = async |method: Method, path: &str, body: &'static str| {
        let request = client.request(method, format!("http://{}{path}", emulator.address())).body(body);
        let status = request.header("content-type", "application/geo+json").send().await.unwrap().status();
        assert!(status.is_success(), "{path}: {status}");
    };
    ask(Method::PUT, "/v1/collections/places", "").await;
    let place =
        r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[2.35,48.85]},"properties":{}}"#;
    ask(Method::PUT, "/v1/collections/places/items/a", place).await;
    for round in 0..ROUNDS {
        ask(Method::GET, "/health", "").await;
        ask(Method::GET, &format!("/v1/collections/places/nearby?lat=48.{round}&lon=2.35&limit=20"), "")
            .await;
    }
    drop(emulator);
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().map(|line| (line.to_owned(), serde_json::from_str(line).expect(line))).collect()
}

fn route(line: &Value) -> &str {
    let spans = line["spans"].as_array().map_or(&[][..], Vec::as_slice);
    spans.iter().find_map(|span| span["route"].as_str()).unwrap_or_default()
}

/// Mean bytes of the lines of a route, which are as many as there were requests.
fn mean_bytes(lines: &[(String, Value)], of: &str) -> f64 {
    let of_it: Vec<usize> = lines
        .iter()
        .filter(|(_, line)| line["message"] == "answered" && route(line) == of)
        .map(|(text, _)| text.len())
        .collect();
    assert_eq!(of_it.len(), ROUNDS, "{of}");
    of_it.iter().sum::<usize>() as f64 / ROUNDS as f64
}

/// Metrics as `CloudWatch` bills them: each name with each set of dimensions and their values.
fn metrics(lines: &[(String, Value)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for (_, line) in lines {
        for directive in list(&line["_aws"]["CloudWatchMetrics"]) {
            for dimensions in list(&directive["Dimensions"]) {
                let values: Vec<Value> =
                    list(&dimensions).iter().map(|name| line[name.as_str().unwrap()].clone()).collect();
                for metric in list(&directive["Metrics"]) {
                    found.insert(format!("{} {dimensions} {values:?}", metric["Name"]));
                }
            }
        }
    }
    found
}

#[track_caller]
fn about(counted: f64, assumed: f64) {
    assert!((counted / assumed - 1.0).abs() <= 0.05, "{counted} counted, {assumed} assumed");
}

fn template(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/templates").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The default of a template's parameter on one line.
fn default_of<'a>(template: &'a str, parameter: &str) -> &'a str {
    let line = template.lines().find(|line| line.trim_start().starts_with(&format!("{parameter}:"))).unwrap();
    line.split_once("Default: ").unwrap().1.split([',', '}']).next().unwrap().trim_matches('"')
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_metrics_are_as_many_and_as_long_as_the_model_says() {
    let all = lines(&[("CELLAR_EMF", "false"), ("CELLAR_ACCESS_LOG_PERCENT", "100")]).await;
    let deployment = Deployment::default();
    about(mean_bytes(&all, HEALTH), deployment.health_line_bytes);
    about(mean_bytes(&all, SEARCH), Profile::uncached("").line_bytes);
    assert_eq!(metrics(&all), BTreeSet::new());

    // With metrics of each route there are so many of them that they have to be off by default.
    let none = lines(&[("CELLAR_EMF", "true"), ("CELLAR_ACCESS_LOG_PERCENT", "0")]).await;
    assert!(metrics(&none).len() > 20, "{:?}", metrics(&none));
    let answered: Vec<_> = none.iter().filter(|(_, line)| line["message"] == "answered").collect();
    assert!(
        answered.iter().all(|(_, line)| line["cold"] == true || line["duration_ms"].as_f64() >= Some(1e3))
    );
}

#[test]
fn the_templates_set_what_the_model_assumes() {
    let (function, gateway, deployment) =
        (template("function.yaml"), template("gateway.yaml"), Deployment::default());
    let percent: f64 = default_of(&function, "AccessLogPercent").parse().unwrap();
    about(percent / 100.0, deployment.log_share);
    assert_eq!(default_of(&function, "Emf"), "false");
    // Lambda's own lines, two for each invocation, are not in the model.
    assert_eq!(default_of(&function, "SystemLogLevel"), "WARN");
    let counters = function.matches("AWS::Logs::MetricFilter").count() as f64;
    about(counters * f64::from(deployment.regions), deployment.custom_metrics);
    let format = gateway.lines().find_map(|line| line.trim_start().strip_prefix("Format: '")).unwrap();
    let values = [
        ("$context.requestId", "JKJaXmPLvHcESHA="),
        ("$context.httpMethod", "GET"),
        ("$context.status", "200"),
        ("$context.responseLatency", "12"),
        ("$context.integrationLatency", "10"),
        ("$context.integrationStatus", "200"),
        ("$context.error.message", "-"),
        ("$context.domainName", "eu-west-1.places.example.com"),
    ];
    let line = values.iter().fold(format.trim_end_matches('\'').to_owned(), |line, (name, value)| {
        assert!(line.contains(name), "{name} in {line}");
        line.replace(name, value)
    });
    assert!(!line.contains('$'), "{line}");
    about(line.len() as f64, deployment.api_line_bytes);
}
