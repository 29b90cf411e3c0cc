//! What can be wrong with a feature. The texts are for the sender: which member, and what is expected there.

use crate::place::CategoriesError;
use crate::{KeyError, PlaceId};
use thiserror::Error;

use super::MAX_FEATURE_BYTES;

/// Why a feature is not a place.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum FeatureError {
    /// Longer than [`MAX_FEATURE_BYTES`], as given or as it would be returned.
    #[error("the feature has {bytes} bytes; at most {MAX_FEATURE_BYTES} can be stored")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not JSON.
    #[error("not valid JSON: {reason}")]
    Syntax {
        /// What the parser met, and where.
        reason: String,
    },
    /// JSON, but no object.
    #[error("a feature is a JSON object, {{\"type\": \"Feature\", …}}")]
    NotAnObject,
    /// A member that may be there only once.
    #[error("`{member}` is there twice")]
    Duplicate {
        /// Its name.
        member: &'static str,
    },
    /// `type` is something else than `Feature`, or missing.
    #[error("`type` is {}; expected \"Feature\"", found.as_deref().unwrap_or("missing"))]
    Type {
        /// What is there instead.
        found: Option<String>,
    },
    /// No `id`.
    #[error("`id` is missing; expected a string or an integer")]
    NoId,
    /// An `id` that is neither a string nor an integer.
    #[error("`id` is neither a string nor an integer")]
    IdType,
    /// An `id` that no key can hold.
    #[error("`id` cannot be stored: {0}")]
    Id(KeyError),
    /// An `id` that contradicts the one the place is stored under.
    #[error("`id` is \"{found}\", but the place is stored as \"{given}\"; leave it out or make it the same")]
    OtherId {
        /// Id of the feature.
        found: PlaceId,
        /// Id that was asked for.
        given: PlaceId,
    },
    /// An id for the second time in one batch.
    #[error("`id` \"{id}\" is in the batch twice: features {first} and {index}")]
    Repeated {
        /// The id.
        id: PlaceId,
        /// Index of the feature that had it first.
        first: usize,
        /// Index of this feature.
        index: usize,
    },
    /// No `geometry`.
    #[error("`geometry` is missing; expected a Point")]
    NoGeometry,
    /// A feature without a place on earth, as GeoJSON allows.
    #[error("`geometry` is null; only a Point can be stored")]
    NullGeometry,
    /// Not a geometry at all.
    #[error("`geometry` is not a GeoJSON geometry; expected {{\"type\": \"Point\", \"coordinates\": […]}}")]
    GeometryType,
    /// Another geometry than a Point.
    #[error("`geometry` is a {found}; only a Point can be stored")]
    NotAPoint {
        /// Its type.
        found: String,
    },
    /// Not two or three finite numbers.
    #[error(
        "`coordinates` must be [longitude, latitude], two finite numbers (a third, the altitude, is not kept)"
    )]
    Coordinates,
    /// Longitude, in degrees, beyond the range.
    #[error("longitude {value} is not between -180 and 180{}", swap_hint(*swapped))]
    Longitude {
        /// As given.
        value: f64,
        /// Whether the other order would be valid.
        swapped: bool,
    },
    /// Latitude, in degrees, beyond the range.
    #[error("latitude {value} is not between -90 and 90{}", swap_hint(*swapped))]
    Latitude {
        /// As given.
        value: f64,
        /// Whether the other order would be valid.
        swapped: bool,
    },
    /// Properties that are neither an object nor null.
    #[error("`properties` is neither an object nor null")]
    PropertiesType,
    /// Properties that some JSON readers would refuse, and with them every answer that holds the place:
    /// repeated names, numbers out of range, half surrogate pairs, too deep nesting.
    #[error("`properties` cannot be stored: {reason}")]
    Properties {
        /// What is wrong.
        reason: String,
    },
    /// A property `category` that no search could ask for.
    #[error("in `properties`, {0}")]
    Category(CategoriesError),
}

impl FeatureError {
    /// JSON pointer (RFC 6901) of the member at fault; empty for the feature as a whole.
    pub fn pointer(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::Syntax { .. } | Self::NotAnObject | Self::Duplicate { .. } => "",
            Self::Type { .. } => "/type",
            Self::NoId | Self::IdType | Self::Id(_) | Self::OtherId { .. } | Self::Repeated { .. } => "/id",
            Self::NoGeometry | Self::NullGeometry | Self::GeometryType | Self::NotAPoint { .. } => {
                "/geometry"
            }
            Self::Coordinates | Self::Longitude { .. } | Self::Latitude { .. } => "/geometry/coordinates",
            Self::PropertiesType | Self::Properties { .. } => "/properties",
            Self::Category(_) => "/properties/category",
        }
    }
}

fn swap_hint(swapped: bool) -> &'static str {
    if swapped { "; looks swapped: GeoJSON order is [longitude, latitude]" } else { "" }
}

/// Why a FeatureCollection was refused, all of it.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum BatchError {
    /// Not JSON.
    #[error("not valid JSON: {reason}")]
    Syntax {
        /// What the parser met, and where.
        reason: String,
    },
    /// Something else.
    #[error("expected a GeoJSON FeatureCollection, {{\"type\": \"FeatureCollection\", \"features\": […]}}")]
    NotACollection,
    /// A member that may be there only once.
    #[error("`{member}` is there twice")]
    Duplicate {
        /// Its name.
        member: &'static str,
    },
    /// No array `features`.
    #[error("`features` is not there or not an array")]
    NoFeatures,
    /// More than a batch may hold.
    #[error("the collection has {found} features; send at most {max} at a time")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// Some features are at fault: the index of each, from 0, and why.
    #[error("{} of the features cannot be stored; the first is feature {}: {}", .0.len(), .0[0].0, .0[0].1)]
    Features(Vec<(usize, FeatureError)>),
}
