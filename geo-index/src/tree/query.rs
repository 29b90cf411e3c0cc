//! What is searched for, and where a search goes on.

use std::num::NonZeroUsize;

use crate::bbox::BBox;
use crate::category::CategoryFilter;
use crate::grid::h3::Leaf;
use crate::point::Position;
use crate::units::Meters;

/// A query for the places within a radius, nearest first, ties by id.
#[derive(Clone, Debug, PartialEq)]
pub struct NearbyQuery {
    /// The position that distances are measured from.
    pub origin: Position,
    /// Places farther than this are left out; a place at exactly this distance is a result.
    pub radius: Meters,
    /// At most this many places.
    pub limit: NonZeroUsize,
    /// Only places that this allows.
    pub category: Option<CategoryFilter>,
    /// Only places behind this one in the order of results.
    pub after: Option<NearbyKey>,
}

/// Where a place stands in the order of a nearby search.
#[derive(Clone, Debug, PartialEq)]
pub struct NearbyKey {
    /// The place's distance from the origin.
    pub distance: Meters,
    /// The place's id.
    pub id: String,
}

/// A query for the places in a box, by leaf and id.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxQuery {
    /// The box.
    pub bbox: BBox,
    /// At most this many places.
    pub limit: NonZeroUsize,
    /// Only places that this allows.
    pub category: Option<CategoryFilter>,
    /// Only places behind this one in the order of results.
    pub after: Option<BoxKey>,
}

/// Where a place stands in the order of a box scan. An empty id stands before all places of the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxKey {
    /// The place's leaf.
    pub leaf: Leaf,
    /// The place's id.
    pub id: String,
}
