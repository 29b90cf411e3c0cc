//! The time of an invocation.

use std::time::{Duration, Instant};

/// How much of an invocation is left for what comes after an import, at most; a fifth of a short one.
const MARGIN: Duration = Duration::from_secs(20);

/// The time of an invocation.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// When the process may be ended.
    pub deadline: Instant,
    /// From when on the import is handed on, after the chunk that is being written.
    pub soft: Instant,
    /// When it is handed on where it is.
    pub hard: Instant,
}

impl Time {
    /// From now to the deadline.
    pub fn until(deadline: Instant) -> Self {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let margin = MARGIN.min(left / 5);
        Self {
            deadline,
            soft: now + left.saturating_sub(margin * 2),
            hard: now + left.saturating_sub(margin),
        }
    }
}
