//! Parameters that several operations take. They are read by `params`; here they are only described.
#![expect(dead_code, reason = "only the descriptions are used")]

use utoipa::{IntoParams, ToSchema};

/// The path segment that names a collection.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CollectionParameter {
    /// Name of the collection
    #[param(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", example = "wineries")]
    collection: String,
}

/// The path segment that names a place.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct IdParameter {
    /// Id of the place, percent-encoded
    #[param(min_length = 1, max_length = 512, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$", example = "w-1")]
    id: String,
}

/// What must hold for a place to be written.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ConditionParameters {
    /// Entity tags, or `*`: write only if the place is one of these, or is there at all
    #[param(rename = "if-match")]
    if_match: Option<String>,
    /// Entity tags, or `*`: write only if the place is none of these, or is not there at all
    #[param(rename = "if-none-match")]
    if_none_match: Option<String>,
}

/// Which places of a search, and how many at a time.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    /// Most places to return; 20 if left out
    #[param(minimum = 1, maximum = 100, example = 10)]
    limit: Option<u32>,
    /// Only places that have this property `category`, or one of several with commas between them, at most 8 of at most 200 bytes each; `!` first excludes them. A backslash makes a comma or an exclamation mark part of a category
    #[param(min_length = 1, max_length = 2048, example = "winery")]
    category: Option<String>,
    /// Cursor of a `next` link; all other parameters but `limit` must be as they were
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// In which form a document is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FormatParameter {
    /// Form of the document; as `Accept` has it if left out. `html` is a page for people with the same, of which nothing more is said here: clients would get a type for it
    #[param(inline, example = "json")]
    f: Option<Form>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Form {
    Json,
    Html,
}

/// The path segment that names a cell.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CellParameter {
    /// A geohash cell of 3 to 7 characters, or an H3 cell of resolution 3 to 9
    #[param(pattern = "^(gh:[0-9b-hjkmnp-z]{3,7}|h3:8[3-9][0-9a-f]{13})$", example = "gh:u09t")]
    cell: String,
}

/// Which places of a cell answer.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CategoryParameter {
    /// Only places that have this property `category`, or one of several with commas between them, at most 8 of at most 200 bytes each; `!` first excludes them. A backslash makes a comma or an exclamation mark part of a category
    #[param(min_length = 1, max_length = 2048, example = "winery")]
    category: Option<String>,
}
