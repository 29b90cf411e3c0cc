//! The edge: canonical URLs, certificates and the planner.

mod exactness;
mod h3_text;
mod share;
mod vectors;
mod world;
