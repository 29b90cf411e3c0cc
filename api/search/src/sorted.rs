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
use geo_index::tree::{Hit, NearbyKey, NearbyQuery, Selection};

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
    /// All places up to this distance are in order, those of earlier rings aside: the radius, if there are no more. Where
    /// only some of those at one distance are, it is less than that; at the position itself it can only be zero.
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
        // One more, which tells whether there are more.
        let ring_limit = RING_PLACES.saturating_add(1);
        let ring = NearbyQuery { limit: ring_limit, after: at.ring.clone(), ..query };
        let Nearby { mut hits, next, work, .. } =
            self.nearby_of(collection, ring, selection, deadline).await?;
        let (next, within) = end_of_ring(&mut hits, next, radius);
        let keyed = hits.into_iter().map(|hit| (sort.key(&hit), hit));
        let is_behind =
            |key: &SortKey| at.after.as_ref().is_none_or(|after| sort.compare(key, after).is_gt());
        let mut found: Vec<(SortKey, Hit)> = keyed.filter(|(key, _)| is_behind(key)).collect();
        found.sort_unstable_by(|(a, _), (b, _)| sort.compare(a, b));
        let is_cut = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| is_cut).map(|(key, _)| key.clone());
        let next = match last {
            Some(last) => Some(SortedKey { ring: at.ring, after: Some(last) }),
            None => next.map(|end| SortedKey { ring: Some(end), after: None }),
        };
        Ok(Sorted { hits: found.into_iter().map(|(_, hit)| hit).collect(), next, within, work })
    }
}

/// Cuts a ring off what was found, and says where the next one begins, if there is one, and up to which distance everything
/// is there.
fn end_of_ring(hits: &mut Vec<Hit>, next: Option<NearbyKey>, radius: Meters) -> (Option<NearbyKey>, Meters) {
    let below = |distance: Meters| Meters::new(distance.get().next_down()).unwrap_or(Meters::ZERO);
    let distance = |hit: &Hit| hit.distance().unwrap_or(Meters::ZERO);
    let most = RING_PLACES.get();
    let Some(first_left) = hits.get(most).map(distance) else {
        // All there are, or all before a budget was used up.
        let within = next.as_ref().map_or(radius, |next| below(next.distance));
        return (next, within);
    };
    hits.truncate(most);
    let last = hits.last().map(|hit| NearbyKey { distance: distance(hit), id: hit.id().to_owned() });
    let is_whole = last.as_ref().is_some_and(|last| last.distance < first_left);
    let within = last.as_ref().map_or(Meters::ZERO, |last| last.distance);
    (last, if is_whole { within } else { below(first_left) })
}
