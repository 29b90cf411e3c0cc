//! What counts at a position: its time zone, its sun, its holidays.

use std::sync::LazyLock;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use geo_index::Position;
use opening_hours::Context;
use opening_hours::localization::{Coordinates, Country, Localize, TzLocation};
use opening_hours_syntax::rules::time::TimeEvent;
use tzf_rs::EmbeddedFinder;

use crate::at::OpenAt;

/// The zones of the world. Their borders are searched in the program itself, so they take next to no memory.
static ZONES: LazyLock<EmbeddedFinder> = LazyLock::new(EmbeddedFinder::new);

/// Longest time that clocks have skipped: Samoa had no 30 December 2011.
const LONGEST_GAP: TimeDelta = TimeDelta::hours(25);

/// The time zone at a position. At sea it is the nautical one; where there is none it is UTC.
pub(crate) fn zone(position: Position) -> Tz {
    ZONES.get_tz_name(position.lon(), position.lat()).parse().unwrap_or(Tz::UTC)
}

/// A time at a position: what its clocks show, and when that is.
pub(crate) fn time(at: OpenAt, zone: Tz) -> (NaiveDateTime, DateTime<Utc>) {
    match at {
        OpenAt::Instant(instant) => (instant.with_timezone(&zone).naive_local(), instant),
        OpenAt::Local(local) => (local, reading(zone, local, DateTime::<Utc>::MIN_UTC).to_utc()),
    }
}

/// When clocks of a zone show a time. If they do so twice, it is the first time that is not before an instant; if they skip
/// it, it is when they do.
pub(crate) fn reading(zone: Tz, local: NaiveDateTime, not_before: DateTime<Utc>) -> DateTime<Tz> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) => time,
        LocalResult::Ambiguous(first, second) => {
            if first.to_utc() < not_before {
                second
            } else {
                first
            }
        }
        LocalResult::None => {
            // Half an hour is the least that any zone has skipped since 2000, and all do so at a full or half hour.
            let mut after = local;
            let step = TimeDelta::minutes(1);
            while after - local < LONGEST_GAP {
                after += step;
                if let Some(time) = zone.from_local_datetime(&after).earliest() {
                    return time;
                }
            }
            zone.from_utc_datetime(&local)
        }
    }
}

/// Times as clocks at a position show them. So hours are evaluated: a day has 24 of them, and what clocks show twice
/// counts twice.
#[derive(Clone, Debug)]
pub(crate) struct Clocks(Option<TzLocation<Tz>>);

impl Localize for Clocks {
    type DateTime = NaiveDateTime;

    fn naive(&self, local: NaiveDateTime) -> NaiveDateTime {
        local
    }

    fn datetime(&self, local: NaiveDateTime) -> NaiveDateTime {
        local
    }

    fn event_time(&self, date: NaiveDate, event: TimeEvent) -> Option<NaiveTime> {
        self.0.as_ref()?.event_time(date, event)
    }
}

/// What hours are evaluated with at a position. Holidays take a look at the borders of countries.
pub(crate) fn context(position: Position, zone: Tz, with_holidays: bool) -> Context<Clocks> {
    let coordinates = Coordinates::new(position.lat(), position.lon());
    let sun = coordinates.map(|coordinates| TzLocation::new(zone).with_coords(coordinates));
    let context = Context::default().with_locale(Clocks(sun));
    match coordinates.filter(|_| with_holidays).and_then(Country::try_from_coords) {
        Some(country) => {
            context.with_holidays(country.holidays()).with_holidays_unknown(country.holidays_regional())
        }
        None => context,
    }
}
