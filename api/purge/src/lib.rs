//! Forgetting at the edge: what the change feed hands over becomes purges of a CDN.
//!
//! | module | what it holds |
//! |---|---|
//! | [`queue`] | what waits, merged; pure |
//! | `allowance` | how much may be sent: a rate, and a budget for the month |
//! | [`worker`] | sends what is due, tries again, gives up |
//! | `counters` | what it says about itself |
//! | [`nginx`], [`cloudfront`] | the two CDNs |
//!
//! Invariant: neither the feed nor a write ever waits for the edge, and what waits is bounded: many tags become
//! their collection, many collections become everything. A purge never comes earlier than the settle time after
//! the last change that it is for, or it is followed by another: what the edge fetches again is what is true now.

mod allowance;
#[cfg(feature = "cloudfront")]
pub mod cloudfront;
mod config;
mod counters;
#[cfg(feature = "nginx")]
pub mod nginx;
pub mod queue;
pub mod worker;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

pub use config::{EdgeKind, purge_settings};
pub use worker::EdgePurges;

/// What the edge is to forget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purge {
    /// All answers of this API. The rest is empty then.
    pub all: bool,
    /// All answers of these collections.
    pub collections: BTreeSet<String>,
    /// Answers with one of these tags (`cellar_model::key::edge_tag`), of other collections.
    pub tags: BTreeSet<String>,
}

impl Purge {
    /// All answers of this API.
    pub fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// How many paths CloudFront counts, and bills, for it.
    pub fn paths(&self) -> u64 {
        u64::from(self.all) + (self.collections.len() + self.tags.len()) as u64
    }

    /// The same in fewer paths: whole collections instead of tags.
    fn by_collection(&self) -> Self {
        let of_tags = self.tags.iter().map(|tag| collection_of(tag).to_owned());
        let collections = self.collections.iter().cloned().chain(of_tags).collect();
        Self { all: self.all, collections, tags: BTreeSet::new() }
    }
}

/// The collection of a tag.
fn collection_of(tag: &str) -> &str {
    tag.split_once(':').map_or(tag, |(collection, _)| collection)
}

/// Why the edge did not take a purge; the text is for logs and holds no secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct PurgeError(pub String);

/// A CDN that forgets.
#[async_trait]
pub trait EdgeInvalidator: Send + Sync + 'static {
    /// Makes it forget. `Ok` means that it has taken the order, which it carries out in seconds. `reference` is the
    /// same for each try of one purge.
    async fn purge(&self, purge: &Purge, reference: &str) -> Result<(), PurgeError>;
}

#[cfg(feature = "cloudfront")]
/// An error with its causes: reqwest's own text leaves out the one that matters.
pub fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// How purges are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeSettings {
    /// How long changes are collected before they are sent: a tag is sent once in this time.
    pub window: Duration,
    /// How long after a change pages may still be loaded as they were before: the index lags behind the stream, other
    /// processes hear of it over the bus, and answers are on their way to the edge. Added to the window.
    pub settle: Duration,
    /// After this time the edge has forgotten by itself: a purge that could not be sent has no use any more.
    pub give_up: Duration,
    /// Paths a minute.
    pub rate: u64,
    /// Paths a calendar month (UTC).
    pub budget: u64,
}
