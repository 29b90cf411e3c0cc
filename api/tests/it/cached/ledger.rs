//! Which answers are true: all writes with their times, and what each process has to know of them when.
//!
//! A place has one writer at a time, so its versions are in order. A process *knows* a write once it has acknowledged it
//! itself (read your writes), or once the write lies behind a horizon of the process: a time up to which it was seen to
//! have heard of everything. A search that began afterwards
//!
//! - returns no version of which its process knows that it is gone: the next write of the place, or a later one that came
//!   from there or went there;
//! - returns the latest version, where it is, once, unless a later write began before the search ended;
//! - returns nothing that was not written by its end.
//!
//! The first rule has a gap, and no process can close it by itself: when a place is moved from A to B behind a process's
//! back and then from B to C through it, the process knows that B and C have changed, but A may show the place for as
//! long as the first move has not been heard of.
//!
//! A search that overlaps a write, or whose process has not heard of it, may return the place before or after it. It
//! reads the pages of the old and the new position at different times, so of a place that moves it may also return both
//! versions, each where it was, or neither. Nothing else is legal.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use geo_index::{Position, distance};

/// Who has written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum By {
    /// The router of a process.
    Process(usize),
    /// Somebody who tells no cache: an import.
    Import,
}

/// A write of a place; its version is its number, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// Where the place is then; `None` when it is removed.
    pub(crate) at: Option<Position>,
    by: By,
    start: Instant,
    end: Option<Instant>,
}

/// Whatever was acknowledged up to `upto` is known to searches that begin after `since`.
#[derive(Clone, Copy, Debug)]
struct Horizon {
    since: Instant,
    upto: Instant,
}

/// A place in an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) place: usize,
    pub(crate) version: usize,
    pub(crate) at: Position,
}

/// A search for the nearest places within a radius.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) process: usize,
    pub(crate) origin: Position,
    pub(crate) radius_m: f64,
    pub(crate) limit: usize,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

/// All writes of all places, and the horizons of all processes.
pub(crate) struct Ledger {
    places: Vec<Mutex<Vec<Write>>>,
    horizons: Vec<Mutex<Vec<Horizon>>>,
}

impl Ledger {
    pub(crate) fn new(places: usize, processes: usize) -> Self {
        Self {
            places: (0..places).map(|_| Mutex::default()).collect(),
            horizons: (0..processes).map(|_| Mutex::default()).collect(),
        }
    }

    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    /// A write begins; its version.
    pub(crate) fn begin(&self, place: usize, at: Option<Position>, by: By) -> usize {
        let mut writes = self.writes(place);
        writes.push(Write { at, by, start: Instant::now(), end: None });
        writes.len()
    }

    /// The last write is acknowledged.
    pub(crate) fn end(&self, place: usize) {
        self.writes(place).last_mut().expect("it was begun").end = Some(Instant::now());
    }

    /// Where a place is, and in which version.
    pub(crate) fn latest(&self, place: usize) -> Option<(Position, usize)> {
        let writes = self.writes(place);
        Some((writes.last()?.at?, writes.len()))
    }

    /// From `since` on, a process knows what was acknowledged up to `upto`.
    pub(crate) fn knows(&self, process: usize, since: Instant, upto: Instant) {
        self.horizons[process].lock().unwrap().push(Horizon { since, upto });
    }

    fn horizon(&self, process: usize, at: Instant) -> Option<Instant> {
        let horizons = self.horizons[process].lock().unwrap();
        horizons.iter().filter(|horizon| horizon.since <= at).map(|horizon| horizon.upto).max()
    }

