//! What a run observed, in constant memory.
//!
//! | module | what it holds |
//! |---|---|
//! | [`latencies`] | a distribution of durations |
//! | [`failure`] | how a request can fail |
//! | [`response`] | what an answer's headers say: tiers, cold start, reads |
//! | [`events`] | what is recorded of a request, and of an exchange |
//! | [`stats`] | statistics of requests, for a region, a tier or all |
//! | [`slice`](mod@slice) | the same over time, more coarsely |
//! | [`map`] | answers by the position searched from |
//! | [`recorder`] | collects events |
//!
//! Invariant: memory grows with the number of regions and, up to a limit, with the length of the run, never with the number of
//! requests; and merging recorders gives what a single one would have recorded.

mod cache_status;
pub mod events;
pub mod failure;
pub mod latencies;
pub mod map;
pub mod recorder;
pub mod response;
pub mod slice;
pub mod stats;

/// Every member of a header `Cache-Status` has a name, whatever the header is.
#[cfg(feature = "fuzz")]
pub(crate) fn check_cache_status(value: &str) {
    assert!(cache_status::members(value).all(|member| !member.name.is_empty()));
}

pub use self::events::{Done, Exchange, Refined, Verdict};
pub use self::failure::Failure;
pub use self::latencies::Latencies;
pub use self::map::{Map, Square};
pub use self::recorder::Recorder;
pub use self::response::{CacheLookup, ResponseInfo, Tier};
pub use self::slice::Slice;
pub use self::stats::{RequestStats, TierStats};
