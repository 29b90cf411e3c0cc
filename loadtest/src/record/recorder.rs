//! Collects events: each sending thread has its own recorder, and they are merged at the end.

use std::collections::HashSet;
use std::time::Duration;

use geo_index::Position;

use super::events::{Done, Exchange, Verdict};
use super::map::Map;
use super::response::ResponseInfo;
use super::slice::{Slice, slice_length};
use super::stats::RequestStats;

/// Most instances that are counted.
const MAX_INSTANCES: usize = 100_000;
/// Most differences that are kept as examples.
const MAX_EXAMPLES: usize = 10;

/// What was recorded.
#[derive(Clone, Debug)]
pub struct Recorder {
    late_after: Duration,
    slice: Duration,
    /// By region.
    pub regions: Vec<RequestStats>,
    /// Over time.
    pub slices: Vec<Slice>,
    /// Hashes of the names of instances that answered.
    pub instances: HashSet<u64>,
    /// Comparisons with the exact endpoint.
    pub verified: Verified,
    /// Answers by where users asked.
    pub map: Map,
}

/// Comparisons with the exact endpoint.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Answers that were compared.
    pub compared: u64,
    /// Answers that differ.
    pub differ: u64,
    /// Answers that could not be compared.
    pub unknown: u64,
    /// The first differences.
    pub examples: Vec<String>,
}

impl Recorder {
    /// For a number of regions and a measured part of this length. Requests sent more than `late_after` after their due instant
    /// count as late.
    pub fn new(regions: usize, measured: Duration, late_after: Duration) -> Self {
        let slice = slice_length(measured);
        let slices = measured.as_nanos().div_ceil(slice.as_nanos()).max(1) as usize;
        Self {
            late_after,
            slice,
            regions: vec![RequestStats::default(); regions],
            slices: vec![Slice::default(); slices],
            instances: HashSet::new(),
            verified: Verified::default(),
            map: Map::default(),
        }
    }

    /// The length of a slice.
    pub const fn slice_length(&self) -> Duration {
        self.slice
    }

    /// Requests sent more than this after their due instant are late.
    pub const fn late_after(&self) -> Duration {
        self.late_after
    }

    fn slice_at(&mut self, planned: Duration) -> &mut Slice {
        let last = self.slices.len() - 1;
        let index = (planned.as_nanos() / self.slice.as_nanos()) as usize;
        &mut self.slices[index.min(last)]
    }

    /// A request is due.
    pub fn planned(&mut self, region: usize, planned: Duration) {
        self.regions[region].planned += 1;
        self.slice_at(planned).planned += 1;
    }

    /// A request could not be sent.
    pub fn unsent(&mut self, region: usize, planned: Duration) {
        self.regions[region].unsent += 1;
        self.slice_at(planned).failed += 1;
    }

    /// There was no answer to continue with a further page.
    pub fn page_lost(&mut self, region: usize) {
        self.regions[region].pages_lost += 1;
    }

    /// A request was in flight when the run was stopped.
    pub fn cut(&mut self, region: usize) {
        self.regions[region].cut += 1;
    }

    /// A request has ended.
    pub fn done(&mut self, done: &Done) {
        let late = done.send_delay > self.late_after;
        self.regions[done.region].done_with(done, late);
        self.slice_at(done.planned).done_with(done);
    }

    /// An exchange has ended.
    pub fn exchanged(&mut self, region: usize, planned: Duration, exchange: &Exchange) {
        self.regions[region].exchanged(exchange);
        if exchange.failure.is_some() {
            return;
        }
        self.slice_at(planned).response(&exchange.response);
        if let Some(instance) = exchange.response.instance
            && self.instances.len() < MAX_INSTANCES
        {
            self.instances.insert(instance);
        }
    }

    /// A cell answer was checked for whether it certifies the result.
    pub fn certificate_checked(&mut self, region: usize, certified: bool) {
        let stats = &mut self.regions[region];
        stats.certified.0 += u64::from(certified);
        stats.certified.1 += 1;
        stats.tries += 1;
    }

    /// A search from this position was answered.
    pub fn answered(&mut self, position: Position, response: &ResponseInfo) {
        self.map.add(position, response.served);
    }

    /// A result was compared with the exact endpoint's.
    pub fn verified(&mut self, verdict: Verdict) {
        let verified = &mut self.verified;
        match verdict {
            Verdict::Unknown => verified.unknown += 1,
            Verdict::Same => verified.compared += 1,
            Verdict::Differs(example) => {
                verified.compared += 1;
                verified.differ += 1;
                if verified.examples.len() < MAX_EXAMPLES {
                    verified.examples.push(example);
                }
            }
        }
    }

    /// Adds what another recorder of the same run has recorded.
    pub fn merge(&mut self, other: &Self) {
        self.regions.iter_mut().zip(&other.regions).for_each(|(mine, other)| mine.merge(other));
        self.slices.iter_mut().zip(&other.slices).for_each(|(mine, other)| mine.merge(other));
        self.instances.extend(&other.instances);
        self.map.merge(&other.map);
        self.verified.compared += other.verified.compared;
        self.verified.differ += other.verified.differ;
        self.verified.unknown += other.verified.unknown;
        self.verified.examples.extend(other.verified.examples.iter().cloned());
        self.verified.examples.truncate(MAX_EXAMPLES);
    }

    /// The statistics of all regions together.
    pub fn total(&self) -> RequestStats {
        let mut total = RequestStats::default();
        self.regions.iter().for_each(|region| total.merge(region));
        total
    }
}
