//! The time that an invocation has.

use std::time::{Duration, Instant, SystemTime};

/// Until when an answer has to be on its way. What comes after has to be done by then, too: the invocation lasts until
/// the next event is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// When that is.
    pub by: Instant,
}

impl Budget {
    /// What is left of an invocation until `margin` before its deadline, which is in milliseconds since 1970, as
    /// Lambda has it. Past that, nothing.
    pub fn new(deadline_unix_ms: u64, margin: Duration) -> Self {
        let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline_unix_ms);
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        Self { by: Instant::now() + left.saturating_sub(margin) }
    }

    /// What is left.
    pub fn left(self) -> Duration {
        self.by.saturating_duration_since(Instant::now())
    }

    /// The same, or less.
    pub fn at_most(self, limit: Duration) -> Duration {
        self.left().min(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_past_leaves_nothing() {
        let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
        let margin = Duration::from_millis(100);
        assert_eq!(Budget::new(0, margin).left(), Duration::ZERO);
        assert_eq!(Budget::new(now_ms + 90, margin).left(), Duration::ZERO);
        let minute = Budget::new(now_ms + 60_000, margin);
        assert!(minute.left() <= Duration::from_millis(59_900) && minute.left() > Duration::ZERO);
        assert!(minute.at_most(margin) <= margin);
    }
}