    fn writes(&self, place: usize) -> MutexGuard<'_, Vec<Write>> {
        self.places[place].lock().unwrap()
    }

    /// Says what is wrong with an answer.
    pub(crate) fn check(&self, asked: &Asked, seen: &[Seen]) -> Result<(), String> {
        let horizon = self.horizon(asked.process, asked.start);
        // What lies behind the last place of a full answer was cut off.
        let far = |seen: &Seen| distance(asked.origin, seen.at).get();
        let reach = match seen.last() {
            Some(last) if seen.len() >= asked.limit => far(last),
            _ => f64::INFINITY,
        };
        for place in 0..self.places() {
            let writes = self.writes(place);
            let seen: Vec<_> = seen.iter().filter(|seen| seen.place == place).collect();
            let account = Account { writes: &writes, asked, horizon };
            account
                .check(&seen, reach)
                .map_err(|wrong| format!("place {place}: {wrong}\nseen {seen:?}\n{}", account.tell()))?;
        }
        Ok(())
    }
}

/// One place, as far as one search goes.
struct Account<'a> {
    writes: &'a [Write],
    asked: &'a Asked,
    horizon: Option<Instant>,
}

impl Account<'_> {
    fn is_known(&self, write: &Write) -> bool {
        let Some(end) = write.end else { return false };
        let own = write.by == By::Process(self.asked.process) && end <= self.asked.start;
        own || self.horizon.is_some_and(|horizon| end <= horizon)
    }

    /// Everything, with times in milliseconds since the search began.
    fn tell(&self) -> String {
        let ms = |at: Instant| {
            let start = self.asked.start;
            (at.saturating_duration_since(start).as_secs_f64()
                - start.saturating_duration_since(at).as_secs_f64())
                * 1e3
        };
        let mut text = format!(
            "process {} at {:?}, {} m, ended {:.1}, horizon {:.1?}\n",
            self.asked.process,
            self.asked.origin,
            self.asked.radius_m,
            ms(self.asked.end),
            self.horizon.map(ms)
        );
        for (at, write) in self.writes.iter().enumerate() {
            let (start, end) = (ms(write.start), write.end.map(ms));
            let _ = writeln!(text, "{}: {start:.1} to {end:.1?} by {:?}, {:?}", at + 1, write.by, write.at);
        }
        text
    }

    /// Whether a known write tells that a version is gone.
    fn is_known_gone(&self, version: usize, at: Position) -> bool {
        let position = |number: usize| self.writes[number - 1].at;
        let mut later = version + 1..=self.writes.len();
        later.any(|next| {
            let tells = next == version + 1 || [next - 1, next].map(position).contains(&Some(at));
            tells && self.is_known(&self.writes[next - 1])
        })
    }

    fn check(&self, seen: &[&Seen], reach: f64) -> Result<(), &'static str> {
        for seen in seen {
            let write = self.writes.get(seen.version - 1).ok_or("a version that was never written")?;
            if write.start > self.asked.end {
                return Err("a version from the future");
            }
            if write.at != Some(seen.at) {
                return Err("not where it was written");
            }
            if self.is_known_gone(seen.version, seen.at) {
                return Err("stale");
            }
        }
        let known = self.writes.iter().rposition(|write| self.is_known(write)).map_or(0, |at| at + 1);
        let is_settled = self.writes[known..].iter().all(|write| write.start > self.asked.end);
        if known == 0 || !is_settled {
            return Ok(());
        }
        let far = self.writes[known - 1].at.map(|at| distance(self.asked.origin, at).get());
        let expected = far.is_some_and(|far| far <= self.asked.radius_m && far < reach);
        match seen.iter().filter(|seen| seen.version == known).count() {
            0 if expected => Err("missing"),
            0 | 1 => Ok(()),
            _ => Err("seen twice"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64) -> Position {
        Position::new(lat, 0.0).unwrap()
    }

    fn asked(process: usize, start: Instant) -> Asked {
        let end = Instant::now();
        Asked { process, origin: at(0.0), radius_m: 1e6, limit: 10, start, end }
    }

    fn verdict(ledger: &Ledger, asked: &Asked, seen: &[(usize, f64)]) -> String {
        let seen: Vec<_> =
            seen.iter().map(|(version, lat)| Seen { place: 0, version: *version, at: at(*lat) }).collect();
        let wrong = ledger.check(asked, &seen).err().unwrap_or_default();
        wrong.lines().next().unwrap_or_default().replace("place 0: ", "")
    }

    fn moved() -> Ledger {
        let ledger = Ledger::new(1, 2);
        for lat in [1.0, 2.0] {
            ledger.begin(0, Some(at(lat)), By::Process(0));
            ledger.end(0);
        }
        ledger
    }

    #[test]
    fn who_has_written_knows() {
        let ledger = moved();
        let after = asked(0, Instant::now());
        assert_eq!(verdict(&ledger, &after, &[(2, 2.0)]), "");
        assert_eq!(verdict(&ledger, &after, &[(1, 1.0)]), "stale");
        assert_eq!(verdict(&ledger, &after, &[]), "missing");
        assert_eq!(verdict(&ledger, &after, &[(2, 1.0)]), "not where it was written");
        assert_eq!(verdict(&ledger, &after, &[(3, 2.0)]), "a version that was never written");
        assert_eq!(verdict(&ledger, &after, &[(2, 2.0), (2, 2.0)]), "seen twice");
    }

    #[test]
    fn others_know_behind_their_horizon() {
        let ledger = moved();
        let wrote = Instant::now();
        for seen in [&[][..], &[(1, 1.0)], &[(2, 2.0)], &[(1, 1.0), (2, 2.0)]] {
            assert_eq!(verdict(&ledger, &asked(1, Instant::now()), seen), "");
        }
        ledger.knows(1, Instant::now(), wrote);
        assert_eq!(verdict(&ledger, &asked(1, wrote), &[(1, 1.0)]), "", "it began before");
        let after = asked(1, Instant::now());
        assert_eq!(verdict(&ledger, &after, &[(1, 1.0)]), "stale");
        assert_eq!(verdict(&ledger, &after, &[]), "missing");
    }

    #[test]
    fn an_overlapping_write_may_be_seen_or_not() {
        let ledger = moved();
        let start = Instant::now();
        ledger.begin(0, None, By::Import);
        for seen in [&[][..], &[(2, 2.0)]] {
            assert_eq!(verdict(&ledger, &asked(0, start), seen), "");
        }
        assert_eq!(verdict(&ledger, &asked(0, start), &[(1, 1.0)]), "stale");
    }

    #[test]
    fn what_was_moved_behind_its_back_may_stay_where_it_was() {
        let ledger = moved();
        for (lat, by) in [(3.0, By::Import), (4.0, By::Process(0))] {
            ledger.begin(0, Some(at(lat)), by);
            ledger.end(0);
        }
        let ask = || asked(0, Instant::now());
        assert_eq!(verdict(&ledger, &ask(), &[(2, 2.0), (4, 4.0)]), "");
        assert_eq!(verdict(&ledger, &ask(), &[(2, 2.0)]), "missing");
        assert_eq!(verdict(&ledger, &ask(), &[(3, 3.0)]), "stale");
        assert_eq!(verdict(&ledger, &ask(), &[(1, 1.0)]), "stale");
        ledger.begin(0, Some(at(2.0)), By::Process(0));
        ledger.end(0);
        assert_eq!(verdict(&ledger, &ask(), &[(2, 2.0)]), "stale");
    }

    #[test]
    fn what_was_cut_off_is_not_missed() {
        let ledger = moved();
        ledger.begin(0, Some(at(0.5)), By::Process(0));
        ledger.end(0);
        let full = Asked { limit: 1, ..asked(0, Instant::now()) };
        let other = |lat| [Seen { place: 9, version: 1, at: at(lat) }];
        assert!(ledger.check(&full, &other(0.4)).is_ok());
        assert!(ledger.check(&full, &other(0.6)).is_err());
    }
}
