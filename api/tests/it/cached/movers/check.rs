//! Whether an answer is the state at an instant.
//!
//! A write takes effect at an instant between its beginning and its end, and nobody outside knows at which. So a version
//! of a place may be there from the beginning of its write to the end of the next one. An answer is true if there is an
//! instant between its request and its end at which each place may be as the answer has it: listed in a version that may
//! be there, or not listed and in a version that the search does not ask for.
//!
//! Versions may be there in closed intervals, so if there is such an instant, then the request or the beginning of a
//! write is one.

use std::sync::RwLock;
use std::time::Instant;

use geo_index::{BBox, Leaf, Position, distance};

/// A version of a place; its number is its place in the list, from 1.
#[derive(Clone, Copy, Debug)]
struct Version {
    /// `None` when the place is removed.
    at: Option<Position>,
    begun: Instant,
    ended: Option<Instant>,
}

/// All versions of all places. A place has one writer.
pub(super) struct History(Vec<RwLock<Vec<Version>>>);

/// A place in an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) place: usize,
    pub(super) version: usize,
    pub(super) at: Position,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// The nearest places, from the one behind a distance and an id on.
    Nearby { origin: Position, radius_m: f64, limit: usize, after: Option<(f64, String)> },
    /// The places of a box.
    Items { bbox: BBox },
}

/// What a place is sorted by, in either kind of answer.
type SortKey = (f64, Option<Leaf>, String);

impl Asked {
    fn key(&self, place: usize, at: Position) -> SortKey {
        match self {
            Self::Nearby { origin, .. } => (distance(*origin, at).get(), None, place.to_string()),
            Self::Items { .. } => (0.0, Some(Leaf::at(at)), place.to_string()),
        }
    }

    /// Whether an answer of so many places ends before all that is asked for does. `more` says that it says so.
    fn is_cut(&self, places: usize, more: bool) -> bool {
        match self {
            Self::Nearby { limit, .. } => places >= *limit,
            Self::Items { .. } => more,
        }
    }

    /// Whether a place is asked for, as far as the answer goes.
    fn wants(&self, place: usize, at: Position, last: Option<&SortKey>) -> bool {
        let key = self.key(place, at);
        let asked = match self {
            Self::Nearby { radius_m, after, .. } => {
                let behind = after.as_ref().is_none_or(|(far, id)| (key.0, &key.2) > (*far, id));
                key.0 <= *radius_m && behind
            }
            Self::Items { bbox, .. } => bbox.contains(at),
        };
        asked && last.is_none_or(|last| key <= *last)
    }
}

impl History {
    pub(super) fn new(places: usize) -> Self {
        Self((0..places).map(|_| RwLock::default()).collect())
    }

    pub(super) fn places(&self) -> usize {
        self.0.len()
    }

    /// A write begins; its version.
    pub(super) fn begin(&self, place: usize, at: Option<Position>) -> usize {
        let mut versions = self.0[place].write().unwrap();
        versions.push(Version { at, begun: Instant::now(), ended: None });
        versions.len()
    }

    /// The last write is acknowledged.
    pub(super) fn end(&self, place: usize) {
        self.0[place].write().unwrap().last_mut().expect("it was begun").ended = Some(Instant::now());
    }

    /// Whether a place is there.
    pub(super) fn position(&self, place: usize) -> Option<Position> {
        self.0[place].read().unwrap().last()?.at
    }

    /// Says what is wrong with an answer, as far as places go that `counts` names; `more` says that it has a cursor.
    pub(super) fn check(
        &self,
        asked: &Asked,
        (start, end): (Instant, Instant),
        seen: &[Seen],
        more: bool,
        counts: impl Fn(usize) -> bool,
    ) -> Result<(), String> {
        let keys: Vec<_> = seen.iter().map(|seen| asked.key(seen.place, seen.at)).collect();
        if !keys.is_sorted() {
            return Err("out of order".to_owned());
        }
        let mut by_place = vec![None; self.places()];
        for seen in seen {
            if by_place[seen.place].replace(seen).is_some() {
                return Err(format!("place {} is there twice", seen.place));
            }
        }
        let is_cut = asked.is_cut(seen.len(), more);
        let last = keys.last().filter(|_| is_cut);
        if is_cut && last.is_none() {
            return Ok(());
        }
        let accounts: Vec<_> = (0..self.places())
            .filter(|place| counts(*place))
            .map(|place| {
                Account::new(&self.0[place].read().unwrap(), place, by_place[place], asked, last, start)
            })
            .collect::<Result<_, _>>()?;
        let mut instants = vec![start];
        let begun = accounts.iter().flat_map(|account| account.intervals.iter().map(|(begun, _)| *begun));
        instants.extend(begun.filter(|begun| start < *begun && *begun <= end));
        instants.sort_unstable();
        let fails = |at: &Instant| accounts.iter().find(|account| !account.may_be_at(*at));
        let failed: Vec<_> = instants.iter().map(fails).collect();
        if failed.iter().any(Option::is_none) {
            return Ok(());
        }
        let ms = |at: Instant| at.saturating_duration_since(start).as_secs_f64() * 1e3;
        let told = instants.iter().zip(&failed).map(|(at, account)| {
            format!(
                "at {:.2} ms not {:?}",
                ms(*at),
                account.map(|account| (account.place, by_place[account.place]))
            )
        });
        Err(format!("of no instant within {:.2} ms: {}", ms(end), told.collect::<Vec<_>>().join(", ")))
    }
}

/// When a place may be as an answer has it.
struct Account {
    place: usize,
    /// From the beginning of a write to the end of the next one, if it has ended.
    intervals: Vec<(Instant, Option<Instant>)>,
}

