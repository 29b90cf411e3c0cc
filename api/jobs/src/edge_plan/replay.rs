//! A stream of requests against the caches of one case: edge locations, a shield, and the tiers of the origin.
//!
//! Invariant: an answer that is served as fresh is younger than its lifetime, counted from when the origin made it, and was
//! made after the last purge that concerns it.

use std::collections::BTreeMap;

use cellar_model::edge_cache::{Demand, EdgeCache, Sessions, Stored, hit_ratio_of};
use geo_index::{Position, distance};

use super::answers::{Answer, Book, Load};
use super::changes::Changes;
use super::report::CaseReport;
use super::scheme::Visit;
use super::tiers::{Caching, Now, Tiers, Written};
use super::{Case, Plan, Stream};

/// Lifetime of answers that may be old (`CELLAR_EDGE_STALE_MAX_AGE_S`), in seconds.
const MAY_BE_OLD_S: f64 = 5.0;

/// What users of one scheme ask for, by number.
pub(super) struct Asked<'a> {
    pub(super) job: &'a Plan,
    pub(super) stream: &'a Stream,
    pub(super) book: &'a Book<'a>,
    pub(super) loads: &'a [Load],
    /// By search.
    pub(super) steps: &'a Steps,
    /// How many roots are written to, in one case or another.
    pub(super) roots: usize,
    /// How users ask for the same again, where they do.
    pub(super) sessions: Option<Sessions>,
}

/// The requests of all searches.
#[derive(Default)]
pub(super) struct Steps {
    all: Vec<Step>,
    /// Where the requests of each search end.
    ends: Vec<usize>,
    /// Different URLs that an edge may keep.
    pub(super) urls: usize,
}

#[derive(Clone, Copy)]
struct Step {
    number: u32,
    /// Whether the edge may keep the answer.
    kept: bool,
}

impl Steps {
    pub(super) fn push(&mut self, numbers: impl IntoIterator<Item = u32>, exact: Option<u32>) {
        let kept = numbers.into_iter().map(|number| Step { number, kept: true });
        self.all.extend(kept.chain(exact.map(|number| Step { number, kept: false })));
        self.ends.push(self.all.len());
    }

    /// Numbers every request of the visits.
    pub(super) fn of(
        stream: &Stream,
        visits: &[Visit],
        book: &mut Book<'_>,
        index: &mut super::Index,
    ) -> Self {
        let mut steps = Self::default();
        for (request, visit) in stream.requests.iter().zip(visits) {
            let numbers: Vec<u32> = visit.keys().map(|key| book.number(key, index)).collect();
            let exact = visit.exact.then(|| book.exact(request.position, index));
            steps.push(numbers, exact);
        }
        let mut seen = vec![false; book.answers()];
        for step in steps.all.iter().filter(|step| step.kept) {
            seen[step.number as usize] = true;
        }
        steps.urls = seen.into_iter().filter(|seen| *seen).count();
        steps
    }

    fn of_search(&self, search: usize) -> &[Step] {
        let from = search.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[from..self.ends[search]]
    }
}

/// Sums over requests.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    /// Requests that the edge answered.
    hits: u64,
    /// Of these, with an answer past its lifetime.
    stale: u64,
    /// Requests that reached the origin, those to renew a stale answer included.
    origin: u64,
    /// Requests that the edge would have answered, had the answer not been purged.
    purged: u64,
    /// Of these, those of whose answers no place had changed.
    needless: u64,
}

