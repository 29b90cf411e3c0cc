//! The worker against a bucket and a queue in the test, and the embedded engine.

mod api;
mod aws;
mod bed;
mod ends;
mod resumes;
mod signatures;
