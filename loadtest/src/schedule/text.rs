//! Stages as text: `30s:100` for half a minute at 100 requests per second, `10s:0..100` for a ramp, separated by commas.

use thiserror::Error;

use super::{MAX_RATE, Stage};

/// Why a schedule is not valid.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ScheduleError {
    /// A rate is out of range.
    #[error("a rate must be more than 0 and at most {MAX_RATE} requests per second, not {0}")]
    Rate(f64),
    /// A duration is zero, or the total is too long.
    #[error("a run and each of its stages must take more than 0 s, and all stages together at most 24 h")]
    Length,
    /// There is no stage.
    #[error("a schedule needs at least one stage")]
    Empty,
    /// A text is not a stage.
    #[error(
        "`{0}` is not a stage: write `30s:100` (30 s at 100 requests per second) or `10s:0..100` (a ramp)"
    )]
    Stage(String),
}

/// Parses stages.
///
/// ```
/// use cellar_loadtest::schedule::parse_stages;
///
/// let stages = parse_stages("10s:0..300,1m:300")?;
/// assert_eq!((stages[0].from, stages[0].to, stages[1].duration.as_secs()), (0.0, 300.0, 60));
/// # Ok::<(), cellar_loadtest::schedule::ScheduleError>(())
/// ```
pub fn parse_stages(text: &str) -> Result<Vec<Stage>, ScheduleError> {
    text.split(',')
        .map(|part| stage(part.trim()).ok_or_else(|| ScheduleError::Stage(part.to_owned())))
        .collect()
}

fn stage(text: &str) -> Option<Stage> {
    let (duration, rates) = text.split_once(':')?;
    let duration = humantime::parse_duration(duration).ok()?;
    let (from, to) = rates.split_once("..").unwrap_or((rates, rates));
    Some(Stage { duration, from: from.parse().ok()?, to: to.parse().ok()? })
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
