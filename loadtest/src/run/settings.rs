//! The settings of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cellar_model::Collection;
use geo_index::Grid;
use serde::{Deserialize, Serialize};

use crate::http::{Settings, Target};
use crate::record::Recorder;

/// How users search.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// `/nearby` with the position and `mode=exact`.
    #[default]
    Exact,
    /// Through the client of cell answers: exact results from shared answers.
    Cell,
    /// `/nearby` with the position and without a mode.
    Raw,
}

/// The cells of one level of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellLevel {
    /// The grid.
    pub grid: Grid,
    /// The geohash precision, 3 to 7, or the H3 resolution, 3 to 9.
    pub level: u8,
}

/// A region: a server, or an edge in front of servers.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Where its requests go.
    pub target: Target,
    opened: Arc<AtomicU64>,
}

impl Region {
    /// A region.
    pub fn new(name: impl Into<String>, target: Target) -> Self {
        Self { name: name.into(), target, opened: Arc::default() }
    }

    /// Connections opened by workers that are done.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(super) fn add_opened(&self, connections: u64) {
        self.opened.fetch_add(connections, Ordering::Relaxed);
    }
}

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// The regions, at least one.
    pub regions: Vec<Region>,
    /// Requests due before this instant of the plan are sent but not measured.
    pub warmup: Duration,
    /// Length of the measured part, after the warm-up.
    pub measured: Duration,
    /// Seed for choosing the answers that are compared.
    pub seed: u64,
    /// How users search.
    pub mode: Mode,
    /// The collection that they search.
    pub collection: Collection,
    /// How connections are made. Workers share the number of connections.
    pub http: Settings,
    /// How long after its due instant a request is abandoned.
    pub time_limit: Duration,
    /// Requests sent more than this after their due instant count as late.
    pub late_after: Duration,
    /// Requests due within this time of each other are sent together when the last of them is due: fewer wake-ups, at the price of a
    /// send delay of up to this.
    pub group_within: Duration,
    /// Most requests in flight; requests beyond that are not sent.
    pub max_in_flight: usize,
    /// Sending threads.
    pub workers: usize,
    /// In [`Mode::Cell`]: whether what worked in a neighbourhood is remembered, by all users together. Without, each search begins
    /// where the density map says, as that of a new user.
    pub memory: bool,
    /// In [`Mode::Raw`]: request the answer of the cell of this level that the user is in. It includes what a further page would list.
    pub cell_level: Option<CellLevel>,
    /// Share of answers to compare with the exact endpoint's, 0 to 1; for [`Mode::Cell`] and with `cell_level`, where only results
    /// that the cell certifies are compared.
    pub verify: f64,
    /// Whether users also ask for further pages.
    pub pages: bool,
}

impl RunSettings {
    pub(super) fn recorder(&self) -> Recorder {
        Recorder::new(self.regions.len(), self.measured, self.late_after)
    }
}
