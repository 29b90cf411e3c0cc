//! nginx as infra/edge/start.sh runs it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cellar_model::Collection;
use cellar_model::key::density_row_key;
use geo_index::edge::DensityMap;
use serde_json::json;
use tempfile::NamedTempFile;

pub(crate) struct Edge {
    script: Child,
    pub(crate) url: String,
    _map: NamedTempFile,
}

impl Edge {
    /// An edge that is empty and has a density map.
    pub(crate) fn start(origin: &str, collection: &Collection, map: &DensityMap) -> Self {
        let file = NamedTempFile::new().expect("a temporary file");
        let entry = |(key, value): (String, &str)| json!({ "key": density_row_key(collection, &key), "value": value });
        let entries: Vec<_> = map.entries().map(entry).collect();
        std::fs::write(file.path(), json!({ "data": entries }).to_string()).expect("the map is written");
        let mut script = Command::new(super::script())
            .args(["--origin", origin, "--listen", "127.0.0.1:0", "--density"])
            .arg(file.path())
            .arg("--while-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start.sh starts");
        let mut line = String::new();
        let out = script.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its address");
        let url = line.trim().strip_prefix("listening on ").expect("nginx listens").to_owned();
        Self { script, url, _map: file }
    }
}

impl Drop for Edge {
    /// The script stops nginx when its standard input ends.
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        for _ in 0..500 {
            if !matches!(self.script.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