/// Replays a stream against the caches of a case.
pub(super) fn replay(asked: &Asked<'_>, case: Case, locations: &[u8], changes: &Changes) -> CaseReport {
    let mut edge = Edge::new(asked, case, locations, changes);
    let (mut all, mut warm) = (Counts::default(), Counts::default());
    let origins = if asked.job.tiers { &Caching::ALL[..] } else { &[] };
    let mut tiers: Vec<Tiers> =
        origins.iter().map(|&caching| Tiers::new(caching, asked.job.processes.get().into())).collect();
    for (search, request) in asked.stream.requests.iter().enumerate() {
        edge.advance(request.at_s);
        for &step in asked.steps.of_search(search) {
            let mut one = Counts { requests: 1, ..Counts::default() };
            let reached = edge.request(step, usize::from(locations[search]), request.at_s, &mut one);
            all.add(one);
            if request.at_s >= case.ttl_s {
                warm.add(one);
            }
            let now = edge.now(request.at_s);
            for tiers in &mut tiers {
                if reached || tiers.caching() != Caching::L1L2Edge {
                    tiers.serve(asked.book.answer(step.number), now);
                } else {
                    tiers.answered_before();
                }
            }
        }
    }
    let searches = asked.stream.requests.len() as u64;
    let (formula, corrected) = expected(asked, case, locations, changes);
    let duration_s = asked.stream.duration_s;
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    CaseReport {
        ttl_s: case.ttl_s,
        locations: locations.iter().copied().max().map_or(0, |last| usize::from(last) + 1),
        writes_per_s: case.writes_per_s,
        hit_ratio: share(all.hits, all.requests),
        warm_hit_ratio: (warm.requests > 0).then(|| share(warm.hits, warm.requests)),
        formula,
        corrected_formula: corrected,
        origin_rps: all.origin as f64 / duration_s,
        stale_share: share(all.stale, all.requests),
        purged_share: share(all.purged, all.requests),
        needless_share: (all.purged > 0).then(|| share(all.needless, all.purged)),
        purge_paths_per_s: changes.purges.iter().map(|purge| purge.paths).sum::<u64>() as f64 / duration_s,
        tiers: tiers.iter().map(|tiers| tiers.report(searches)).collect(),
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.hits += other.hits;
        self.stale += other.stale;
        self.origin += other.origin;
        self.purged += other.purged;
        self.needless += other.needless;
    }
}

/// Locations, a shield, and what they were told to forget.
struct Edge<'a> {
    asked: &'a Asked<'a>,
    case: Case,
    changes: &'a Changes,
    locations: Vec<EdgeCache>,
    shield: Option<EdgeCache>,
    /// Purges and writes that have happened.
    purges: usize,
    writes: usize,
    /// When each root was last purged.
    purged_s: Vec<f64>,
    all_purged_s: f64,
    /// Where and when places below each root changed.
    changed: Vec<Vec<(f64, Position)>>,
    written: Written,
}

impl<'a> Edge<'a> {
    fn new(asked: &'a Asked<'a>, case: Case, locations: &[u8], changes: &'a Changes) -> Self {
        let cache = || EdgeCache::new(case.ttl_s);
        let count = locations.iter().copied().max().map_or(0, |last| usize::from(last) + 1);
        let roots = asked.roots;
        Self {
            asked,
            case,
            changes,
            locations: (0..count).map(|_| cache()).collect(),
            shield: asked.job.shield.then(cache),
            purges: 0,
            writes: 0,
            purged_s: vec![f64::NEG_INFINITY; roots],
            all_purged_s: f64::NEG_INFINITY,
            changed: vec![Vec::new(); roots],
            written: Written::never(asked.book.pages()),
        }
    }

    /// What has happened until now.
    fn advance(&mut self, now_s: f64) {
        while let Some(write) = self.changes.writes.get(self.writes).filter(|write| write.at_s <= now_s) {
            self.writes += 1;
            self.changed[write.root as usize].push((write.at_s, write.position));
            for page in self.asked.book.pages_with(write) {
                self.written.write(page, write.at_s);
            }
        }
        while let Some(purge) = self.changes.purges.get(self.purges).filter(|purge| purge.at_s <= now_s) {
            self.purges += 1;
            match &purge.roots {
                None => self.all_purged_s = purge.at_s,
                Some(roots) => roots.iter().for_each(|&root| self.purged_s[root as usize] = purge.at_s),
            }
        }
    }

