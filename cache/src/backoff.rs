//! Pauses between attempts that fail.

use std::time::Duration;

/// Doublings after which a pause does not grow any more, whatever the longest one is.
const MAX_DOUBLINGS: u32 = 10;

/// Pauses that double with each failure, jittered so that processes that failed together do not retry together.
///
/// ```
/// use std::time::Duration;
/// use cellar_cache::Backoff;
///
/// let backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };
/// assert!((Duration::from_millis(100)..=Duration::from_millis(200)).contains(&backoff.after(3)));
/// assert!(backoff.after(100) <= Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The longest pause after the first failure.
    pub first: Duration,
    /// The longest pause of all.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row: between half of the doubled first one and all of it.
    pub fn after(self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.pow(failures.saturating_sub(1).min(MAX_DOUBLINGS)));
        doubled.min(self.longest).mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_millis(300) };
        for (failures, whole_ms) in [(0, 50), (1, 50), (2, 100), (3, 200), (4, 300), (u32::MAX, 300)] {
            let whole = Duration::from_millis(whole_ms);
            let pause = backoff.after(failures);
            assert!((whole / 2..=whole).contains(&pause), "{failures}: {pause:?}");
        }
    }
}
