//! Hours of a place, and what they say of a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, TimeDelta};
use chrono_tz::Tz;
use geo_index::Position;
use opening_hours::{OpeningHours, RuleKind};
use opening_hours_syntax::rules::time::{Time, TimeSpan};

use crate::at::OpenAt;
use crate::locale::{Clocks, context, reading, time, zone};

/// Longest text of hours, in bytes. OpenStreetMap has at most 255 characters.
pub const MAX_HOURS_BYTES: usize = 512;
/// Most minutes before or after an event of the sun. With much more, the library counts beyond the day after.
const MOST_SUN_OFFSET: u16 = 6 * 60;
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
    /// Reads a text in the grammar of `opening_hours`; `None` if it is not in it, longer than [`MAX_HOURS_BYTES`], or names
    /// times that are more than six hours from an event of the sun.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_HOURS_BYTES {
            return None;
        }
        let hours: OpeningHours = guarded(|| text.parse().ok())?;
        let expression = hours.get_expression();
        if !expression.rules.iter().flat_map(|rule| &rule.time_selector.spans).all(is_near_the_sun) {
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
        let horizon = local + TimeDelta::days(HORIZON_DAYS);
        guarded(|| {
            let mut spans = hours.iter_range(local, horizon);
            let first = spans.next()?;
            let same = spans.take_while(|span| span.kind == first.kind);
            let end = same.last().map_or(first.range.end, |last| last.range.end);
            let until = (end < horizon).then(|| reading(zone, end, instant).fixed_offset());
            let comment = Some(first.comment).filter(|comment| !comment.is_empty());
            Some(Opening { state: first.kind.into(), until, comment })
        })
    }

    fn here(&self, position: Position) -> (OpeningHours<Clocks>, Tz) {
        let zone = zone(position);
        (self.hours.clone().with_context(context(position, zone, self.has_holidays)), zone)
    }
}

fn is_near_the_sun(span: &TimeSpan) -> bool {
    [span.range.start, span.range.end].iter().all(|time| match time {
        Time::Fixed(_) => true,
        Time::Variable(event) => event.offset.unsigned_abs() <= MOST_SUN_OFFSET,
    })
}

/// What a function of the library returns, if it does: some of what the grammar allows makes it panic.
fn guarded<T>(evaluate: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(evaluate)).ok().flatten()
}
