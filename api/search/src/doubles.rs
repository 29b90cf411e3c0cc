//! Ids that an answer lists more than once.

use std::hash::BuildHasher as _;

use geo_index::tree::Hit;
use rustc_hash::{FxBuildHasher, FxHashSet};

/// Words of a bitmap in which a few ids rarely meet by chance.
const WORDS: usize = 64;

/// Up to so many hits the bitmap is tried first.
const FEW: usize = 32;

/// The ids that are listed more than once: none, unless places moved while their pages were read.
pub(crate) fn doubles(hits: &[Hit]) -> FxHashSet<String> {
    if hits.len() <= FEW && surely_differ(hits) {
        return FxHashSet::default();
    }
    let mut seen = FxHashSet::with_capacity_and_hasher(hits.len(), FxBuildHasher);
    hits.iter().map(Hit::id).filter(|id| !seen.insert(*id)).map(str::to_owned).collect()
}

/// Whether no two hashes of ids share a bit.
fn surely_differ(hits: &[Hit]) -> bool {
    let mut bits = [0_u64; WORDS];
    hits.iter().all(|hit| {
        let hash = FxBuildHasher.hash_one(hit.id());
        let (word, bit) = ((hash >> 58) as usize % WORDS, 1 << (hash >> 52 & 63));
        let is_new = bits[word] & bit == 0;
        bits[word] |= bit;
        is_new
    })
}
