//! Parsers of argument values, with their ranges.

use std::time::Duration;

/// A number within a range.
pub(super) fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("expected a number from {least} to {most}"))
}

/// A time from one second to one year.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let year = Duration::from_hours(365 * 24);
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| (Duration::from_secs(1)..=year).contains(time))
        .ok_or_else(|| "expected a time from 1s to 365d".to_owned())
}
