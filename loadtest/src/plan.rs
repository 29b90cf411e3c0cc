//! What is searched for, and when: the interface between generating requests and sending them.
//!
//! Invariant: a plan consists of instants from the start of the run, in order, and does not depend on how the server behaves.
//! That is what prevents coordinated omission.

use std::time::Duration;

use geo_index::{Meters, Position};

/// One search of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Who searches. A user keeps the same number throughout the run.
    pub user: u64,
    /// Where the user is.
    pub position: Position,
    /// Search radius; without one the server decides.
    pub radius: Option<Meters>,
    /// The most places wanted.
    pub limit: usize,
    /// Only places of this category.
    pub category: Option<String>,
    /// Page of the result list, from 0: a later page continues the user's last answer.
    pub page: u32,
}

/// A search and its instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Time from the start of the run.
    pub at: Duration,
    /// The search.
    pub search: Search,
}

/// Generates searches, one for each instant of a schedule.
pub trait Workload: Send {
    /// The search of this instant; `None` when there are no more.
    fn next(&mut self, at: Duration) -> Option<Search>;
}

/// A plan: searches in order of their instants.
pub type Plan = Box<dyn Iterator<Item = Planned> + Send>;

/// The searches of a workload at the instants of a schedule, until either ends.
pub fn scheduled(
    instants: impl Iterator<Item = Duration> + Send + 'static,
    mut workload: impl Workload + 'static,
) -> Plan {
    Box::new(instants.map_while(move |at| Some(Planned { at, search: workload.next(at)? })))
}
