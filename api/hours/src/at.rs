//! The time that is asked about.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use thiserror::Error;

/// Years that can be asked about: those that the holidays are known of.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2075;

/// When places are to be open. Its text is canonical: times that are the same have the same.
///
/// ```
/// use cellar_hours::OpenAt;
///
/// let everywhere: OpenAt = "2026-12-24T18:00+01:00".parse()?;
/// assert_eq!(everywhere.to_string(), "2026-12-24T17:00:00Z");
/// let on_the_clock: OpenAt = "2026-12-24T18:00".parse()?;
/// assert_eq!(on_the_clock.to_string(), "2026-12-24T18:00:00");
/// assert!("2026-12-24".parse::<OpenAt>().is_err());
/// # Ok::<(), cellar_hours::OpenAtError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenAt {
    /// An instant, the same for all places.
    Instant(DateTime<Utc>),
    /// When the clocks of each place show this.
    Local(NaiveDateTime),
}

/// Why a text is no time that can be asked about.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OpenAtError {
    /// Written otherwise, or a day or a time of day that there is not.
    #[error("it is no date with a time, such as 2026-12-24T18:00")]
    Malformed,
    /// A space where a plus sign was meant.
    #[error("its offset begins with a space; a plus sign in a query means a space, so write %2B")]
    Space,
    /// Beyond the years that can be asked about.
    #[error("its year is not one of {} to {}", YEARS.start(), YEARS.end())]
    Year,
}

impl OpenAt {
    /// An instant, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// [`OpenAtError::Year`] beyond the years that can be asked about.
    pub fn of_unix_s(seconds: u32) -> Result<Self, OpenAtError> {
        let instant = DateTime::from_timestamp(seconds.into(), 0).ok_or(OpenAtError::Year)?;
        bounded(instant.year()).map(|()| Self::Instant(instant))
    }
}

impl FromStr for OpenAt {
    type Err = OpenAtError;

    fn from_str(text: &str) -> Result<Self, OpenAtError> {
        let (date, rest) = text.split_once(['T', 't']).ok_or(OpenAtError::Malformed)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
        let (time, offset) = rest.split_at_checked(at).ok_or(OpenAtError::Malformed)?;
        let [hour, minute, second] = match time.len() {
            5 => numbers(time, ':', [2, 2]).map(|[hour, minute]| [hour, minute, 0])?,
            _ => numbers(time, ':', [2, 2, 2])?,
        };
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).unwrap_or(0), month, day);
        let local = date.zip(NaiveTime::from_hms_opt(hour, minute, second));
        let local = local.map(|(date, time)| date.and_time(time)).ok_or(OpenAtError::Malformed)?;
        bounded(local.year())?;
        let offset = match offset.as_bytes() {
            [] => return Ok(Self::Local(local)),
            b"Z" | b"z" => 0,
            [b' ', ..] => return Err(OpenAtError::Space),
            [sign, ..] => {
                let [hours, minutes] = numbers(&offset[1..], ':', [2, 2])?;
                let seconds = (hours < 24 && minutes < 60).then_some(hours * 3_600 + minutes * 60);
                let seconds = seconds.and_then(|seconds| i32::try_from(seconds).ok());
                seconds.ok_or(OpenAtError::Malformed)? * if *sign == b'-' { -1 } else { 1 }
            }
        };
        let offset = FixedOffset::east_opt(offset).ok_or(OpenAtError::Malformed)?;
        let instant = local.checked_sub_offset(offset).ok_or(OpenAtError::Malformed)?;
        bounded(instant.year()).map(|()| Self::Instant(instant.and_utc()))
    }
}

impl fmt::Display for OpenAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(instant) => write!(f, "{}Z", instant.naive_utc().format("%Y-%m-%dT%H:%M:%S")),
            Self::Local(local) => local.format("%Y-%m-%dT%H:%M:%S").fmt(f),
        }
    }
}

fn bounded(year: i32) -> Result<(), OpenAtError> {
    if YEARS.contains(&year) { Ok(()) } else { Err(OpenAtError::Year) }
}

/// Numbers of so many digits with a sign between them.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Result<[u32; N], OpenAtError> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().ok_or(OpenAtError::Malformed)?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(OpenAtError::Malformed);
        }
        *number = part.parse().map_err(|_| OpenAtError::Malformed)?;
    }
    if parts.next().is_some() { Err(OpenAtError::Malformed) } else { Ok(numbers) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_instants_or_what_clocks_show() {
        for (text, canonical) in [
            ("2026-12-24T18:00", "2026-12-24T18:00:00"),
            ("2026-12-24t18:00:59", "2026-12-24T18:00:59"),
            ("2026-12-24T18:00Z", "2026-12-24T18:00:00Z"),
            ("2026-12-24T00:30:00+05:45", "2026-12-23T18:45:00Z"),
            ("2075-12-31T18:00-05:00", "2075-12-31T23:00:00Z"),
        ] {
            assert_eq!(text.parse::<OpenAt>().map(|at| at.to_string()).as_deref(), Ok(canonical), "{text}");
        }
        for (text, error) in [
            ("", OpenAtError::Malformed),
            ("now", OpenAtError::Malformed),
            ("2026-12-24", OpenAtError::Malformed),
            ("2026-12-24 18:00", OpenAtError::Malformed),
            ("2026-02-29T18:00", OpenAtError::Malformed),
            ("2026-12-24T24:00", OpenAtError::Malformed),
            ("2026-12-24T18:60", OpenAtError::Malformed),
            ("2026-12-24T8:00", OpenAtError::Malformed),
            ("+026-12-24T18:00", OpenAtError::Malformed),
            ("2026-12-24T18:00:00.5", OpenAtError::Malformed),
            ("2026-12-24T18:00+1", OpenAtError::Malformed),
            ("2026-12-24T18:00+24:00", OpenAtError::Malformed),
            ("2026-12-24T18:00ZZ", OpenAtError::Malformed),
            ("2026-12-24T18:00 01:00", OpenAtError::Space),
            ("1999-12-24T18:00", OpenAtError::Year),
            ("2076-01-01T00:00Z", OpenAtError::Year),
            ("2075-12-31T23:00-05:00", OpenAtError::Year),
        ] {
            assert_eq!(text.parse::<OpenAt>(), Err(error), "{text}");
        }
        assert!(OpenAt::of_unix_s(1_790_000_000).is_ok());
        assert_eq!(OpenAt::of_unix_s(0), Err(OpenAtError::Year));
        assert_eq!(OpenAt::of_unix_s(u32::MAX), Err(OpenAtError::Year));
    }

    proptest! {
        #[test]
        fn texts_are_canonical(text in "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](Z|[+-][01][0-9]:[0-5][0-9])?") {
            if let Ok(at) = text.parse::<OpenAt>() {
                prop_assert_eq!(at.to_string().parse(), Ok(at));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:+\\- é]{0,24}") {
            let _ = text.parse::<OpenAt>();
        }
    }
}
