//! Which categories a search wants.
//!
//! A place may have several categories. A [`Row`](crate::Row) holds them in one text, each followed by the next with
//! [`CATEGORY_SEPARATOR`] between; a place without any has none. Categories are compared by their texts, byte for byte.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use thiserror::Error;

/// What stands between the categories of a row: a control character, which no category may hold.
pub const CATEGORY_SEPARATOR: char = '\u{1f}';

/// Longest category, in bytes.
pub const MAX_CATEGORY_BYTES: usize = 200;

/// Categories that one search may name, at most: each is a tree of its own.
pub const MAX_CATEGORIES: usize = 8;

/// What a search says of categories: one of these, or none of these.
///
/// Its text is what the parameter `category` takes. Categories are separated by commas, spaces around them do not count, and
/// `!` before the first excludes all of them. A backslash before a comma, a backslash or an exclamation mark makes it part of
/// the category.
///
/// ```
/// use geo_index::CategoryFilter;
///
/// let filter: CategoryFilter = "cafe, wine bar,cafe".parse()?;
/// assert_eq!(filter.names().collect::<Vec<_>>(), ["cafe", "wine bar"]);
/// assert!(filter.allows(Some("bar\u{1f}cafe")) && !filter.allows(Some("bar")) && !filter.allows(None));
///
/// let filter: CategoryFilter = "!cafe".parse()?;
/// assert!(filter.allows(Some("bar")) && filter.allows(None) && !filter.allows(Some("bar\u{1f}cafe")));
///
/// let filter: CategoryFilter = r"food\, drink".parse()?;
/// assert_eq!(filter.names().collect::<Vec<_>>(), ["food, drink"]);
/// assert_eq!(filter.to_string(), r"food\, drink");
/// # Ok::<(), geo_index::CategoryFilterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CategoryFilter {
    excludes: bool,
    /// In the order of their percent-encoded texts, each once; at least one.
    names: Box<[Box<str>]>,
}

/// A text that is no [`CategoryFilter`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CategoryFilterError {
    /// A category without a name, as between two commas.
    #[error("a category is empty; separate categories by single commas")]
    Empty,
    /// Longer than [`MAX_CATEGORY_BYTES`].
    #[error("a category has {bytes} bytes; it may have at most {MAX_CATEGORY_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A control character.
    #[error("a category holds a control character")]
    Control,
    /// More than [`MAX_CATEGORIES`].
    #[error("there are {count} categories; at most {MAX_CATEGORIES} can be asked for at once")]
    TooMany {
        /// How many different ones there are.
        count: usize,
    },
}

impl CategoryFilter {
    /// Places of one category, whatever its text.
    pub fn only(name: &str) -> Self {
        Self { excludes: false, names: Box::new([name.into()]) }
    }

    /// The categories that it names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// Whether places of these categories are left out, rather than found.
    pub const fn excludes(&self) -> bool {
        self.excludes
    }

    /// Whether it allows a place with these categories, in the form of [`Row::category`](crate::Row::category).
    pub fn allows(&self, categories: Option<&str>) -> bool {
        let named = |category: &str| self.names().any(|name| name == category);
        categories.is_some_and(|all| all.split(CATEGORY_SEPARATOR).any(named)) != self.excludes
    }
}

impl From<&str> for CategoryFilter {
    fn from(name: &str) -> Self {
        Self::only(name)
    }
}

impl FromStr for CategoryFilter {
    type Err = CategoryFilterError;

    fn from_str(text: &str) -> Result<Self, CategoryFilterError> {
        let text = text.trim_matches(' ');
        let (excludes, list) = text.strip_prefix('!').map_or((false, text), |list| (true, list));
        let mut names = Vec::new();
        for name in split(list) {
            names.push((order(&name), name));
        }
        names.sort_unstable();
        names.dedup();
        for (_, name) in &names {
            match name.len() {
                0 => return Err(CategoryFilterError::Empty),
                bytes if bytes > MAX_CATEGORY_BYTES => return Err(CategoryFilterError::TooLong { bytes }),
                _ if name.chars().any(char::is_control) => return Err(CategoryFilterError::Control),
                _ => {}
            }
        }
        if names.len() > MAX_CATEGORIES {
            return Err(CategoryFilterError::TooMany { count: names.len() });
        }
        Ok(Self { excludes, names: names.into_iter().map(|(_, name)| name.into()).collect() })
    }
}

/// The parts between commas that no backslash precedes, without escapes and without spaces around them.
fn split(list: &str) -> Vec<String> {
    let (mut names, mut name) = (Vec::new(), String::new());
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => name.push(chars.next_if(|next| matches!(next, ',' | '!' | '\\')).unwrap_or('\\')),
            ',' => names.push(std::mem::take(&mut name)),
            c => name.push(c),
        }
    }
    names.push(name);
    names.iter().map(|name| name.trim_matches(' ').to_owned()).collect()
}

/// What categories are sorted by: their percent-encoded text, which every language orders alike.
fn order(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl fmt::Display for CategoryFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.excludes {
            f.write_char('!')?;
        }
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            for (at, c) in name.char_indices() {
                if matches!(c, ',' | '\\') || (c == '!' && at == 0) {
                    f.write_char('\\')?;
                }
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CategoryFilter, CategoryFilterError> {
        text.parse()
    }

    #[test]
    fn texts_are_canonical() {
        let cases = [
            ("bar", "bar"),
            (" bar ", "bar"),
            ("b,a,b", "a,b"),
            ("!b , a", "!a,b"),
            ("! a", "!a"),
            (r"\!a", r"\!a"),
            (r"a!", "a!"),
            (r"a\!", "a!"),
            (r"a\b", r"a\\b"),
            (r"a\", r"a\\"),
            (r"a\,b,c", r"a\,b,c"),
            // `%` of what is encoded comes before letters, so "é" (%C3%A9) stands before "a".
            ("a,é,~", "é,a,~"),
        ];
        for (given, canonical) in cases {
            let filter = parse(given).unwrap();
            assert_eq!(filter.to_string(), canonical, "{given}");
            assert_eq!(parse(canonical), Ok(filter), "{given}");
        }
    }

    #[test]
    fn what_is_no_category_is_refused() {
        for empty in ["", " ", "!", ",", "a,,b", "a,", "!,a", "a, ,b"] {
            assert_eq!(parse(empty), Err(CategoryFilterError::Empty), "{empty:?}");
        }
        assert_eq!(parse(&"é".repeat(101)), Err(CategoryFilterError::TooLong { bytes: 202 }));
        assert!(parse(&"é".repeat(100)).is_ok());
        assert_eq!(parse("a\u{1f}b"), Err(CategoryFilterError::Control));
        assert_eq!(parse("a,b,c,d,e,f,g,h,i"), Err(CategoryFilterError::TooMany { count: 9 }));
        assert!(parse("a,b,c,d,e,f,g,h,a").is_ok());
    }
}
