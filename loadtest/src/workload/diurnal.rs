//! When users are active.

use std::f64::consts::TAU;
use std::time::Duration;

use geo_index::Position;

/// The hour of the fewest searches, in local time.
const QUIETEST_H: f64 = 4.0;

/// Searches at the quietest hour as a share of those at the busiest.
const NIGHT: f64 = 0.15;

/// A daily cycle that follows the sun around the Earth.
///
/// Activity follows solar time: a cosine with its minimum at 4 and its maximum at 16 o'clock, 0.15 to 1. The curve is stylized, not
/// measured: it moves the load around the globe as the day does. It decides who searches; the schedule decides how many do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diurnal {
    /// Hour of the day in UTC at the start of the run, 0 to 24.
    pub start_h: f64,
    /// Length of a day, more than zero; less than 24 hours fits a whole day into a short run.
    pub day: Duration,
}

impl Diurnal {
    /// Activity at a position and an instant, 0.15 to 1.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cellar_loadtest::workload::Diurnal;
    /// use geo_index::Position;
    ///
    /// let diurnal = Diurnal { start_h: 4.0, day: Duration::from_secs(24 * 3_600) };
    /// let greenwich = Position::new(51.5, 0.0)?;
    /// assert!((diurnal.activity(greenwich, Duration::ZERO) - 0.15).abs() < 1e-9);
    /// assert!((diurnal.activity(greenwich, Duration::from_secs(12 * 3_600)) - 1.0).abs() < 1e-9);
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn activity(&self, position: Position, at: Duration) -> f64 {
        let days = at.as_secs_f64() / self.day.as_secs_f64();
        let local_h = self.start_h + days * 24.0 + position.lon() / 15.0;
        let phase = (local_h - QUIETEST_H) / 24.0 * TAU;
        NIGHT + (1.0 - NIGHT) * (1.0 - phase.cos()) / 2.0
    }
}
