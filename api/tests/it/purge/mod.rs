//! Purges of the edge: what is sent when, and that both CDNs understand it.

mod cloudfront;
mod fake;
#[cfg(unix)]
mod nginx;
mod worker;
