//! What operations have in common in the OpenAPI document: shapes, parameters and problems, which handlers name.

pub(crate) mod examples;
pub mod parameters;
mod problems;
pub mod schemas;

pub use self::parameters::{
    CategoryParameter, CellParameter, CollectionParameter, ConditionParameters, FormatParameter, IdParameter,
    ImportParameter, ImportParameters, PageParameters,
};
pub use self::problems::{
    CellProblems, ChangesProblems, CollectionProblems, FormatProblems, LookupProblems, PlaceProblems,
    ProbeProblems, SearchProblems, WriteProblems,
};
pub use self::schemas::{
    CellCollection, CollectionDocument, CollectionList, Depth, DistanceIn, Feature, FeatureBatch,
    FeatureCollection, FeatureInput, Landing, Link as LinkDocument, Mode, NearbyCollection, Problem,
};
