//! Deployment in several regions from templates alone.
//!
//! `edge/` has the CDN's function, its tests and a local edge, which [`edge`] carries into programs. `templates/` and
//! `functions/` are what is deployed, `deploy` is the command that does it, `check` tries all of them without AWS, and
//! `local/` has several regions on one machine; the Python behind the three is in `cellar_infra/`. docs/OPERATIONS.md tells how to
//! use them.

pub mod edge;
