//! What operations have in common in the OpenAPI document: shapes, parameters and problems, which handlers name.

pub(crate) mod examples;
pub mod parameters;
mod problems;
pub mod schemas;

pub use self::parameters::{
    AnnouncementParameters, AttributeParameters, CategoryParameter, CellParameter, CollectionParameter,
    ConditionParameters, FormatParameter, IdParameter, ImportParameter, ImportParameters, PageParameters,
    SortParameter,
};
pub use self::problems::{
    CellProblems, ChangesProblems, CollectionProblems, FormatProblems, LookupProblems, PlaceProblems,
    ProbeProblems, SearchBodyProblems, SearchProblems, WriteProblems,
};
pub use self::schemas::{
    BatchAnswer, BatchBody, CellCollection, CollectionDocument, CollectionList, Depth, DistanceIn, Edges,
    Feature, FeatureBatch, FeatureCollection, FeatureInput, FoundCollection, Landing, Link as LinkDocument,
    Mode, NearbyCollection, Problem, SearchBody,
};
