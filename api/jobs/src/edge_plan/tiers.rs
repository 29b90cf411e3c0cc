//! The tiers of the origin: what processes, and a cache that they share, keep of the table's pages.
//!
//! The model: each request goes to the next process in turn; a page lives for the lifetime after its load, and a write takes
//! it out of every tier at once. One that is loaded while the index may lag behind a write lives until it does no more.
//! Nothing is evicted.

use super::answers::{Answer, Load};
use super::report::TierReport;

/// What there is between requests and the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caching {
    Nothing,
    L1,
    L1L2,
    L1L2Edge,
}

impl Caching {
    pub(super) const ALL: [Self; 4] = [Self::Nothing, Self::L1, Self::L1L2, Self::L1L2Edge];

    /// As the load test's matrix has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no cache",
            Self::L1 => "L1",
            Self::L1L2 => "L1+L2",
            Self::L1L2Edge => "L1+L2+edge",
        }
    }
}

/// A page in a tier.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    loaded_s: f64,
    until_s: f64,
}

/// When pages were last written to, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(Vec<f64>);

impl Written {
    pub(super) fn never(pages: usize) -> Self {
        Self(vec![f64::NEG_INFINITY; pages])
    }

    pub(super) fn write(&mut self, page: u32, at_s: f64) {
        self.0[page as usize] = at_s;
    }

    pub(super) fn last_s(&self, page: u32) -> f64 {
        self.0[page as usize]
    }

    /// Whether the index may still lag behind a write of one of these pages.
    pub(super) fn settles(&self, pages: &[u32], now_s: f64, settle_s: f64) -> bool {
        pages.iter().any(|&page| now_s < self.last_s(page) + settle_s)
    }
}

/// Pages by number; empty at the start.
#[derive(Clone, Debug, Default)]
struct Memory(Vec<Kept>);

impl Memory {
    fn has(&self, page: u32, now_s: f64, written: &Written) -> bool {
        let kept = self.0.get(page as usize).copied().unwrap_or_default();
        now_s < kept.until_s && kept.loaded_s >= written.last_s(page)
    }

    fn keep(&mut self, page: u32, kept: Kept) {
        let at = page as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, Kept::default());
        }
        self.0[at] = kept;
    }

    fn get(&self, page: u32) -> Kept {
        self.0[page as usize]
    }
}

/// The origin behind some caches.
pub(super) struct Tiers {
    caching: Caching,
    processes: Vec<Memory>,
    shared: Memory,
    turn: usize,
    /// Requests of users, those that the edge answered included.
    requests: u64,
    /// Of these, those for which the table was read.
    read: u64,
    queries: u64,
}

/// What all tiers have in common.
#[derive(Clone, Copy)]
pub(super) struct Now<'a> {
    pub(super) at_s: f64,
    pub(super) ttl_s: f64,
    pub(super) settle_s: f64,
    pub(super) loads: &'a [Load],
    pub(super) written: &'a Written,
}

impl Tiers {
    pub(super) fn new(caching: Caching, processes: usize) -> Self {
        Self {
            caching,
            processes: vec![Memory::default(); processes.max(1)],
            shared: Memory::default(),
            turn: 0,
            requests: 0,
            read: 0,
            queries: 0,
        }
    }

    pub(super) const fn caching(&self) -> Caching {
        self.caching
    }

    /// A request that the edge answered.
    pub(super) fn answered_before(&mut self) {
        self.requests += 1;
    }

    /// A request that reaches the origin.
    pub(super) fn serve(&mut self, answer: &Answer, now: Now<'_>) {
        self.requests += 1;
        self.turn = (self.turn + 1) % self.processes.len();
        if self.caching == Caching::Nothing {
            // What one load brings is there for the rest of the request.
            self.processes[self.turn] = Memory::default();
        }
        let shares = self.caching >= Caching::L1L2;
        let before = self.queries;
        for &page in &answer.pages {
            let memory = &mut self.processes[self.turn];
            if memory.has(page, now.at_s, now.written) {
                continue;
            }
            if shares && self.shared.has(page, now.at_s, now.written) {
                memory.keep(page, self.shared.get(page));
                continue;
            }
            let load = &now.loads[page as usize];
            self.queries += u64::from(load.queries);
            for &page in &load.pages {
                let settled_s = now.written.last_s(page) + now.settle_s;
                let until_s = if now.at_s < settled_s { settled_s } else { now.at_s + now.ttl_s };
                let kept = Kept { loaded_s: now.at_s, until_s };
                memory.keep(page, kept);
                if shares {
                    self.shared.keep(page, kept);
                }
            }
        }
        self.read += u64::from(self.queries > before);
    }

    pub(super) fn report(&self, searches: u64) -> TierReport {
        let per = |count: u64, of: u64| count as f64 / of.max(1) as f64;
        TierReport {
            tiers: self.caching.name(),
            database_share: per(self.read, self.requests),
            queries_per_search: per(self.queries, searches),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One answer of pages 0 and 1, which one load of two queries brings.
    #[test]
    fn each_tier_keeps_what_it_is_there_for() {
        let loads = vec![Load { pages: [0, 1].into(), queries: 2 }; 2];
        let answer = Answer { pages: [0, 1].into(), ..Answer::default() };
        let run = |caching, writes: &[f64]| {
            let mut tiers = Tiers::new(caching, 2);
            let mut written = Written::never(2);
            for at_s in [0.0, 1.0, 2.0, 3.0, 9.0, 10.0, 11.0] {
                if let Some(write) = writes.iter().rfind(|write| **write <= at_s) {
                    written.write(1, *write);
                }
                tiers.serve(
                    &answer,
                    Now { at_s, ttl_s: 10.0, settle_s: 2.0, loads: &loads, written: &written },
                );
            }
            let TierReport { database_share, queries_per_search, .. } = tiers.report(7);
            ((database_share * 7.0).round() as u32, (queries_per_search * 7.0).round() as u32)
        };
        assert_eq!(run(Caching::Nothing, &[]), (7, 14));
        // Each of two processes in turn loads at first, one of them after ten seconds: at 0, 1 and 11 s.
        assert_eq!(run(Caching::L1, &[]), (3, 6));
        assert_eq!(run(Caching::L1L2, &[]), (2, 4));
        // What is loaded at 2 s, within two seconds of the write, lives until the index has settled, at 3.5 s: again at 9 s.
        assert_eq!(run(Caching::L1L2, &[1.5]), (3, 6));
        let mut edge = Tiers::new(Caching::L1L2Edge, 1);
        edge.answered_before();
        assert!(edge.report(1).database_share.abs() < f64::EPSILON);
    }
}
