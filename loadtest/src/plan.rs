//! What is asked, and when: the seam between those who think requests up and those who send them.
//!
//! Invariant: a plan is made of instants from the start of the run, in order, and does not know how the server fares:
//! that is what keeps coordinated omission out.

use std::time::Duration;

use geo_index::{Meters, Position};

/// One search of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Who asks. Users keep their number over the run.
    pub user: u64,
    /// Where the user is.
    pub position: Position,
    /// How far to look; without it as far as the server does.
    pub radius: Option<Meters>,
    /// Most places wanted.
    pub limit: usize,
    /// Only places of this category.
    pub category: Option<String>,
    /// Which page of the same list: 0 is the first, and a later one goes on behind the user's last answer.
    pub page: u32,
}

/// An ask and its instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Time from the start of the run.
    pub at: Duration,
    /// What is asked then.
    pub ask: Ask,
}

/// Thinks up what the next user asks, given the instant. A schedule tells the instants.
pub trait Workload: Send {
    /// The ask of this instant; `None` when there are no more.
    fn next(&mut self, at: Duration) -> Option<Ask>;
}

/// A plan: asks and their instants, in order.
pub type Plan = Box<dyn Iterator<Item = Planned> + Send>;

/// What a workload asks at the instants of a schedule, until either ends.
pub fn scheduled(
    instants: impl Iterator<Item = Duration> + Send + 'static,
    mut workload: impl Workload + 'static,
) -> Plan {
    Box::new(instants.map_while(move |at| Some(Planned { at, ask: workload.next(at)? })))
}
