//! Density maps at the edge: the rows of all collections, in a key-value store that the edge's function reads.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::PurgeError;

/// A key-value store at the edge that holds density maps and nothing else.
#[async_trait]
pub trait MapRows: Send + Sync + 'static {
    /// Makes these rows, by key, the ones that it holds: puts what is new or different, and deletes the rest. Returns how
    /// many keys changed. What is half done changes no result, and another call goes on.
    async fn become_these(&self, rows: &BTreeMap<String, String>) -> Result<usize, PurgeError>;
}

/// What of one store has to change so that it holds other rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Keys with their values, the longer keys first: a row that others lead to is there before they do.
    pub puts: Vec<(String, String)>,
    /// Keys, the shorter first.
    pub deletes: Vec<String>,
}

impl Difference {
    /// From what a store holds to what it should hold.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use cellar_purge::maps::Difference;
    ///
    /// let rows = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
    ///     rows.iter().map(|&(key, row)| (key.into(), row.into())).collect()
    /// };
    /// let (held, wanted) = (rows(&[("a:u0", "1"), ("a:u1", "1")]), rows(&[("a:u0", "2"), ("a:u09t", "5")]));
    /// let difference = Difference::between(&held, &wanted);
    /// assert_eq!(difference.puts, [("a:u09t".into(), "5".into()), ("a:u0".into(), "2".into())]);
    /// assert_eq!(difference.deletes, ["a:u1"]);
    /// ```
    pub fn between(held: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Self {
        let new = wanted.iter().filter(|(key, row)| held.get(*key) != Some(row));
        let mut puts: Vec<(String, String)> = new.map(|(key, row)| (key.clone(), row.clone())).collect();
        puts.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
        let mut deletes: Vec<String> =
            held.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        deletes.sort_by_key(String::len);
        Self { puts, deletes }
    }

    /// How many keys change.
    pub fn len(&self) -> usize {
        self.puts.len() + self.deletes.len()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
