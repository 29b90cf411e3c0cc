//! Places within a radius by a property.
//!
//! Which place comes first is known only when all of them are, so a search goes through them in rings around its position:
//! the nearest [`RING_PLACES`], in their order, then the next ones. Where the radius holds no more than one ring has, the
//! whole is in order; else the answer says how far it is.
//!
//! Invariant: a walk by cursors lists every place within the radius, in order within each ring.

use std::num::NonZeroUsize;
use std::time::Instant;

use cellar_model::Collection;
use cellar_model::cursor::SortedKey;
use cellar_model::sort::{Sort, SortKey};
use geo_index::Meters;
use geo_index::tree::{Hit, NearbyQuery, Selection};

use crate::pages::PageError;
use crate::{Nearby, Search, Work};

/// Places that are put in order together.
pub const RING_PLACES: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");

/// The answer to a sorted search.
#[derive(Debug)]
pub struct Sorted {
    /// In order.
    pub hits: Vec<Hit>,
    /// Where to go on.
    pub next: Option<SortedKey>,
    /// All places up to this distance are in order, those of earlier rings aside: the radius, if there are no more.
    pub within: Meters,
    /// What it took.
    pub work: Work,
}

impl Search {
    /// The places of a selection within the radius of a query, in an order; what [`NearbyQuery::after`] says does not count.
    pub async fn sorted(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        selection: Selection,
        (sort, at): (&Sort, SortedKey),
        deadline: Instant,
    ) -> Result<Sorted, PageError> {
        let (limit, radius) = (query.limit.get(), query.radius);
        let ring = NearbyQuery { limit: RING_PLACES, after: at.ring.clone(), ..query };
        let Nearby { hits, next, work, .. } = self.nearby_of(collection, ring, selection, deadline).await?;
        let keyed = hits.into_iter().map(|hit| (sort.key(&hit), hit));
        let is_behind =
            |key: &SortKey| at.after.as_ref().is_none_or(|after| sort.compare(key, after).is_gt());
        let mut found: Vec<(SortKey, Hit)> = keyed.filter(|(key, _)| is_behind(key)).collect();
        found.sort_unstable_by(|(a, _), (b, _)| sort.compare(a, b));
        let is_cut = found.len() > limit;
        found.truncate(limit);
        let within = next.as_ref().map_or(radius, |next| next.distance);
        let last = found.last().filter(|_| is_cut).map(|(key, _)| key.clone());
        let next = match last {
            Some(last) => Some(SortedKey { ring: at.ring, after: Some(last) }),
            None => next.map(|end| SortedKey { ring: Some(end), after: None }),
        };
        Ok(Sorted { hits: found.into_iter().map(|(_, hit)| hit).collect(), next, within, work })
    }
}
