//! Deployment in several regions from templates alone.
//!
//! `edge/` has the CDN's function, its tests and a local edge, which [`edge`] carries into programs. Not written yet: SAM
//! templates, checks of them, and the deployment command.

pub mod edge;
