//! Which region a user is sent to: the seam to what knows where regions are.

use std::time::Duration;

use geo_index::Position;

/// Where a request goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The region, by number.
    pub region: usize,
    /// A round trip between user and region, to be added to what is measured; zero where the network is real.
    pub round_trip: Duration,
}

/// Tells regions by position.
pub trait Placement: Send {
    /// The region of a user who is here.
    fn place(&mut self, position: Position) -> Placed;
}

impl<F: FnMut(Position) -> Placed + Send> Placement for F {
    fn place(&mut self, position: Position) -> Placed {
        self(position)
    }
}
