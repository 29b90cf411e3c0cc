//! A server with some tiers, in front of a table.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use thiserror::Error;

use super::process::Process;
use super::redis::Redis;

/// What there is to answer from, beside the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caching {
    /// Nothing.
    Nothing,
    /// The memory of the process.
    L1,
    /// And a shared cache, Redis.
    L1L2,
    /// And an edge in front, nginx with the CDN's function.
    L1L2Edge,
}

impl Caching {
    /// From nothing to everything.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::L1, Self::L1L2, Self::L1L2Edge];
}

impl fmt::Display for Caching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "no cache",
            Self::L1 => "L1",
            Self::L1L2 => "L1+L2",
            Self::L1L2Edge => "L1+L2+edge",
        })
    }
}

/// Why a stack did not start.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name} does not start: {why}")]
pub struct StackError {
    /// The program.
    pub name: &'static str,
    /// What went wrong, and how to mend it.
    pub why: String,
}

/// A server whose tiers are empty at the start.
#[derive(Debug)]
pub struct Stack {
    url: String,
    // In the order in which they are to end: from the user to the table.
    _edge: Option<Process>,
    _server: Process,
    _redis: Option<Redis>,
}

impl Stack {
    /// Starts what a combination needs on free ports of this machine: the program `cellar` in front of the embedded
    /// engine's data. Answers and pages stay fresh for `lifetime` in every tier, to the second.
    pub fn start(
        cellar: &Path,
        data: &Path,
        caching: Caching,
        lifetime: Duration,
    ) -> Result<Self, StackError> {
        let redis = (caching >= Caching::L1L2).then(Redis::start).transpose()?;
        let mut command = program(cellar);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        if let Some(redis) = &redis {
            command.args(["--redis", &redis.url()]);
        }
        command.envs(variables(caching, lifetime));
        let (server, origin) = Process::listening("cellar serve", &mut command, CELLAR_HINT)?;
        let edge = (caching == Caching::L1L2Edge).then(|| edge(cellar, &origin)).transpose()?;
        let (edge, url) = edge.map_or((None, origin), |(edge, url)| (Some(edge), url));
        Ok(Self { url, _edge: edge, _server: server, _redis: redis })
    }

    /// Where users ask: at the edge, if there is one.
    pub fn url(&self) -> &str {
        &self.url
    }
}

const CELLAR_HINT: &str = "name the program with --cellar PATH";

fn edge(cellar: &Path, origin: &str) -> Result<(Process, String), StackError> {
    let mut command = program(cellar);
    command.args(["edge", "--listen", "127.0.0.1:0", "--origin", origin]);
    Process::listening("cellar edge", &mut command, CELLAR_HINT)
}

/// The program without what the environment says to it: a stack is what the experiment says.
pub(super) fn program(cellar: &Path) -> Command {
    let mut command = Command::new(cellar);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"CELLAR_") {
            command.env_remove(name);
        }
    }
    command.env("RUST_LOG", "error");
    command
}

/// Nothing is refreshed before its time, served after it, or kept for another one than the rest: the lifetime is that of the formula.
/// (The edge's varies by a tenth from answer to answer.) Rendered answers are part of the memory.
fn variables(caching: Caching, lifetime: Duration) -> Vec<(&'static str, String)> {
    let lifetime_s = lifetime.as_secs_f64().ceil().to_string();
    let lifetimes = ["CELLAR_FRESH_S", "CELLAR_EMPTY_FRESH_S", "CELLAR_EDGE_SHARED_MAX_AGE_S"];
    let off = [
        "CELLAR_STALE_WHILE_REVALIDATE_S",
        "CELLAR_EDGE_STALE_WHILE_REVALIDATE_S",
        "CELLAR_EARLY_REFRESH",
        "CELLAR_JITTER",
    ];
    let memory: &[&str] = match caching {
        Caching::Nothing => &["CELLAR_L1_MB", "CELLAR_EDGE_MEMORY_MB"],
        _ => &[],
    };
    let lifetimes = lifetimes.map(|name| (name, lifetime_s.clone()));
    let off = off.iter().chain(memory).map(|name| (*name, "0".to_owned()));
    lifetimes.into_iter().chain(off).collect()
}
