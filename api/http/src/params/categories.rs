//! Parameters of `/categories`.

use cellar_model::Category;

use super::query::QueryText;
use super::values;
use crate::problem::{Kind, Problem};

const KNOWN: [&str; 2] = ["limit", "after"];
const MAX_LISTED: usize = 1_000;
const AFTER_ALLOWED: &str = "a category of 1 to 200 bytes";

/// Which part of the list.
#[derive(Clone, Debug)]
pub struct CategoriesParams<'a> {
    /// At most this many.
    pub limit: usize,
    /// Only those behind this one.
    pub after: Option<Category>,
    /// The query string.
    pub text: QueryText<'a>,
}

/// Reads the query string of `/categories`.
pub fn parse_categories(raw: Option<&str>) -> Result<CategoriesParams<'_>, Problem> {
    let text = QueryText::parse(raw, &KNOWN)?;
    let limit = values::limit_up_to(&text, MAX_LISTED)?.map_or(MAX_LISTED, std::num::NonZeroUsize::get);
    let after = text.optional("after", AFTER_ALLOWED)?.map(str::parse).transpose().map_err(
        |error: cellar_model::KeyError| {
            Problem::new(Kind::ParameterInvalid, format!("in `after`, {error}"))
                .parameter("after")
                .allowed(AFTER_ALLOWED)
        },
    )?;
    Ok(CategoriesParams { limit, after, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_a_beginning_and_a_size() {
        let all = parse_categories(None).unwrap();
        assert_eq!((all.limit, all.after), (1_000, None));
        let part = parse_categories(Some("limit=5&after=wine%20bar")).unwrap();
        assert_eq!((part.limit, part.after.unwrap().as_str()), (5, "wine bar"));
        for bad in ["limit=0", "limit=1001", "after=", "after=a%00b", "x=1"] {
            assert!(parse_categories(Some(bad)).is_err(), "{bad}");
        }
    }
}