    fn now(&self, at_s: f64) -> Now<'_> {
        Now {
            at_s,
            ttl_s: self.case.ttl_s,
            settle_s: self.asked.job.purging.settle_s,
            loads: self.asked.loads,
            written: &self.written,
        }
    }

    /// A request at a location; whether it, or one that renews what it found, reaches the origin.
    fn request(&mut self, step: Step, location: usize, now_s: f64, one: &mut Counts) -> bool {
        if !step.kept {
            one.origin += 1;
            return true;
        }
        let answer = self.asked.book.answer(step.number);
        let purged_s = self.last_purge_s(answer);
        let kept = self.locations[location].get(step.number);
        let stale_until_s = |kept: Stored| kept.until_s + self.asked.job.stale_s;
        match kept {
            Some(kept) if kept.made_s >= purged_s && now_s < kept.until_s => {
                one.hits += 1;
                return false;
            }
            Some(kept) if kept.made_s >= purged_s && now_s < stale_until_s(kept) => {
                one.hits += 1;
                one.stale += 1;
            }
            Some(kept) if kept.made_s < purged_s && now_s < stale_until_s(kept) => {
                one.purged += 1;
                one.needless += u64::from(!self.has_changed(answer, kept.made_s));
            }
            _ => {}
        }
        let (fetched, reached) = self.fetch(step.number, answer, purged_s, now_s);
        self.locations[location].put(step.number, fetched);
        one.origin += u64::from(reached);
        reached
    }

    /// From the shield, or from the origin.
    fn fetch(&mut self, number: u32, answer: &Answer, purged_s: f64, now_s: f64) -> (Stored, bool) {
        let shielded = self.shield.as_ref().and_then(|shield| shield.get(number));
        if let Some(kept) = shielded.filter(|kept| kept.made_s >= purged_s && now_s < kept.until_s) {
            return (kept, false);
        }
        // An answer of a page that was written to a moment ago may be old.
        let may_be_old = self.written.settles(&answer.pages, now_s, self.asked.job.purging.settle_s);
        let lives_s = if may_be_old { MAY_BE_OLD_S.min(self.case.ttl_s) } else { self.case.ttl_s };
        let made = Stored { made_s: now_s, until_s: now_s + lives_s };
        if let Some(shield) = &mut self.shield {
            shield.put(number, made);
        }
        (made, true)
    }

    fn last_purge_s(&self, answer: &Answer) -> f64 {
        answer.roots.iter().fold(self.all_purged_s, |last_s, &root| last_s.max(self.purged_s[root as usize]))
    }

    /// Whether a place that has, or would have, a part in an answer has changed since: of what is no cell's answer, whether
    /// one below its roots has.
    fn has_changed(&self, answer: &Answer, since_s: f64) -> bool {
        let recent = |root: &u32| {
            self.changed[*root as usize].iter().rev().take_while(move |(at_s, _)| *at_s >= since_s)
        };
        let within = |(_, position): &(f64, Position)| {
            answer.disc.is_none_or(|(centre, extent)| distance(centre, *position) <= extent)
        };
        answer.roots.iter().flat_map(recent).any(within)
    }
}

/// The formula's hit ratio, plain and with sessions and purges. Requests that nothing may be kept of never hit.
///
/// The rate of an answer is that of the others' requests: without the one that is looked at, and in sessions without those
/// around it, 2 (m − 1) in the mean. So an answer that was asked for once has the rate 0, however short the stream.
fn expected(asked: &Asked<'_>, case: Case, locations: &[u8], changes: &Changes) -> (f64, f64) {
    let duration_s = asked.stream.duration_s;
    let mut counts: BTreeMap<(u8, u32), u64> = BTreeMap::new();
    let mut never = 0_u64;
    for (search, &location) in locations.iter().enumerate() {
        for step in asked.steps.of_search(search) {
            if step.kept {
                *counts.entry((location, step.number)).or_default() += 1;
            } else {
                never += 1;
            }
        }
    }
    let kept: u64 = counts.values().sum();
    let share = kept as f64 / (kept + never).max(1) as f64;
    let purges = PurgeCounts::of(changes, asked.roots);
    let ratio = |purged: bool, sessions: Option<Sessions>| {
        let own = sessions.map_or(1.0, |sessions| 2.0f64.mul_add(sessions.searches - 1.0, 1.0));
        let demand = |(&(_, number), &count): (&(u8, u32), &u64)| {
            let purges = if purged { purges.of_answer(asked.book.answer(number)) } else { 0 };
            let demand = Demand {
                rate: (count as f64 - own).max(0.0) / duration_s,
                ttl_s: case.ttl_s,
                purges: f64::from(purges) / duration_s,
            };
            (count, demand)
        };
        share * hit_ratio_of(counts.iter().map(demand), sessions)
    };
    (ratio(false, None), ratio(true, asked.sessions))
}

