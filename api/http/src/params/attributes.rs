//! What a search asks of the properties of places: `filter`, `q`, `fields` and `sort`.

use std::sync::Arc;

use cellar_model::cursor::Fingerprint;
use cellar_model::fields::{Fields, FieldsError};
use cellar_model::filter::{Filter, FilterError};
use cellar_model::name::{NameError, NameQuery, NamedPlaces};
use cellar_model::sort::{Sort, SortError};
use geo_index::tree::{PlaceFilter, Selection};

use super::query::{QueryText, echo};
use crate::problem::{Kind, Problem};

/// The names of the parameters.
pub(super) const FILTER: &str = "filter";
pub(super) const Q: &str = "q";
pub(super) const FIELDS: &str = "fields";
pub(super) const SORT: &str = "sort";

const FILTER_ALLOWED: &str = "a filter in the text form of CQL2, such as rating >= 4 AND name LIKE 'Caf%'; at most 2,048 bytes, 64 comparisons, 16 properties, 8 LIKE, 16 levels";
const Q_ALLOWED: &str = "words of a name, of which the last may be only begun; with a letter or a digit, at most 256 bytes, 8 words, 63 characters in a word";
const FIELDS_ALLOWED: &str = "1 to 32 names of properties of 1 to 200 bytes, separated by commas; a backslash before a comma makes it part of a name";
const SORT_ALLOWED: &str =
    "distance_m, or the name of a property of 1 to 200 bytes, with `-` before it to descend";

/// Which places are wanted by their properties, if that is said.
pub(super) fn filter(query: &QueryText<'_>) -> Result<Option<Filter>, Problem> {
    query.optional(FILTER, FILTER_ALLOWED)?.map(read_filter).transpose()
}

pub(super) fn read_filter(text: &str) -> Result<Filter, Problem> {
    text.parse().map_err(|error: FilterError| {
        let kind = if error.fault.is_bound() { Kind::ParameterOutOfRange } else { Kind::ParameterInvalid };
        Problem::new(kind, format!("in `{FILTER}`, {error}"))
            .parameter(FILTER)
            .position(error.position)
            .allowed(FILTER_ALLOWED)
    })
}

/// Which names are wanted, if that is said.
pub(super) fn name(query: &QueryText<'_>) -> Result<Option<NameQuery>, Problem> {
    query.optional(Q, Q_ALLOWED)?.map(read_name).transpose()
}

fn read_name(text: &str) -> Result<NameQuery, Problem> {
    text.parse().map_err(|error: NameError| {
        let kind = if error == NameError::Empty { Kind::ParameterInvalid } else { Kind::ParameterOutOfRange };
        Problem::new(kind, format!("in `{Q}`, {error}")).parameter(Q).allowed(Q_ALLOWED)
    })
}

/// Which properties are wanted, if that is said.
pub(super) fn fields(query: &QueryText<'_>) -> Result<Option<Fields>, Problem> {
    query.optional(FIELDS, FIELDS_ALLOWED)?.map(read_fields).transpose()
}

pub(super) fn read_fields(text: &str) -> Result<Fields, Problem> {
    text.parse().map_err(|error: FieldsError| {
        let kind =
            if error == FieldsError::Empty { Kind::ParameterInvalid } else { Kind::ParameterOutOfRange };
        Problem::new(kind, format!("in `{FIELDS}`, {error}")).parameter(FIELDS).allowed(FIELDS_ALLOWED)
    })
}

/// The order that is wanted, if it is not that of the distance.
pub(super) fn sort(query: &QueryText<'_>) -> Result<Option<Sort>, Problem> {
    query.optional(SORT, SORT_ALLOWED)?.map_or(Ok(None), read_sort)
}

pub(super) fn read_sort(text: &str) -> Result<Option<Sort>, Problem> {
    let sort: Result<Sort, SortError> = text.parse();
    sort.map(|sort| Some(sort).filter(|sort| !sort.is_by_distance())).map_err(|error| {
        let detail = format!("`{SORT}` is \"{}\"; {error}", echo(text));
        Problem::new(Kind::ParameterInvalid, detail).parameter(SORT).allowed(SORT_ALLOWED)
    })
}

/// Restricts a search to a filter and to names, and its cursors to both.
pub(super) fn select(
    filter: Option<Filter>,
    name: Option<NameQuery>,
    mut fingerprint: Fingerprint,
) -> (Selection, Fingerprint) {
    let mut selected: Option<Arc<dyn PlaceFilter>> = None;
    if let Some(filter) = filter {
        fingerprint = fingerprint.with(FILTER, &filter.to_string());
        selected = Some(Arc::new(filter));
    }
    if let Some(name) = name {
        fingerprint = fingerprint.with(Q, &name.to_string());
        selected = Some(Arc::new(NamedPlaces::new(name, selected)));
    }
    (Selection { filter: selected, ..Selection::default() }, fingerprint)
}

#[cfg(test)]
mod tests {
    use cellar_model::fields::{MAX_FIELD_BYTES, MAX_FIELDS};
    use cellar_model::filter::MAX_FILTER_BYTES;
    use cellar_model::name::{MAX_QUERY_BYTES, MAX_WORD_CHARS, MAX_WORDS};

    use super::*;

    #[test]
    fn what_is_allowed_is_what_is_read() {
        assert!(FILTER_ALLOWED.contains(&cellar_model::grouped(MAX_FILTER_BYTES as u64)));
        assert!(FIELDS_ALLOWED.contains(&format!("1 to {MAX_FIELDS} names")));
        assert!(FIELDS_ALLOWED.contains(&format!("1 to {MAX_FIELD_BYTES} bytes")));
        assert!(read_filter("rating >= 4 AND name LIKE 'Caf%'").is_ok());
        assert_eq!(read_filter("rating >").unwrap_err().kind(), Kind::ParameterInvalid);
        assert_eq!(read_filter(&"(".repeat(20)).unwrap_err().kind(), Kind::ParameterOutOfRange);
        assert_eq!(read_fields("a,,b").unwrap_err().kind(), Kind::ParameterInvalid);
        assert_eq!(read_fields(&"x".repeat(201)).unwrap_err().kind(), Kind::ParameterOutOfRange);
        assert!(Q_ALLOWED.contains(&format!("at most {MAX_QUERY_BYTES} bytes, {MAX_WORDS} words")));
        assert!(Q_ALLOWED.contains(&format!("{MAX_WORD_CHARS} characters in a word")));
        assert!(read_name("Café ro").is_ok());
        assert_eq!(read_name("🍕").unwrap_err().kind(), Kind::ParameterInvalid);
        assert_eq!(read_name(&"a".repeat(257)).unwrap_err().kind(), Kind::ParameterOutOfRange);
        assert_eq!(read_sort("distance_m").unwrap(), None);
        assert_eq!(read_sort("-").unwrap_err().kind(), Kind::ParameterInvalid);
    }
}
