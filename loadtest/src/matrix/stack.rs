//! A server with the tiers of a combination, in front of the table.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::process::{Process, StartError};
use super::redis::Redis;

/// The caches in front of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caching {
    /// No cache.
    Nothing,
    /// The memory of the process.
    L1,
    /// L1, and a shared cache, Redis.
    L1L2,
    /// L1, L2, and an edge: nginx with the CDN's function.
    L1L2Edge,
}

impl Caching {
    /// All, from no cache to all tiers.
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

/// A server whose tiers are empty at the start.
#[derive(Debug)]
pub struct Stack {
    url: String,
    // In the order in which they are stopped: from the user to the table.
    _edge: Option<Process>,
    _server: Process,
    _redis: Option<Redis>,
}

impl Stack {
    /// Starts the processes of a combination on free ports of this machine: the program `cellar` with the data directory of the
    /// embedded engine, and what its tiers need. Answers and pages stay fresh for `lifetime`, in whole seconds, in every tier; the
    /// answers of cells list so many places at most.
    ///
    /// # Errors
    ///
    /// A process does not start.
    pub fn start(
        cellar: &Path,
        data: &Path,
        caching: Caching,
        (lifetime, listed): (Duration, u16),
    ) -> Result<Self, StartError> {
        let redis = (caching >= Caching::L1L2).then(Redis::start).transpose()?;
        let mut command = program(cellar);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        if let Some(redis) = &redis {
            command.args(["--redis", &redis.url()]);
        }
        command.envs(variables(caching, lifetime));
        command.env("CELLAR_EDGE_ANSWER_PLACES", listed.to_string());
        let (server, origin) = Process::listening("cellar serve", &mut command, CELLAR_HINT)?;
        let edge = (caching == Caching::L1L2Edge).then(|| edge(cellar, &origin)).transpose()?;
        let (edge, url) = edge.map_or((None, origin), |(edge, url)| (Some(edge), url));
        Ok(Self { url, _edge: edge, _server: server, _redis: redis })
    }

    /// Where requests go: to the edge, if there is one.
    pub fn url(&self) -> &str {
        &self.url
    }
}

const CELLAR_HINT: &str = "give the path of the program with --cellar PATH";

fn edge(cellar: &Path, origin: &str) -> Result<(Process, String), StartError> {
    let mut command = program(cellar);
    command.args(["edge", "--listen", "127.0.0.1:0", "--origin", origin]);
    Process::listening("cellar edge", &mut command, CELLAR_HINT)
}

/// The program, without any settings from the environment.
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

/// Settings without early refresh, stale answers or jitter, so that the lifetime is the one of the formula. (At the edge it still varies
/// by a tenth from answer to answer.) Rendered answers count as memory.
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