/// Which purges there are of each root, a bit for each.
struct PurgeCounts {
    all: Vec<u64>,
    by_root: Vec<Vec<u64>>,
}

impl PurgeCounts {
    fn of(changes: &Changes, roots: usize) -> Self {
        let none = vec![0_u64; changes.purges.len().div_ceil(64)];
        let mut counts = Self { all: none.clone(), by_root: vec![none; roots] };
        for (i, purge) in changes.purges.iter().enumerate() {
            let (word, bit) = (i / 64, 1 << (i % 64));
            match &purge.roots {
                None => counts.all[word] |= bit,
                Some(roots) => roots.iter().for_each(|&root| counts.by_root[root as usize][word] |= bit),
            }
        }
        counts
    }

    /// How many purges forget an answer.
    fn of_answer(&self, answer: &Answer) -> u32 {
        let word = |(i, all): (usize, &u64)| {
            answer.roots.iter().fold(*all, |bits, &root| bits | self.by_root[root as usize][i]).count_ones()
        };
        self.all.iter().enumerate().map(word).sum()
    }
}

#[cfg(test)]
mod tests {
    use geo_index::Grid;

    use super::super::changes::Roots;
    use super::super::index::Length;
    use super::super::scheme::Key;
    use super::super::{Index, Scheme};
    use super::*;

    /// Four requests for one cell, a second apart, at these locations.
    fn four(job: &Plan, ttl_s: f64, locations: &[u8]) -> CaseReport {
        let stream = Stream::paced([Position::new(48.8566, 2.3522).unwrap(); 4], 1.0);
        let (changes, roots) = (Changes::default(), Roots::default());
        let mut index = Index::new(&[], Length::of(job.limit));
        let mut book = Book::new(job, &roots);
        let cell = geo_index::edge::CacheCell::at(Grid::Geohash, stream.requests[0].position, 5).unwrap();
        let mut steps = Steps::default();
        for _ in 0..4 {
            steps.push([book.number(Key::Cell(cell), &mut index)], None);
        }
        let loads = book.loads(&index);
        let asked = Asked {
            job,
            stream: &stream,
            book: &book,
            loads: &loads,
            steps: &steps,
            roots: 0,
            sessions: None,
        };
        replay(&asked, Case::of(ttl_s), locations, &changes)
    }

    fn figures(case: &CaseReport) -> (f64, f64, f64) {
        (case.hit_ratio, case.stale_share, case.origin_rps)
    }

    #[test]
    fn each_location_asks_the_shield_and_the_shield_the_origin() {
        let job = Plan { schemes: vec![Scheme::Map], ..Plan::default() };
        assert_eq!(figures(&four(&job, 60.0, &[0, 0, 0, 0])), (0.75, 0.0, 0.25));
        assert_eq!(figures(&four(&job, 60.0, &[0, 1, 0, 1])), (0.5, 0.0, 0.5));
        let shielded = Plan { shield: true, ..job };
        assert_eq!(figures(&four(&shielded, 60.0, &[0, 1, 0, 1])), (0.5, 0.0, 0.25));
        // What location 1 got at 1 s is as old as at the shield: at 3 s it is past 2.5 s, and the shield's, too.
        assert_eq!(figures(&four(&shielded, 2.5, &[0, 1, 0, 1])), (0.25, 0.0, 0.5));
    }

    #[test]
    fn what_is_stale_is_served_while_it_is_renewed() {
        let job = Plan { stale_s: 1.0, ..Plan::default() };
        // Fetched at 0 s; fresh at 1 s, stale at 2 s and renewed, fresh at 3 s.
        assert_eq!(figures(&four(&job, 1.5, &[0; 4])), (0.75, 0.25, 0.5));
        let job = Plan { stale_s: 0.4, ..job };
        assert_eq!(figures(&four(&job, 1.5, &[0; 4])), (0.5, 0.0, 0.5));
    }
}
