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
    #[param(style = Form, explode = false, minimum = 1, maximum = 100, example = 10)]
    limit: Option<u32>,
    /// Only places that have this property `category`, or one of several with commas between them, at most 8 of at most 200 bytes each; `!` first excludes them. A backslash makes a comma or an exclamation mark part of a category
    #[param(min_length = 1, max_length = 2048, example = "winery")]
    category: Option<String>,
    /// Cursor of a `next` link; all other parameters but `limit` must be as they were
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// What is asked of the properties of places.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AttributeParameters {
    /// Only places whose properties meet this, in the text form of CQL2: comparisons of a property with a text in single quotes, a number, TRUE or FALSE, by =, <>, <, <=, >, >=, LIKE, BETWEEN, IN, IS NULL, joined by AND, OR, NOT and parentheses. `id` is the place's id and `distance_m` its distance; a name that is not plain stands in double quotes; `CASEI(name)` is compared without regard to case. At most 64 comparisons and values of lists, 16 properties, 8 LIKE, 16 levels
    #[param(min_length = 1, max_length = 2048, example = "category = 'winery' AND name LIKE 'Le %'")]
    filter: Option<String>,
    /// Only places whose property `name`, a text or several, has these words, as one types: without regard to case, accents and order, the last word may be only begun, and a word of 3 to 5 characters may have one typo, a longer one two (a character too many, too few, another one, or two neighbours swapped). At most 8 words of 63 characters
    #[param(min_length = 1, max_length = 256, example = "celler")]
    q: Option<String>,
    /// Only these properties of each place, with commas between them: 1 to 32 of at most 200 bytes each; a backslash makes a comma part of a name
    #[param(min_length = 1, max_length = 6600, example = "category,name")]
    fields: Option<String>,
    /// Only places that are open then, by their property `opening_hours` in the grammar of OpenStreetMap: `now`, a time as the clocks of each place show it, or an instant with an offset or `Z`. Each place says `open_until`. Those without hours that can be read are not found
    #[param(min_length = 1, max_length = 25, example = "2026-12-24T15:00")]
    open_at: Option<String>,
    /// With `open_at`: `include` finds places without hours that can be read, too
    #[param(inline)]
    open_at_unknown: Option<OpenAtUnknown>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum OpenAtUnknown {
    Include,
}

/// In which order the places of a search come.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SortParameter {
    /// A property, with `-` before it to descend; `distance_m` if left out. Numbers come before texts, and these before truth values; places without it come last, and equals by their distance. Texts are compared by their first 128 bytes
    #[param(min_length = 1, max_length = 201, example = "distance_m")]
    sort: Option<String>,
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

/// The path segment that names an import.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ImportParameter {
    /// Id of the import
    #[param(pattern = "^[0-9a-f]{32}$", example = "00000000000000000000000000000001")]
    import: String,
}

/// A file that is sent to a bucket, not in the body.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AnnouncementParameters {
    /// Length of the file, where it is sent to a bucket: on AWS
    #[param(minimum = 1)]
    bytes: Option<u64>,
    /// Hash of the file in hexadecimal digits; with it, no other file is taken
    #[param(pattern = "^[0-9A-Fa-f]{64}$")]
    sha256: Option<String>,
}

/// How a file is read: the options of `cellar import` of the same names.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "kebab-case")]
pub struct ImportParameters {
    /// Format of the file, such as `csv` or `geojson`; else by how it begins
    format: Option<String>,
    /// A layout that many files have, such as `geonames`
    preset: Option<String>,
    /// Path of the records in a JSON document, such as `data.items[]`
    records: Option<String>,
    /// What is stored of lines and areas; else they are rejected
    representative_point: Option<String>,
    /// `west,south,east,north` in degrees: places outside are rejected
    bbox: Option<String>,
    /// Column of the id
    id_column: Option<String>,
    /// Property of a Feature that is its id
    id_property: Option<String>,
    /// `true` makes an id for every place without one
    generate_ids: Option<bool>,
    /// Column of the latitude
    lat_column: Option<String>,
    /// Column of the longitude
    lon_column: Option<String>,
    /// Column of both
    position_column: Option<String>,
    /// Which comes first in such a column
    position_order: Option<String>,
    /// Names of all columns of a CSV without a header, with commas between them
    columns: Option<String>,
    /// Column of the category
    category_column: Option<String>,
    /// Column of the name
    name_column: Option<String>,
    /// Columns that are text, whatever they look like, with commas between them
    text: Option<String>,
    /// Types of columns, as in `price=number,open=boolean`
    types: Option<String>,
    /// What separates cells of a CSV; `\\t` is a tab
    delimiter: Option<String>,
    /// Lines before the header of a CSV
    #[param(minimum = 0)]
    skip: Option<u64>,
    /// `true`: coordinates have a decimal comma
    decimal_comma: Option<bool>,
    /// Encoding, such as `latin1`
    encoding: Option<String>,
    /// Which record of an id is stored: `last`, `first`, or `reject`, which is `first` and counts the others as rejected
    on_repeat: Option<String>,
    /// `true` reads and checks everything, and stores nothing
    dry_run: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::OPTIONS;

    #[test]
    fn every_option_of_an_import_is_described() {
        let described = ImportParameters::into_params(|| None);
        assert_eq!(described.iter().map(|parameter| parameter.name.as_str()).collect::<Vec<_>>(), OPTIONS);
    }
}
