//! What a user wants.

use std::num::NonZeroUsize;

use cellar_model::Collection;
use cellar_model::canonical::CellUrl;
use geo_index::edge::{self, CacheCell};
use geo_index::{CategoryFilter, Meters, Position};

use super::error::ClientError;

/// Most places of one call; the exact endpoint takes no more.
pub const MAX_LIMIT: usize = 100;

/// The places nearest to a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Collection of the places.
    pub collection: Collection,
    /// Only places that this allows.
    pub category: Option<CategoryFilter>,
    /// The user's position.
    pub position: Position,
    /// Places farther than this are left out.
    pub radius: Meters,
    /// At most this many places, 1 to [`MAX_LIMIT`].
    pub limit: usize,
}

impl Wanted {
    /// What cells are asked for by. Refuses what the exact endpoint of any server refuses, although a cell could answer it;
    /// the largest radius is the server's own.
    pub(super) fn checked(&self) -> Result<edge::Wanted, ClientError> {
        let limit = NonZeroUsize::new(self.limit).filter(|limit| limit.get() <= MAX_LIMIT);
        let limit = limit.ok_or(ClientError::Invalid { parameter: "limit", allowed: "1 to 100" })?;
        if self.radius.get() <= 0.0 {
            return Err(ClientError::Invalid { parameter: "radius", allowed: "more than 0 metres" });
        }
        Ok(edge::Wanted { position: self.position, radius: self.radius, limit })
    }

    /// What decides which places are searched. Requests of one scope learn from each other.
    pub(super) fn scope(&self) -> (&Collection, Option<&CategoryFilter>) {
        (&self.collection, self.category.as_ref())
    }

    /// The URL of a cell's answer.
    pub(super) fn cell_url(&self, cell: CacheCell) -> CellUrl {
        CellUrl { collection: self.collection.clone(), cell, category: self.category.clone() }
    }
}
