//! What operations have in common in the OpenAPI document: shapes, parameters and problems, which handlers name.

pub mod parameters;
mod problems;
pub mod schemas;

pub use self::parameters::{
    CategoryParameter, CellParameter, CollectionParameter, ConditionParameters, IdParameter, PageParameters,
};
pub use self::problems::{
    CellProblems, CollectionProblems, LookupProblems, PlaceProblems, ProbeProblems, SearchProblems,
    WriteProblems,
};
pub use self::schemas::{
    CellCollection, CollectionDocument, CollectionList, Depth, DistanceIn, Feature, FeatureBatch,
    FeatureCollection, FeatureInput, Landing, Mode, NearbyCollection, Problem,
};
