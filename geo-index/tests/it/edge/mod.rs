//! Cell answers: certificates and the planner.

mod exactness;
mod share;
mod world;
