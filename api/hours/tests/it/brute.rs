//! The same as the library says by itself, and as a look at every minute says.

use cellar_hours::{Hours, OpenAt, State};
use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use opening_hours::localization::{Coordinates, Country, TzLocation};
use opening_hours::{Context, OpeningHours, RuleKind};
use proptest::prelude::*;

use crate::position;

const DAYS: [&str; 10] = [
    "",
    "Mo-Fr ",
    "Sa,Su ",
    "Su[-1] ",
    "PH ",
    "Mo-Fr,PH ",
    "Apr-Sep ",
    "Dec 24-Jan 2 ",
    "week 1-53/2 Mo-Su ",
    "easter ",
];
const TIMES: [&str; 7] = [
    "08:00-12:00",
    "09:00-18:30",
    "14:00-19:00",
    "22:00-04:00",
    "00:00-24:00",
    "sunrise-sunset",
    "18:00-26:00",
];
const KINDS: [&str; 5] = ["", " off", " unknown", " \"ask\"", " open \"maybe\""];
const BETWEEN: [&str; 3] = ["; ", ", ", " || "];

/// Hours of one to four rules.
fn hours() -> impl Strategy<Value = String> {
    let rule = (0..DAYS.len(), 0..TIMES.len(), 0..KINDS.len(), 0..BETWEEN.len());
    prop::collection::vec(rule, 1..5).prop_map(|rules| {
        let mut text = String::new();
        for (index, (day, time, kind, between)) in rules.into_iter().enumerate() {
            if index > 0 {
                text.push_str(BETWEEN[between]);
            }
            text.extend([DAYS[day], TIMES[time], KINDS[kind]]);
        }
        text
    })
}

const PLACES: [(f64, f64, Tz); 6] = [
    (48.8566, 2.3522, Tz::Europe__Paris),
    (40.7128, -74.006, Tz::America__New_York),
    (52.52, 13.405, Tz::Europe__Berlin),
    (-33.8688, 151.2093, Tz::Australia__Sydney),
    (27.7172, 85.324, Tz::Asia__Kathmandu),
    (-16.8, 179.99, Tz::Pacific__Fiji),
];

fn place() -> impl Strategy<Value = (f64, f64, Tz)> {
    (0..PLACES.len()).prop_map(|index| PLACES[index])
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (1_767_225_600_i64..1_830_000_000).prop_map(|unix_s| DateTime::from_timestamp(unix_s, 0).unwrap())
}

fn library(text: &str, (lat, lon, tz): (f64, f64, Tz)) -> Option<OpeningHours<TzLocation<Tz>>> {
    let coordinates = Coordinates::new(lat, lon).unwrap();
    let context = Context::default().with_locale(TzLocation::new(tz).with_coords(coordinates));
    let context = match Country::try_from_coords(coordinates) {
        Some(country) => {
            context.with_holidays(country.holidays()).with_holidays_unknown(country.holidays_regional())
        }
        None => context,
    };
    Some(text.parse::<OpeningHours>().ok()?.with_context(context))
}

fn state(kind: RuleKind) -> State {
    match kind {
        RuleKind::Open => State::Open,
        RuleKind::Unknown => State::Unknown,
        RuleKind::Closed => State::Closed,
    }
}

/// Whether the clocks are not set within two days around an instant: the library counts by the clocks, too, but not for
/// the minute that follows what they show twice.
fn is_calm(tz: Tz, instant: DateTime<Utc>) -> bool {
    use chrono::Offset as _;
    let offset = |hours| {
        let utc = (instant + TimeDelta::hours(hours)).naive_utc();
        tz.offset_from_utc_datetime(&utc).fix()
    };
    (-24..=24 * 4).all(|hours| offset(hours) == offset(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn states_are_those_of_the_library(text in hours(), place in place(), instant in instant()) {
        let library = library(&text, place);
        let read = Hours::read(&text);
        prop_assert_eq!(read.is_some(), library.is_some(), "{}", text);
        if let (Some(read), Some(library)) = (read, library) && is_calm(place.2, instant) {
            let here = position(place.0, place.1);
            let expected = state(library.state(instant.with_timezone(&place.2)).0);
            prop_assert_eq!(read.state(here, OpenAt::Instant(instant)), Some(expected), "{}", text);
            let local = instant.with_timezone(&place.2).naive_local();
            prop_assert_eq!(read.state(here, OpenAt::Local(local)), Some(expected), "{}", text);
        }
    }

    /// Minute by minute for two days.
    #[test]
    fn the_end_is_the_first_minute_of_another_state(text in hours(), place in place(), instant in instant()) {
        if let Some(read) = Hours::read(&text) && is_calm(place.2, instant) {
            let here = position(place.0, place.1);
            let opening = read.at(here, OpenAt::Instant(instant)).unwrap();
            prop_assert_eq!(read.state(here, OpenAt::Instant(instant)), Some(opening.state));
            let whole = instant - TimeDelta::seconds(instant.timestamp() % 60);
            let end = (1..=2 * 1_440).map(|minutes| whole + TimeDelta::minutes(minutes)).find(|minute| {
                read.state(here, OpenAt::Instant(*minute)) != Some(opening.state)
            });
            match end {
                Some(end) => prop_assert_eq!(opening.until.map(|until| until.to_utc()), Some(end), "{}", text),
                None => prop_assert!(opening.until.is_none_or(|until| until > whole + TimeDelta::days(2)), "{}", text),
            }
        }
    }
}
