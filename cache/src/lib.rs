//! A read cache in two tiers, memory (moka) and Redis, behind one policy.
//!
//! Generic over key, value and loader; it knows nothing of places or of AWS. [`Cache`] is the way in, [`model`] says what
//! its user implements, [`Policy`] what can be set.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tiered`], `wait` | what a request asks: memory, then one flight per key, and how long it waits |
//! | `load`, `store` | carrying out flights: remote tier, loader, and keeping what came |
//! | `memory`, `fence`, `flight` | the tier in the process, and what keeps old values out of it |
//! | `moment` | for who keeps what is made of values: whether memory has changed since |
//! | `invalidate`, `pending`, `bus` | invalidation here, in the remote tier and in other processes |
//! | `shared`, `breaker`, `envelope` | the remote tier within limits, and the form of its values |
//! | [`remote`] | the remote tier itself: Redis, and a fake |
//! | [`policy`], [`clock`], `watch` | lifetimes, clocks, and the cache's own time |
//! | [`metrics`], [`striped`], [`trace`], [`status`] | counters, and the account of a request |

mod breaker;
mod bus;
pub mod clock;
mod envelope;
mod fence;
mod flight;
mod invalidate;
mod load;
mod memory;
pub mod metrics;
pub mod model;
mod moment;
mod pending;
pub mod policy;
pub mod remote;
mod shared;
pub mod status;
mod store;
pub mod striped;
pub mod tiered;
pub mod trace;
mod wait;
mod watch;

pub use breaker::BreakerState;
pub use moment::{Look, Moment};
pub use policy::{Policy, RemotePolicy};
pub use tiered::{Cache, CacheError, Fetched};
pub use trace::Trace;
