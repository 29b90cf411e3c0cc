//! nginx with the CDN's function, as `infra/edge/start.sh` runs it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use tempfile::TempDir;

use super::stack::StackError;

/// How long the script may take to stop nginx before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How often it is asked whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// What the script and nginx have to complain about.
const LOG: &str = "log";

/// An edge that is empty. It ends when our end of its standard input does, so not even a killed process leaves it behind.
#[derive(Debug)]
pub(super) struct Edge {
    script: Child,
    url: String,
    files: TempDir,
}

impl Edge {
    pub(super) fn start(origin: &str) -> Result<Self, StackError> {
        let failed = |error: io::Error| StackError::Edge(error.to_string());
        let files = tempfile::tempdir().map_err(failed)?;
        cellar_infra::edge::write(files.path()).map_err(failed)?;
        let log = File::create(files.path().join(LOG)).map_err(failed)?;
        let mut script = Command::new("bash")
            .arg(files.path().join("start.sh"))
            .args(["--origin", origin, "--listen", "127.0.0.1:0", "--while-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let mut line = String::new();
        if let Some(out) = script.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(failed)?;
        }
        let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let mut edge = Self { script, url: String::new(), files };
        edge.url = url.ok_or_else(|| edge.complaint())?;
        Ok(edge)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Why it did not start: the last line that it had to say.
    fn complaint(&self) -> StackError {
        let text = std::fs::read_to_string(self.files.path().join(LOG)).unwrap_or_default();
        StackError::Edge(text.lines().last().unwrap_or("it ended without a word").to_owned())
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let until = Instant::now() + STOP_LIMIT;
        while Instant::now() < until {
            if !matches!(self.script.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(PAUSE);
        }
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
