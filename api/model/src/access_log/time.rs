//! Times as logs write them, as nanoseconds since 1970.

use serde_json::Value;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::LogError;

/// `10/Oct/2000:13:55:36 -0700`.
const COMMON: &[BorrowedFormatItem<'_>] = format_description!(
    "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute]"
);

/// `2000-10-10T20:55:36+0000`, as `strftime` writes a zone.
const ZONED: &[BorrowedFormatItem<'_>] = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory][offset_minute]"
);

/// `2019-12-04 21:02:31`, in UTC.
const SPACED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// Numbers from here on are milliseconds, microseconds and nanoseconds: as seconds they would be past the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;
const MICROSECONDS_FROM: f64 = 1e14;
const NANOSECONDS_FROM: f64 = 1e17;

/// A time as the common log format has it.
pub(super) fn common(text: &str) -> Result<i64, LogError> {
    OffsetDateTime::parse(text, COMMON).map_err(|_| LogError::Time).and_then(nanoseconds)
}

/// Whether a text begins as a time of the common log format: `10/Oct/2000:`.
pub(super) fn is_common(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(3, '/').collect();
    matches!(parts[..], [day, month, rest] if (1..=2).contains(&day.len())
        && day.bytes().all(|b| b.is_ascii_digit())
        && month.len() == 3
        && rest.len() > 5
        && rest.bytes().take(4).all(|b| b.is_ascii_digit()))
}

/// A time of a text: RFC 3339, with a space instead of the T and without a zone (UTC), the common log format, or a number.
pub(super) fn any(text: &str) -> Result<i64, LogError> {
    if let Ok(number) = text.parse::<f64>() {
        return seconds(number);
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return nanoseconds(time);
    }
    if let Ok(time) = OffsetDateTime::parse(text, ZONED) {
        return nanoseconds(time);
    }
    if let Ok(time) = PrimitiveDateTime::parse(text, SPACED) {
        return nanoseconds(time.assume_utc());
    }
    common(text)
}

/// A time of a JSON member: a text, or a number of seconds or milliseconds.
pub(super) fn of_json(value: &Value) -> Result<i64, LogError> {
    match value {
        Value::String(text) => any(text),
        Value::Number(number) => number.as_f64().ok_or(LogError::Time).and_then(seconds),
        _ => Err(LogError::Time),
    }
}

/// To the microsecond: a double has no more.
fn seconds(number: f64) -> Result<i64, LogError> {
    let unit = match number.abs() {
        size if size >= NANOSECONDS_FROM => 1e9,
        size if size >= MICROSECONDS_FROM => 1e6,
        size if size >= MILLISECONDS_FROM => 1e3,
        _ => 1.0,
    };
    let micros = (number / unit * 1e6).round();
    // The year 2262 is the last that 64 bits of nanoseconds hold.
    if micros.abs() < 9.2e15 { Ok(micros as i64 * 1_000) } else { Err(LogError::Time) }
}

fn nanoseconds(time: OffsetDateTime) -> Result<i64, LogError> {
    i64::try_from(time.unix_timestamp_nanos()).map_err(|_| LogError::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_tell_the_same_instant() {
        let instant = 971_211_336 * 1_000_000_000;
        for text in [
            "10/Oct/2000:13:55:36 -0700",
            "2000-10-10T20:55:36Z",
            "2000-10-10T13:55:36.000-07:00",
            "2000-10-10 20:55:36",
            "971211336",
            "971211336.000",
            "971211336000",
            "971211336000000",
            "971211336000000000",
            "2000-10-10T20:55:36+0000",
            "2000-10-10T13:55:36.000-0700",
        ] {
            assert_eq!(any(text), Ok(instant), "{text}");
        }
        assert_eq!(of_json(&Value::from(971_211_336.25)), Ok(instant + 250_000_000));
        for odd in ["", "x", "10/Oct/2000", "NaN", "inf", "1e300", "2000-13-01 00:00:00"] {
            assert!(any(odd).is_err(), "{odd}");
        }
        assert!(of_json(&Value::Null).is_err());
    }
}
