//! Hours of a place, and what they say of a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use geo_index::Position;
use opening_hours::{OpeningHours, RuleKind};
use opening_hours_syntax::rules::time::{Time, TimeEvent, TimeSpan, VariableTime};

use crate::at::OpenAt;
use crate::locale::{Clocks, context, reading, time, zone};

/// Longest text of hours, in bytes. OpenStreetMap has at most 255 characters.
pub const MAX_HOURS_BYTES: usize = 512;
/// Most rules of a text: each is evaluated for each day ahead.
pub const MAX_RULES: usize = 32;
/// Most minutes before or after an event of the sun. With much more, the library counts beyond the day after.
const MOST_SUN_OFFSET: u16 = 6 * 60;
/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// How many days ahead it is looked when a place closes.
pub const HORIZON_DAYS: i64 = 366;

/// Hours of a place, read from a text.
///
/// ```
/// use cellar_hours::{Hours, State};
/// use geo_index::Position;
///
/// let hours = Hours::read("Mo-Sa 08:00-12:00,14:00-19:00; PH off").expect("it is in the grammar");
/// let paris = Position::new(48.8566, 2.3522)?;
/// let opening = hours.at(paris, "2026-12-24T15:00".parse()?).expect("it can be told");
/// assert_eq!(opening.state, State::Open);
/// assert_eq!(opening.until.expect("it closes").to_rfc3339(), "2026-12-24T19:00:00+01:00");
/// assert_eq!(hours.state(paris, "2026-12-25T15:00".parse()?), Some(State::Closed));
/// assert!(Hours::read("usually").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hours {
    hours: OpeningHours,
    /// Whether holidays matter.
    has_holidays: bool,
}

/// Whether a place is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its hours say so.
    Open,
    /// Its hours say that one cannot know, or that it depends on a holiday that only a part of its country has.
    Unknown,
    /// Its hours say so, or nothing of the time.
    Closed,
}

impl State {
    /// Its name: `open`, `unknown` or `closed`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unknown => "unknown",
            Self::Closed => "closed",
        }
    }
}

impl From<RuleKind> for State {
    fn from(kind: RuleKind) -> Self {
        match kind {
            RuleKind::Open => Self::Open,
            RuleKind::Unknown => Self::Unknown,
            RuleKind::Closed => Self::Closed,
        }
    }
}

/// What hours say of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Whether it is open then.
    pub state: State,
    /// When this state ends, with the offset of the place's time zone; `None` if not within [`HORIZON_DAYS`].
    pub until: Option<DateTime<FixedOffset>>,
    /// The comment that the hours have for the time, such as `by appointment`.
    pub comment: Option<Arc<str>>,
}

impl Hours {
    /// Reads a text in the grammar of `opening_hours`; `None` if it is not in it, longer than [`MAX_HOURS_BYTES`], has more
    /// than [`MAX_RULES`] rules, or times that the library cannot evaluate, such as those of more than six hours from an event of the sun.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_HOURS_BYTES {
            return None;
        }
        let hours: OpeningHours = guarded(|| text.parse().ok())?;
        let expression = hours.get_expression();
        if expression.rules.len() > MAX_RULES {
            return None;
        }
        if !expression.rules.iter().flat_map(|rule| &rule.time_selector.spans).all(can_be_evaluated) {
            return None;
        }
        // `PH` and `SH`, which the grammar has in capitals only.
        Some(Self { hours, has_holidays: text.contains('H') })
    }

    /// Whether a place with these hours is open; `None` if that cannot be told.
    pub fn state(&self, position: Position, at: OpenAt) -> Option<State> {
        let (hours, zone) = self.here(position);
        let (local, _) = time(at, zone);
        guarded(|| Some(hours.state(local).0.into()))
    }

    /// Whether a place with these hours is open, and until when; `None` if that cannot be told.
    pub fn at(&self, position: Position, at: OpenAt) -> Option<Opening> {
        let (hours, zone) = self.here(position);
        let (local, instant) = time(at, zone);
        let (kind, comment) = guarded(|| Some(hours.state(local)))?;
        let until =
            guarded(|| end(&hours, kind, local)).map(|end| reading(zone, end, instant).fixed_offset());
        Some(Opening { state: kind.into(), until, comment: Some(comment).filter(|text| !text.is_empty()) })
    }

    fn here(&self, position: Position) -> (OpeningHours<Clocks>, Tz) {
        let zone = zone(position);
        (self.hours.clone().with_context(context(position, zone, self.has_holidays)), zone)
    }
}

/// Whether a span surely ends by the end of the next day. The library takes one that ends before it begins for one that
/// ends a day later, and panics if that is beyond the next day.
fn can_be_evaluated(span: &TimeSpan) -> bool {
    let near = |event: &VariableTime| event.offset.unsigned_abs() <= MOST_SUN_OFFSET;
    match (&span.range.start, &span.range.end) {
        (Time::Fixed(_), Time::Fixed(_)) => true,
        (Time::Fixed(_), Time::Variable(end)) => near(end),
        (Time::Variable(start), Time::Fixed(end)) => {
            let end = end.mins_from_midnight();
            near(start) && (end <= DAY || end > DAY.saturating_add_signed(start.offset.max(0)))
        }
        (Time::Variable(start), Time::Variable(end)) => {
            let is_late = matches!(end.event, TimeEvent::Sunset | TimeEvent::Dusk);
            near(start) && near(end) && !(is_late && start.offset > 0 && end.offset > 0)
        }
    }
}

/// When clocks show that a state has ended which there is at a time. Day by day: what the library says of days ahead is
/// wrong where a rule is for what no other rule says (`||`).
fn end(hours: &OpeningHours<Clocks>, kind: RuleKind, from: NaiveDateTime) -> Option<NaiveDateTime> {
    let expression = hours.get_expression();
    if expression.rules.len() == 1 && expression.is_constant() {
        return None;
    }
    let (mut from, horizon) = (from, from + TimeDelta::days(HORIZON_DAYS));
    while from < horizon {
        let midnight = from.date().succ_opt()?.and_time(NaiveTime::MIN);
        let mut spans = hours.iter_range(from, midnight.min(horizon));
        if let Some(other) = spans.find(|span| span.kind != kind) {
            return Some(other.range.start);
        }
        from = midnight;
    }
    None
}

/// What a function of the library returns, if it does: some of what the grammar allows makes it panic.
fn guarded<T>(evaluate: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(evaluate)).ok().flatten()
}
