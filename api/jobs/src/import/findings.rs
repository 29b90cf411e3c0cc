//! What an import found out about its input beside the places: what should be told at its end.
//!
//! Findings are counted anew when an import is resumed, for what was done before is read again.
//! Invariant: memory is bounded whatever the input holds; counts that are no longer exact say so.

use std::collections::HashMap;

use cellar_input::Found;
use cellar_model::{Collection, PlaceId};
use serde::Serialize;

use super::crowds::{Crowded, Crowds};

/// Different categories that are counted one by one.
const MAX_CATEGORIES: usize = 50_000;

/// Categories in the summary.
const TOLD_CATEGORIES: usize = 10;

/// What is told at the end of an import.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Places that a search by category can find.
    pub with_category: u64,
    /// Places without a category.
    pub without_category: u64,
    /// The most frequent categories, with how many places have them.
    pub categories: Vec<(String, u64)>,
    /// Whether there were so many categories that those counts are lower bounds.
    pub categories_at_least: bool,
    /// Places at latitude 0 and longitude 0, which is what many programs write for "unknown".
    pub null_island: u64,
    /// Places whose altitude was not kept.
    pub altitudes: u64,
    /// Ids that are a whole number with `.0` behind it.
    pub float_ids: u64,
    /// Records that are the same as another in all they hold, so that their generated ids got a number.
    pub identical: u64,
    /// Ids that were made.
    pub generated_ids: u64,
    /// Cells that are no numbers in a column of numbers, stored as text, by column.
    pub misfits: Vec<(String, u64)>,
    /// Points with very many places.
    pub crowded: Crowded,
}

/// Counts findings.
#[derive(Default)]
pub(super) struct Tally {
    findings: Findings,
    categories: HashMap<String, u64>,
    crowds: Crowds,
    copies: HashMap<PlaceId, u64>,
    misfits: HashMap<String, u64>,
}

impl Tally {
    /// Counts a place that is stored, by the first record of its id.
    pub(super) fn take(&mut self, collection: Option<&Collection>, found: &Found) {
        let own = found.place.properties.valid_categories();
        if own.is_empty() {
            self.findings.without_category += 1;
        } else {
            self.findings.with_category += 1;
        }
        for category in own {
            self.category(category.as_str().to_owned());
        }
        let (lat, lon) = (found.place.position.lat(), found.place.position.lon());
        self.findings.null_island += u64::from(lat == 0.0 && lon == 0.0);
        self.findings.altitudes += u64::from(found.altitude);
        self.findings.float_ids += u64::from(found.float_id);
        self.findings.generated_ids += u64::from(found.generated);
        if let Some(column) = &found.misfit {
            *self.misfits.entry(column.clone()).or_default() += 1;
        }
        if let Some(collection) = collection {
            self.crowds.add(collection, &found.place);
        }
    }

    fn category(&mut self, category: String) {
        if let Some(count) = self.categories.get_mut(&category) {
            *count += 1;
        } else if self.categories.len() < MAX_CATEGORIES {
            self.categories.insert(category, 1);
        } else {
            self.findings.categories_at_least = true;
        }
    }

    /// The id of a record that equals one before in all it holds: the second of `<id>` is `<id>-2`.
    pub(super) fn copy_of(&mut self, id: &PlaceId) -> PlaceId {
        let copies = self.copies.entry(id.clone()).or_insert(1);
        *copies += 1;
        self.findings.identical += 1;
        format!("{id}-{copies}").parse().unwrap_or_else(|_| id.clone())
    }

    /// All that was counted.
    pub(super) fn finish(&self) -> Findings {
        Findings {
            categories: most(&self.categories, TOLD_CATEGORIES),
            misfits: most(&self.misfits, TOLD_CATEGORIES),
            crowded: self.crowds.found(),
            ..self.findings.clone()
        }
    }
}

fn most(counts: &HashMap<String, u64>, told: usize) -> Vec<(String, u64)> {
    let mut most: Vec<(String, u64)> = counts.iter().map(|(name, &count)| (name.clone(), count)).collect();
    most.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    most.truncate(told);
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_numbered() {
        let (mut tally, id) = (Tally::default(), "a".parse().unwrap());
        assert_eq!([tally.copy_of(&id), tally.copy_of(&id)].map(|id| id.to_string()), ["a-2", "a-3"]);
        assert_eq!(tally.finish().identical, 2);
    }
}
