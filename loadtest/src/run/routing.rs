//! Which region a request is sent to: the interface to what knows where regions are.

use std::time::Duration;

use geo_index::Position;

/// Where a request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Index of the region.
    pub region: usize,
    /// Round trip between user and region, added to measured times; zero where the network is real.
    pub round_trip: Duration,
}

/// Chooses a region by position.
pub trait Routing: Send {
    /// The region for a user at this position.
    fn place(&mut self, position: Position) -> Route;
}

impl<F: FnMut(Position) -> Route + Send> Routing for F {
    fn place(&mut self, position: Position) -> Route {
        self(position)
    }
}
