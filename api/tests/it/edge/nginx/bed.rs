//! An edge in front of an origin, and requests to it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use cellar_search::cells::EdgeConfig;
use tempfile::TempDir;

/// nginx with njs, stopped when this goes.
pub(super) struct Edge {
    script: Child,
    directory: TempDir,
    client: reqwest::Client,
    /// `http://127.0.0.1:<port>`.
    pub(super) url: String,
    pub(super) address: SocketAddr,
}

/// An answer of the edge or of the origin.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// When the request was about to be sent, and when the answer was there.
    pub(super) during: (Instant, Instant),
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The edge's own member of `Cache-Status`, which is the last one.
    pub(super) fn edge_status(&self) -> &str {
        let mut members = self.headers.get_all("cache-status").iter().filter_map(|value| value.to_str().ok());
        members.next_back().and_then(|line| line.rsplit(", ").next()).unwrap_or_default()
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Edge {
    /// An edge that waits for its origin for as long as any test does.
    pub(super) async fn start(origin: &str) -> Self {
        let origin = origin.to_owned();
        tokio::task::spawn_blocking(move || Self::launch(&origin)).await.unwrap()
    }

    fn launch(origin: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/edge/start.sh");
        let mut script = Command::new(script)
            .args(["--origin", origin, "--listen", "127.0.0.1:0", "--workers", "1", "--origin-timeout", "60"])
            .arg("--dir")
            .arg(directory.path())
            .arg("--while-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("listening on ").map(str::to_owned) else {
            let mut complaint = String::new();
            script.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
            panic!("nginx did not start: {complaint}");
        };
        // Whatever it says from here on is nobody's concern, but it must be able to say it.
        let stderr = script.stderr.take().unwrap();
        std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).for_each(drop));
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        // nginx makes the next request of a connection wait for the update that the one before has set off.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { script, directory, client, url, address }
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        self.get_with(path, &[]).await
    }

    pub(super) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        let began = Instant::now();
        let mut request = self.client.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap();
        Got { status, headers, body, during: (began, Instant::now()) }
    }

    /// Has it forget what bears a tag; how many files that were.
    pub(super) async fn purge(&self, tag: &str) -> u64 {
        let order = serde_json::json!({ "tags": [tag] });
        let sent = self.client.post(format!("{}/_edge/purge", self.url)).json(&order).send().await.unwrap();
        let done: serde_json::Value = sent.json().await.unwrap();
        done["purged"].as_u64().unwrap()
    }

    /// Files of the cache: one for each answer in each coding.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory.path().join("cache")).unwrap();
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_none()).collect()
    }
}

impl Drop for Edge {
    /// The script stops nginx when its standard input ends; it must not be killed before that.
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if !matches!(self.script.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// Lifetimes at shared caches, in seconds. They vary by a tenth and are rounded down.
pub(super) fn lifetimes(fresh: u64, while_revalidate: u64, if_error: u64) -> EdgeConfig {
    EdgeConfig {
        max_age: Duration::ZERO,
        shared_max_age: Duration::from_secs(fresh),
        stale_while_revalidate: Duration::from_secs(while_revalidate),
        stale_if_error: Duration::from_secs(if_error),
        ..EdgeConfig::default()
    }
}
