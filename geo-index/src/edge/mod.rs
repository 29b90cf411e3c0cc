//! Answers that everyone in a snap cell shares, and how a client makes exact results of them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ladder`] | the snap cells that may be asked for, and their constants |
//! | [`mod@canonical`] | one URL for one meaning: what the edge and the origin make of a request |
//! | [`certificate`] | how far a cell answer is complete, with the proof |
//! | [`mod@refine`] | a cell answer put in order for one user: exact, or not certified |
//! | [`planner`] | which cell a client asks for next |
//! | [`density`] | how coarse a cell may be, place by place |
//! | [`crowd`] | generated people and places, for tests and plans |
//!
//! docs/EDGE.md tells the same for readers of other languages.

pub mod canonical;
pub mod certificate;
pub mod crowd;
pub mod density;
pub mod ladder;
pub mod planner;
pub mod refine;

pub use canonical::{Canonical, CellUrl, Reject, RejectKind, canonical};
pub use certificate::{CellAnswer, SLACK_M, SnapPlace, certified_radius};
pub use density::{DensityCounts, DensityMap, MapRules};
pub use ladder::{DEFAULT_PRECISION, PRECISIONS, SNAP_PLACES, SnapCell, SnapCellError};
pub use planner::{Planner, PlannerMemory, Step, Wanted};
pub use refine::{Hit, NotCertified, Reason, Refined, refine};
