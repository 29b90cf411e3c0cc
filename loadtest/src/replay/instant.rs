//! Times as logs write them, as nanoseconds since 1970.

use serde_json::Value;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// `10/Oct/2000:13:55:36 -0700`.
const COMMON: &[BorrowedFormatItem<'_>] = format_description!(
    "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute]"
);

/// `2019-12-04 21:02:31`, in UTC.
const SPACED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// Numbers from here on are milliseconds: as seconds they would be past the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;

/// A time as the common log format has it.
pub(super) fn common(text: &str) -> Result<i64, String> {
    OffsetDateTime::parse(text, COMMON).map_err(|_| odd()).and_then(nanoseconds)
}

/// A time of a text: RFC 3339, with a space instead of the T and without a zone (UTC), the common log format, or a number.
pub(super) fn any(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse::<f64>() {
        return seconds(number);
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return nanoseconds(time);
    }
    if let Ok(time) = PrimitiveDateTime::parse(text, SPACED) {
        return nanoseconds(time.assume_utc());
    }
    common(text)
}

/// A time of a JSON member: a text, or a number of seconds or milliseconds.
pub(super) fn of_json(value: &Value) -> Result<i64, String> {
    match value {
        Value::String(text) => any(text),
        Value::Number(number) => number.as_f64().map_or_else(|| Err(odd()), seconds),
        _ => Err(odd()),
    }
}

/// To the microsecond: a double has no more.
fn seconds(number: f64) -> Result<i64, String> {
    let seconds = if number.abs() >= MILLISECONDS_FROM { number / 1e3 } else { number };
    let micros = (seconds * 1e6).round();
    // The year 2262 is the last that 64 bits of nanoseconds hold.
    if micros.abs() < 9.2e15 { Ok(micros as i64 * 1_000) } else { Err(odd()) }
}

fn nanoseconds(time: OffsetDateTime) -> Result<i64, String> {
    i64::try_from(time.unix_timestamp_nanos()).map_err(|_| odd())
}

fn odd() -> String {
    "not a time".to_owned()
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
