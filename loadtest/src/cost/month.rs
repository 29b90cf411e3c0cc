//! The month that bills are for.

/// Hours of a month as in AWS's own examples: a twelfth of 365 days.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// Seconds of such a month.
pub const SECONDS_PER_MONTH: f64 = HOURS_PER_MONTH * 3_600.0;
