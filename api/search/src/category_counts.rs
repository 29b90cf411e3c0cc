//! How many places each category has, as they were counted last: a note in the table.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cellar_model::key::registry;
use cellar_model::{Category, Collection};
use cellar_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

/// The form of the note; a note of another is passed over.
const VERSION: u32 = 1;

/// Bytes of texts and numbers that are kept, at most: an item holds 400 KB. Beyond that, the rarest categories are left out.
const MAX_BYTES: usize = 300_000;

/// Counts of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryCounts {
    /// When counting began, in milliseconds since 1970.
    pub counted_unix_ms: u64,
    /// Places that were counted.
    pub places: u64,
    /// Places by category; one of several categories counts for each.
    pub counts: BTreeMap<Category, u64>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    counted_unix_ms: u64,
    places: u64,
    counts: BTreeMap<String, u64>,
}

impl CategoryCounts {
    /// Keeps the counts in the table, in place of older ones.
    pub async fn write(&self, store: &dyn Store, collection: &Collection) -> Result<(), StoreError> {
        store.put_note(&registry::category_counts_key(collection), Some(&self.to_note())).await
    }

    /// The counts that were kept last; `None` if there are none that this version can read.
    pub async fn read(store: &dyn Store, collection: &Collection) -> Result<Option<Self>, StoreError> {
        let note = store.note(&registry::category_counts_key(collection)).await?;
        Ok(note.as_deref().and_then(Self::from_note))
    }

    fn to_note(&self) -> String {
        let mut by_count: Vec<_> = self.counts.iter().collect();
        by_count.sort_by_key(|(_, count)| Reverse(**count));
        let mut bytes = 0;
        let kept = by_count.into_iter().take_while(|(category, _)| {
            // Escapes at most double a text without control characters.
            bytes += 2 * category.as_str().len() + 24;
            bytes <= MAX_BYTES
        });
        let counts = kept.map(|(category, count)| (category.to_string(), *count)).collect();
        let Self { counted_unix_ms, places, .. } = *self;
        serde_json::to_string(&Note { version: VERSION, counted_unix_ms, places, counts })
            .expect("texts and numbers are JSON")
    }

    fn from_note(text: &str) -> Option<Self> {
        let Note { version, counted_unix_ms, places, counts } = serde_json::from_str(text).ok()?;
        let counts = counts.into_iter().filter_map(|(text, count)| Some((text.parse().ok()?, count)));
        (version == VERSION).then(|| Self { counted_unix_ms, places, counts: counts.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_back_and_fit_an_item() {
        let counts = |count: usize| {
            let name = |i: usize| format!("\"{i:05}{}", "x".repeat(190)).parse().unwrap();
            (0..count).map(|i| (name(i), i as u64)).collect()
        };
        let few = CategoryCounts { counted_unix_ms: 7, places: 9, counts: counts(10) };
        assert_eq!(CategoryCounts::from_note(&few.to_note()), Some(few));
        let many = CategoryCounts { counts: counts(5_000), ..CategoryCounts::default() };
        assert!((100_000..400_000).contains(&many.to_note().len()), "{}", many.to_note().len());
        let kept = CategoryCounts::from_note(&many.to_note()).unwrap();
        assert_eq!(kept.counts.last_key_value(), many.counts.last_key_value(), "the most frequent stay");
        for other in ["", "{}", r#"{"version":2,"counted_unix_ms":1,"places":1,"counts":{}}"#] {
            assert_eq!(CategoryCounts::from_note(other), None, "{other}");
        }
    }
}
