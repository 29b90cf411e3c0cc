//! Searches by name, as one types: what the parameter `q` takes.
//!
//! Texts are folded (`fold`) and cut into words. A name is found if each word of the query matches one of its words, in any
//! order: the last word of the query one that begins with it, the others a whole one. A word of 3 to 5 characters may have
//! one typo, a longer one two, as `AUTO` of Elasticsearch has it: the edit distance is that of optimal string alignment, in
//! which a character too many, one too few, another one and two that are swapped count one each.
//!
//! Invariant: a query takes work in proportion to its words and the length of the name, of which a bounded part is read.

mod automaton;
mod fold;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use geo_index::tree::{PlaceFilter, PlaceView};
use thiserror::Error;

use self::automaton::Automaton;
use self::fold::folded;
use crate::filter::value::{Value, values_of};

/// The property that has the name of a place: a text, or several.
pub const NAME: &str = "name";
/// Longest text of a query, in bytes.
pub const MAX_QUERY_BYTES: usize = 256;
/// Most words of a query.
pub const MAX_WORDS: usize = 8;
/// Longest word of a query, in characters after folding: the bits of its automaton.
pub const MAX_WORD_CHARS: usize = 63;
/// Characters of a name that are looked at.
pub const MAX_NAME_CHARS: usize = 500;

/// Characters from which on a word may have one typo, and two.
const TYPOS_FROM: [usize; 2] = [3, 6];

/// Which names are wanted. Its text is canonical: queries that find the same names, whatever those are, by the same words in
/// the same order have the same.
///
/// ```
/// use cellar_model::name::NameQuery;
///
/// let query: NameQuery = "cafe  MÜLL".parse()?;
/// assert_eq!(query.to_string(), "cafe mull");
/// assert!(query.matches("Müller’s Café") && query.matches("Cafè Muller"));
/// assert!(query.matches("Coffee & Cfae Mueller") && !query.clone().without_typos().matches("Cfae Müller"));
/// assert!(!query.matches("Caféteria Müller"));
/// # Ok::<(), cellar_model::name::NameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NameQuery {
    words: Vec<Automaton>,
    text: String,
}

/// A text that is no query.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// There is nothing to look for.
    #[error("there is no letter and no digit")]
    Empty,
    /// Longer than a query may be.
    #[error("there are {bytes} bytes; there may be {MAX_QUERY_BYTES}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// More words than a query may have.
    #[error("there are {count} words; there may be {MAX_WORDS}")]
    TooManyWords {
        /// How many there are.
        count: usize,
    },
    /// A word that is longer than one may be.
    #[error("a word has {chars} characters without accents and ligatures; it may have {MAX_WORD_CHARS}")]
    LongWord {
        /// How long it is.
        chars: usize,
    },
}

impl NameQuery {
    /// The same query for names without typos.
    #[must_use]
    pub fn without_typos(mut self) -> Self {
        for word in &mut self.words {
            word.typos = 0;
        }
        self
    }

    /// Whether it finds a name.
    pub fn matches(&self, name: &str) -> bool {
        let end = name.char_indices().nth(MAX_NAME_CHARS).map_or(name.len(), |(at, _)| at);
        let name = folded(name.get(..end).unwrap_or(name));
        self.words.iter().all(|word| word.finds(&name))
    }

    /// Whether it finds a place, by the payload that pages keep of it. Of several names one has to be found.
    pub fn finds(&self, payload: &[u8], property: &[String]) -> bool {
        values_of(payload, property).iter().any(|value| self.finds_in(value))
    }

    fn finds_in(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Text(name) => self.matches(name),
            Value::List(members) => members.iter().any(|member| self.finds_in(member)),
            _ => false,
        }
    }
}

impl FromStr for NameQuery {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(NameError::TooLong { bytes: text.len() });
        }
        let text = match folded(text) {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => text,
        };
        let words: Vec<Vec<char>> = text.split(' ').map(|word| word.chars().collect()).collect();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if words.len() > MAX_WORDS {
            return Err(NameError::TooManyWords { count: words.len() });
        }
        if let Some(long) = words.iter().find(|word| word.len() > MAX_WORD_CHARS) {
            return Err(NameError::LongWord { chars: long.len() });
        }
        let last = words.len() - 1;
        let automaton = |(at, word): (usize, &Vec<char>)| {
            let typos = TYPOS_FROM.iter().filter(|from| word.len() >= **from).count();
            Automaton::new(word, typos, at == last)
        };
        Ok(Self { words: words.iter().enumerate().map(automaton).collect(), text })
    }
}

impl fmt::Display for NameQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Finds the places whose name a query finds.
#[derive(Debug)]
pub struct NamedPlaces {
    query: NameQuery,
    also: Option<Arc<dyn PlaceFilter>>,
    property: [String; 1],
}

impl NamedPlaces {
    /// The places with such a name, of those that another filter finds.
    pub fn new(query: NameQuery, also: Option<Arc<dyn PlaceFilter>>) -> Self {
        Self { query, also, property: [NAME.to_owned()] }
    }
}

impl PlaceFilter for NamedPlaces {
    fn allows(&self, place: &PlaceView<'_>) -> bool {
        self.query.finds(place.payload(), &self.property)
            && self.also.as_ref().is_none_or(|also| also.allows(place))
    }

    /// Its own reading of the payload, and as many more as it has words, though these only go through the name.
    fn weight(&self) -> usize {
        1 + self.query.words.len() + self.also.as_ref().map_or(0, |also| also.weight())
    }
}
