//! Cell answers: the places nearest to a snap cell's centre, the same bytes for everybody (docs/EDGE.md).
//!
//! | module | what it holds |
//! |---|---|
//! | [`body`] | the GeoJSON of an answer, and its certificate |
//! | [`representation`] | that as it is sent: bytes, `ETag`, lifetimes, tags |

pub mod body;
pub mod representation;

use std::sync::Arc;
use std::time::Instant;

use geo_index::edge::{CellUrl, SNAP_PLACES};
use geo_index::tree::NearbyQuery;

use self::body::CellBody;
use self::representation::Representation;
use crate::config::EdgeConfig;
use crate::pages::PageError;
use crate::search::{Search, Work};

/// Makes cell answers.
pub struct Cells {
    search: Search,
    config: EdgeConfig,
}

/// A cell answer, and what it took.
pub struct Answered {
    /// As it is sent.
    pub representation: Arc<Representation>,
    /// The search.
    pub work: Work,
}

impl Cells {
    /// Answers from a search, to be kept as a configuration says.
    pub fn new(search: Search, config: EdgeConfig) -> Self {
        Self { search, config }
    }

    /// The answer of a URL.
    pub async fn answer(&self, url: &CellUrl, deadline: Instant) -> Result<Answered, PageError> {
        let found = self.search.nearby(&url.collection, query(url), deadline).await?;
        let body = CellBody::new(url, &found.hits, found.next.is_some());
        let representation = Arc::new(Representation::new(url, &body, &self.config));
        Ok(Answered { representation, work: found.work })
    }
}

fn query(url: &CellUrl) -> NearbyQuery {
    NearbyQuery {
        origin: url.cell.centre(),
        radius: url.cell.horizon(),
        limit: SNAP_PLACES,
        category: url.category.clone(),
        after: None,
    }
}
