//! The edge: canonical URLs, certificates and the planner.

mod exactness;
mod fuzz;
mod h3_text;
mod share;
mod vectors;
mod world;
