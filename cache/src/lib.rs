#![doc = include_str!("../README.md")]
//!
//! ## Modules
//!
//! | module | contents |
//! |---|---|
//! | [`Cache`], [`CacheBuilder`] | what a request asks for, what it gets, and invalidation |
//! | [`model`] | the traits that users implement: key, value, loader |
//! | [`Policy`], [`RemotePolicy`] | lifetimes and limits |
//! | [`Snapshot`], [`SnapshotVersion`] | for callers that keep what they made of values: whether memory has changed since |
//! | [`InvalidationPoint`] | for callers that make something of several values: which of them were invalidated meanwhile |
//! | [`remote`] | the remote tier: Redis, and a fake for tests |
//! | [`clock`] | clocks, among them one for tests |
//! | [`metrics`], [`striped`], [`trace`] | counters, and the account of a request with its headers |
#![warn(missing_debug_implementations)]

// From top to bottom, in the order in which modules use each other:
// bus → invalidate, snapshot → tiered → wait, load → store → inner → shared → pending, breaker, refusals; memory, fence, policy.
mod backoff;
mod breaker;
mod bus;
pub mod clock;
mod envelope;
mod fence;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod inner;
mod invalidate;
mod load;
mod memory;
mod message;
pub mod metrics;
pub mod model;
mod outcome;
mod pending;
mod policy;
mod refusals;
pub mod remote;
mod shared;
mod single_flight;
mod snapshot;
mod status;
mod store;
pub mod striped;
mod tiered;
pub mod trace;
mod wait;
mod watch;

pub use self::{
    backoff::Backoff,
    breaker::BreakerState,
    outcome::{CacheError, Fetched},
    policy::{Policy, RemotePolicy},
    refusals::Refusal,
    snapshot::{InvalidationPoint, Snapshot, SnapshotVersion},
    tiered::{Cache, CacheBuilder},
    trace::Trace,
};
