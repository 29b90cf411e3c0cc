//! What the schemes are simulated for, by the arguments: edges, tiers and places that change.

use std::num::NonZeroU8;

use cellar_cli_kit::CliError;
use cellar_jobs::edge_plan::{Case, Purging};
use clap::Args;

/// Cases of one report, at most.
const MAX_CASES: usize = 64;

/// Heading of these flags.
const CACHES: &str = "Caches and changes";

/// What there is between users and the table, and how often it changes
#[derive(Args, Debug)]
pub(super) struct Caches {
    /// Lifetimes of answers and pages, in seconds, 1 to 604800
    #[arg(long, help_heading = CACHES, value_name = "SECONDS", value_delimiter = ',', default_value = "60,300,3600",
          value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub(super) ttl: Vec<u32>,

    /// Locations of the edge, 1 to 64: they are where most users are, and users ask the nearest
    #[arg(long, help_heading = CACHES, value_name = "COUNT", value_delimiter = ',', default_value = "1",
          value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) locations: Vec<u8>,

    /// Places that change per second, 0 to 1000, drawn at random; answers that they may have a part in are purged
    #[arg(long, help_heading = CACHES, value_name = "COUNT", value_delimiter = ',', default_value = "0",
          value_parser = writes)]
    pub(super) writes: Vec<f64>,

    /// How long changes are collected for one purge, in seconds, 0 to 3600: `CELLAR_EDGE_PURGE_WINDOW_MS`
    #[arg(long, help_heading = CACHES, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(0..=3_600))]
    pub(super) purge_window: u16,

    /// Locations ask one cache more, which asks the origin
    #[arg(long, help_heading = CACHES)]
    pub(super) shield: bool,

    /// How long past its lifetime an answer is served while it is renewed, in seconds, 0 to 86400
    #[arg(long, help_heading = CACHES, value_name = "SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(super) stale: u32,

    /// Also simulate the memory of processes and the cache that they share, with and without the edge
    #[arg(long, help_heading = CACHES)]
    pub(super) tiers: bool,

    /// Processes of the origin, 1 to 64
    #[arg(long, help_heading = CACHES, value_name = "COUNT", default_value_t = 4, requires = "tiers",
          value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) processes: u8,
}

impl Caches {
    /// Every lifetime with every number of locations and every rate of writes.
    pub(super) fn cases(&self) -> Result<Vec<Case>, CliError> {
        let count = self.ttl.len() * self.locations.len() * self.writes.len();
        if count > MAX_CASES {
            return Err(CliError::usage(format!(
                "--ttl, --locations and --writes make {count} cases; at most {MAX_CASES} are possible"
            ))
            .hint("give fewer values of each"));
        }
        let mut cases = Vec::with_capacity(count);
        for &writes_per_s in &self.writes {
            for locations in self.locations.iter().filter_map(|count| NonZeroU8::new(*count)) {
                let case = |&ttl_s: &u32| Case { ttl_s: f64::from(ttl_s), locations, writes_per_s };
                cases.extend(self.ttl.iter().map(case));
            }
        }
        Ok(cases)
    }

    pub(super) fn purging(&self) -> Purging {
        Purging { window_s: f64::from(self.purge_window), ..Purging::default() }
    }
}

fn writes(text: &str) -> Result<f64, String> {
    let count: Option<f64> = text.parse().ok();
    count
        .filter(|count| (0.0..=1_000.0).contains(count))
        .ok_or_else(|| "a rate is 0 to 1000 a second".to_owned())
}
