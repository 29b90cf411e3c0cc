//! The policy, over a fake remote tier and a clock that the tests move.

mod failing;
mod fixture;
mod gap;
mod history;
mod invalidating;
mod reading;
mod sharing;
