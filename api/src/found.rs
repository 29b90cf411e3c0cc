//! Searches in a store, followed by their keys until there are enough places.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cli_kit::CliError;
use cellar_http::params::Wanted;
use cellar_model::Collection;
use cellar_search::pages::{PageError, StorePages};
use cellar_search::sorted::Sorted;
use cellar_search::{Items, Limits, Nearby, Search, Work};
use cellar_store::Store;
use geo_index::tree::{Hit, Selection};

use crate::explain::{OrExplain as _, no_collection};

/// Longest search.
const PATIENCE: Duration = Duration::from_secs(30);

/// Places that were found, and what it took.
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    work: Work,
}

impl Found {
    /// How many there are, and what it took.
    pub(crate) fn summary(&self) -> String {
        let (tree, cost) = (self.work.tree, self.work.cost);
        format!(
            "{} places; {} pages in {} rounds, {} queries, {} read units",
            self.hits.len(),
            tree.pages,
            tree.rounds,
            cost.queries,
            cost.read_units
        )
    }
}

/// Searches a collection. Where an answer has fewer places than are wanted and there are more, the search goes on.
pub(crate) async fn find(
    store: Arc<dyn Store>,
    collection: &Collection,
    wanted: Wanted,
    selection: Selection,
) -> Result<Found, CliError> {
    if store.collection(collection).await.explained()?.is_none() {
        return Err(no_collection(collection));
    }
    let search = Search::new(Arc::new(StorePages::new(store)), Limits::default());
    let deadline = Instant::now() + PATIENCE;
    let (mut wanted, mut found) = (Some(wanted), Found { hits: Vec::new(), work: Work::default() });
    while let Some(now) = wanted.take() {
        wanted = more(&search, collection, now, &selection, deadline, &mut found).await.explained()?;
    }
    Ok(found)
}

/// One answer; what is still wanted after it.
async fn more(
    search: &Search,
    collection: &Collection,
    wanted: Wanted,
    selection: &Selection,
    deadline: Instant,
    found: &mut Found,
) -> Result<Option<Wanted>, PageError> {
    let selection = selection.clone();
    let left = |limit: NonZeroUsize, hits: &[Hit]| NonZeroUsize::new(limit.get().saturating_sub(hits.len()));
    let (hits, work, next) = match wanted {
        Wanted::Near(mut query) => {
            let answer = search.nearby_of(collection, query.clone(), selection, deadline).await?;
            let Nearby { hits, next, work, .. } = answer;
            let rest = next.zip(left(query.limit, &hits)).map(|(next, limit)| {
                (query.after, query.limit) = (Some(next), limit);
                Wanted::Near(query)
            });
            (hits, work, rest)
        }
        Wanted::Sorted(mut query, sort, at) => {
            let order = (&sort, at);
            let answer = search.sorted(collection, query.clone(), selection, order, deadline).await?;
            let Sorted { hits, next, work, .. } = answer;
            let rest = next.zip(left(query.limit, &hits)).map(|(next, limit)| {
                query.limit = limit;
                Wanted::Sorted(query, sort, next)
            });
            (hits, work, rest)
        }
        Wanted::Listed(mut query) => {
            let answer = search.items_of(collection, query.clone(), selection, deadline).await?;
            let Items { hits, next, work } = answer;
            let rest = next.zip(left(query.limit, &hits)).map(|(next, limit)| {
                (query.after, query.limit) = (Some(next), limit);
                Wanted::Listed(query)
            });
            (hits, work, rest)
        }
    };
    found.hits.extend(hits);
    found.work += work;
    Ok(next)
}