impl Account {
    fn new(
        versions: &[Version],
        place: usize,
        seen: Option<&Seen>,
        asked: &Asked,
        last: Option<&SortKey>,
        start: Instant,
    ) -> Result<Self, String> {
        if let Some(seen) = seen {
            let version = versions.get(seen.version - 1).ok_or("a version that was never written")?;
            if version.at != Some(seen.at) {
                return Err(format!("place {place} is not where it was written"));
            }
        }
        let mut intervals = Vec::with_capacity(2);
        for (at, version) in versions.iter().enumerate().rev() {
            let until = versions.get(at + 1).and_then(|next| next.ended);
            if until.is_some_and(|until| until < start) {
                break;
            }
            let is_so = match seen {
                Some(seen) => seen.version == at + 1,
                None => version.at.is_none_or(|at| !asked.wants(place, at, last)),
            };
            if is_so {
                intervals.push((version.begun, until));
            }
        }
        Ok(Self { place, intervals })
    }

    fn may_be_at(&self, at: Instant) -> bool {
        self.intervals.iter().any(|(begun, until)| *begun <= at && until.is_none_or(|until| at <= until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64) -> Position {
        Position::new(lat, 0.0).unwrap()
    }

    /// Two places which have been at 1 and 2.
    fn history() -> History {
        let history = History::new(2);
        for place in 0..2 {
            history.begin(place, Some(at(1.0 + place as f64)));
            history.end(place);
        }
        history
    }

    fn moves(history: &History, place: usize, to: f64) {
        history.begin(place, Some(at(to)));
        history.end(place);
    }

    fn verdict(history: &History, since: Instant, seen: &[(usize, usize, f64)]) -> String {
        verdict_of(history, since, seen, 9, None)
    }

    fn verdict_of(
        history: &History,
        start: Instant,
        seen: &[(usize, usize, f64)],
        limit: usize,
        after: Option<(f64, String)>,
    ) -> String {
        let asked = Asked::Nearby { origin: at(0.0), radius_m: 1e6, limit, after };
        let seen: Vec<_> = seen
            .iter()
            .map(|(place, version, lat)| Seen { place: *place, version: *version, at: at(*lat) })
            .collect();
        let verdict = history.check(&asked, (start, Instant::now()), &seen, false, |_| true);
        verdict.err().unwrap_or_default()
    }

    #[test]
    fn what_has_ended_is_seen_and_what_was_before_is_not() {
        let history = history();
        moves(&history, 0, 3.0);
        let now = Instant::now();
        assert_eq!(verdict(&history, now, &[(1, 1, 2.0), (0, 2, 3.0)]), "");
        for torn in [&[(0, 1, 1.0), (1, 1, 2.0)][..], &[(1, 1, 2.0)], &[]] {
            assert!(verdict(&history, now, torn).contains("of no instant"), "{torn:?}");
        }
        assert!(verdict(&history, now, &[(0, 1, 1.0), (1, 1, 2.0), (0, 2, 3.0)]).contains("twice"));
        assert!(verdict(&history, now, &[(0, 2, 3.0), (1, 1, 2.0)]).contains("out of order"));
        assert!(verdict(&history, now, &[(1, 1, 2.0), (0, 2, 3.5)]).contains("not where it was written"));
        assert!(verdict(&history, now, &[(1, 1, 2.0), (0, 3, 3.0)]).contains("never written"));
    }

    #[test]
    fn a_write_meanwhile_may_be_seen_or_not_but_not_half() {
        let history = history();
        let start = Instant::now();
        moves(&history, 0, 3.0);
        assert_eq!(verdict(&history, start, &[(0, 1, 1.0), (1, 1, 2.0)]), "");
        assert_eq!(verdict(&history, start, &[(1, 1, 2.0), (0, 2, 3.0)]), "");
        assert!(verdict(&history, start, &[(1, 1, 2.0)]).contains("of no instant"));
    }

    /// The second of two writes was seen, so the first must be.
    #[test]
    fn writes_are_seen_in_their_order() {
        let history = history();
        let start = Instant::now();
        moves(&history, 0, 3.0);
        moves(&history, 1, 4.0);
        assert_eq!(verdict(&history, start, &[(0, 1, 1.0), (1, 1, 2.0)]), "");
        assert_eq!(verdict(&history, start, &[(1, 1, 2.0), (0, 2, 3.0)]), "");
        assert_eq!(verdict(&history, start, &[(0, 2, 3.0), (1, 2, 4.0)]), "");
        assert!(verdict(&history, start, &[(0, 1, 1.0), (1, 2, 4.0)]).contains("of no instant"));
    }

    #[test]
    fn a_write_under_way_may_be_seen_or_not() {
        let history = history();
        history.begin(0, None);
        let now = Instant::now();
        for seen in [&[(0, 1, 1.0), (1, 1, 2.0)][..], &[(1, 1, 2.0)]] {
            assert_eq!(verdict(&history, now, seen), "");
        }
        history.end(0);
        assert!(verdict(&history, Instant::now(), &[(0, 1, 1.0), (1, 1, 2.0)]).contains("of no instant"));
    }

    #[test]
    fn what_is_cut_off_at_either_end_is_not_missed() {
        let history = history();
        let now = Instant::now();
        assert_eq!(verdict_of(&history, now, &[(0, 1, 1.0)], 1, None), "");
        assert!(verdict_of(&history, now, &[(1, 1, 2.0)], 1, None).contains("of no instant"));
        let first = Some((distance(at(0.0), at(1.0)).get(), "0".to_owned()));
        assert_eq!(verdict_of(&history, now, &[(1, 1, 2.0)], 9, first), "");
    }
}
