//! Stages as text: `30s:100` for half a minute at 100 requests per second, `10s:0..100` for a ramp, separated by commas.

use thiserror::Error;

use super::{MAX_RATE, Stage};

/// What is wrong with a schedule.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ScheduleError {
    /// Not a rate, or one that makes no sense.
    #[error("a rate must be more than 0 and at most {MAX_RATE} requests per second, not {0}")]
    Rate(f64),
    /// Nothing to do, or too long.
    #[error("a run and each of its stages must take more than 0 s, and all of them together at most 24 h")]
    Length,
    /// No stage.
    #[error("a schedule needs a stage")]
    Empty,
    /// Not written as a stage.
    #[error("`{0}` is no stage: write `30s:100` (30 s at 100 requests per second) or `10s:0..100` (a ramp)")]
    Stage(String),
}

/// Reads stages.
///
/// ```
/// use cellar_loadtest::schedule::parse_stages;
///
/// let stages = parse_stages("10s:0..300,1m:300")?;
/// assert_eq!((stages[0].from, stages[0].to, stages[1].lasts.as_secs()), (0.0, 300.0, 60));
/// # Ok::<(), cellar_loadtest::schedule::ScheduleError>(())
/// ```
pub fn parse_stages(text: &str) -> Result<Vec<Stage>, ScheduleError> {
    text.split(',')
        .map(|part| stage(part.trim()).ok_or_else(|| ScheduleError::Stage(part.to_owned())))
        .collect()
}

fn stage(text: &str) -> Option<Stage> {
    let (lasts, rates) = text.split_once(':')?;
    let lasts = humantime::parse_duration(lasts).ok()?;
    let (from, to) = rates.split_once("..").unwrap_or((rates, rates));
    Some(Stage { lasts, from: from.parse().ok()?, to: to.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_stage_is_named() {
        for bad in ["", "30s", "30:100", "s:1", "30s:fast", "30s:1..", "30s:1,"] {
            assert!(matches!(parse_stages(bad), Err(ScheduleError::Stage(_))), "{bad}");
        }
    }
}
