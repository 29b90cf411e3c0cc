//! What was seen, in constant memory.
//!
//! | module | what it holds |
//! |---|---|
//! | [`latencies`] | a distribution of durations |
//! | [`failure`] | how a request can fail |
//! | [`account`] | what an answer says of itself: tiers, cold start, reads |
//! | [`events`] | one request, one exchange: what is recorded |
//! | [`tally`] | sums of them, for a region, a tier or all |
//! | [`slice`](mod@slice) | the same over time, coarser |
//! | [`map`] | answers by where users asked |
//! | [`recorder`] | where events go |
//!
//! Invariant: memory grows with regions and, up to a limit, with the length of the run, never with requests; and what is
//! merged is what one recorder would have recorded.

pub mod account;
mod cache_status;
pub mod events;
pub mod failure;
pub mod latencies;
pub mod map;
pub mod recorder;
pub mod slice;
pub mod tally;

pub use self::account::{Account, Ask, Tier};
pub use self::events::{Done, Exchange, Refined, Verdict};
pub use self::failure::Failure;
pub use self::latencies::Latencies;
pub use self::map::{Map, Square};
pub use self::recorder::Recorder;
pub use self::slice::Slice;
pub use self::tally::{Tally, TierTally};
