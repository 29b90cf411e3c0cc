//! Turning requests away while the process works on as many as it can: a queue would only make all of them late.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// How many requests are worked on, and how many may be. Nobody waits, so this is no semaphore.
#[derive(Debug)]
pub struct InFlight {
    count: AtomicUsize,
    most: usize,
}

/// Counts a request until it is dropped.
#[derive(Debug)]
pub struct Permit<'a>(&'a InFlight);

impl InFlight {
    /// Room for so many.
    pub const fn new(most: usize) -> Self {
        Self { count: AtomicUsize::new(0), most }
    }

    fn enter(&self) -> Option<Permit<'_>> {
        // Leaves again when dropped, whether there was room or not.
        let permit = Permit(self);
        (self.count.fetch_add(1, Ordering::Relaxed) < self.most).then_some(permit)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A permit to work on a request, if there is room for it.
pub fn permit(state: &AppState) -> Result<Permit<'_>, Problem> {
    state.in_flight.enter().ok_or_else(|| {
        Problem::new(Kind::Overloaded, "too many requests at a time; try again shortly").retry_after_s(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_back() {
        let in_flight = InFlight::new(2);
        let (first, second) = (in_flight.enter(), in_flight.enter());
        assert!(first.is_some() && second.is_some() && in_flight.enter().is_none());
        assert!(in_flight.enter().is_none(), "who was turned away takes no room");
        drop(first);
        assert!(in_flight.enter().is_some());
    }
}
