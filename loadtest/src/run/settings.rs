//! What a run is to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use geo_index::{Collection, Grid};
use serde::{Deserialize, Serialize};

use crate::http::{Settings, Target};
use crate::record::Recorder;

/// How users ask.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// `/nearby` with the position, and `mode=exact`.
    #[default]
    Exact,
    /// The client of cell answers: exact results from what is shared.
    Cell,
    /// `/nearby` with the position and without a mode.
    Raw,
}

/// Cells of one level, for askings that know no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snap {
    /// The grid.
    pub grid: Grid,
    /// The geohash precision, 3 to 7, or the H3 resolution, 3 to 9.
    pub level: u8,
}

/// A region: a server, or what stands before servers.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub target: Target,
    opened: Arc<AtomicU64>,
}

impl Region {
    /// A region.
    pub fn new(name: impl Into<String>, target: Target) -> Self {
        Self { name: name.into(), target, opened: Arc::default() }
    }

    /// Connections opened by workers that have ended.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(super) fn add_opened(&self, connections: u64) {
        self.opened.fetch_add(connections, Ordering::Relaxed);
    }
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// At least one.
    pub regions: Vec<Region>,
    /// What is planned before this instant of the plan is sent but not measured.
    pub warmup: Duration,
    /// How long the measured part takes, behind the warm-up.
    pub measured: Duration,
    /// Of the choice of answers that are compared.
    pub seed: u64,
    /// How users ask.
    pub mode: Mode,
    /// What they search.
    pub collection: Collection,
    /// How connections are made; the connections are shared out among the workers.
    pub http: Settings,
    /// A user gives up so long after the planned instant.
    pub time_limit: Duration,
    /// What is taken up later than this after its instant counts as late.
    pub late_after: Duration,
    /// What is due within this time is sent together, when the last of it is due: fewer wake-ups for a send delay of up to this.
    pub group_within: Duration,
    /// Most requests under way: what comes on top is not sent.
    pub max_in_flight: usize,
    /// Sending threads.
    pub workers: usize,
    /// In [`Mode::Raw`]: the answer of the cell that the user is in is asked for, at this level. It has all that a further page would.
    pub snap: Option<Snap>,
    /// Share of the answers that are compared with the exact endpoint's, 0 to 1; for [`Mode::Cell`] and for `snap`, where
    /// those count that the cell's certificate vouches for.
    pub verify: f64,
    /// Whether users ask for more than first pages.
    pub pages: bool,
}

impl RunSettings {
    pub(super) fn recorder(&self) -> Recorder {
        Recorder::new(self.regions.len(), self.measured, self.late_after)
    }
}
