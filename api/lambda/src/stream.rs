//! A batch of the table's stream: what has changed is forgotten, as the change feed of a server does.
//!
//! Invariant: a record counts as done only when every tier has taken it. What is reported as failed comes again, and so
//! does all that follows it.

use cellar_changes::record::{Image, Meaning, Texts, meaning};
use cellar_changes::{Change, Sink, edge_tags, pages_of};
use serde::{Deserialize, Serialize};

/// A record, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number in its shard.
    pub number: Option<String>,
    /// What it means.
    pub meaning: Meaning,
}

/// What the event source mapping is told: the first record that failed. With `ReportBatchItemFailures` it sends that
/// one and the rest again; an empty number stands for the whole batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchReport {
    /// At most one.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its number.
    pub item_identifier: String,
}

#[derive(Deserialize)]
struct Written {
    dynamodb: Option<WrittenRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenRecord {
    sequence_number: Option<String>,
    keys: Option<Keys>,
    old_image: Option<Attributes>,
    new_image: Option<Attributes>,
}

/// The attributes that say where an item is found; their names are those of [`cellar_store::table`].
#[derive(Deserialize)]
struct Attributes {
    root: Option<Text>,
    leaf: Option<Text>,
    category: Option<Text>,
    category_2: Option<Text>,
    category_3: Option<Text>,
    category_4: Option<Text>,
}

#[derive(Deserialize)]
struct Keys {
    pk: Option<Text>,
}

/// An attribute that is a text, or another kind of attribute.
#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: Option<String>,
}

impl Record {
    /// Reads a record. One that cannot be read may have changed anything.
    pub fn parse(json: &str) -> Self {
        let written = serde_json::from_str::<Written>(json).ok().and_then(|written| written.dynamodb);
        let Some(record) = written else {
            return Self { number: None, meaning: Meaning::Unknown("a record cannot be read".to_owned()) };
        };
        let meaning = meaning(Texts {
            key: record.keys.as_ref().and_then(|keys| text(keys.pk.as_ref())),
            old: record.old_image.as_ref().map(image),
            new: record.new_image.as_ref().map(image),
        });
        Self { number: record.sequence_number, meaning }
    }
}

fn text(attribute: Option<&Text>) -> Option<&str> {
    attribute?.text.as_deref()
}

fn image(attributes: &Attributes) -> Image<'_> {
    let Attributes { root, leaf, category, category_2, category_3, category_4 } = attributes;
    Image {
        root: text(root.as_ref()),
        leaf: text(leaf.as_ref()),
        categories: [category, category_2, category_3, category_4].map(|category| text(category.as_ref())),
    }
}

/// Hands a batch over. All of it at once: the pages of one root are removed in one step, and Redis is asked once.
pub(super) async fn hand_over(records: &[Record], sink: &dyn Sink) -> BatchReport {
    let changes: Vec<Change> = records.iter().filter_map(|record| change(record, sink)).collect();
    let mut pages = pages_of(&changes);
    for record in records {
        if let Meaning::Roots(listings) = &record.meaning {
            pages.extend(listings.iter().cloned());
        }
    }
    if pages.is_empty() {
        return BatchReport::default();
    }
    match sink.invalidate(&pages, &edge_tags(&changes)).await {
        Ok(()) => BatchReport::default(),
        Err(error) => {
            tracing::error!(%error, records = records.len(), "the changes of a batch were not taken");
            BatchReport::all(records)
        }
    }
}

fn change(record: &Record, sink: &dyn Sink) -> Option<Change> {
    match &record.meaning {
        Meaning::Place(change) => Some(change.clone()),
        Meaning::Roots(_) | Meaning::Other => None,
        Meaning::Damaged(change, reason) => {
            tracing::warn!(%reason, "a damaged record");
            Some(change.clone())
        }
        Meaning::Unknown(reason) => {
            tracing::warn!(%reason, "a record that says nothing");
            sink.invalidate_everything();
            None
        }
    }
}

impl BatchReport {
    /// That none of a batch is done.
    pub(super) fn all(records: &[Record]) -> Self {
        let number = records.first().and_then(|record| record.number.clone()).unwrap_or_default();
        Self { batch_item_failures: vec![BatchItemFailure { item_identifier: number }] }
    }
}

#[cfg(test)]
mod tests {
    use cellar_store::table;

    use super::*;

    #[test]
    fn attributes_have_the_names_of_the_table() {
        assert_eq!((table::KEY, table::ROOT, table::LEAF), ("pk", "root", "leaf"));
        let categories = ["category", "category_2", "category_3", "category_4"];
        assert_eq!(table::CATEGORY_INDEXES.map(|(_, attribute)| attribute), categories);
    }

    #[test]
    fn what_cannot_be_read_may_have_changed_anything() {
        for json in ["{}", "[]", r#"{"dynamodb":7}"#, r#"{"dynamodb":{"Keys":{"pk":{"N":"1"}}}}"#] {
            assert!(matches!(Record::parse(json).meaning, Meaning::Unknown(_)), "{json}");
        }
    }

    #[test]
    fn a_batch_without_numbers_fails_as_a_whole() {
        let report = serde_json::to_string(&BatchReport::all(&[])).unwrap();
        assert_eq!(report, r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#);
        assert_eq!(serde_json::to_string(&BatchReport::default()).unwrap(), r#"{"batchItemFailures":[]}"#);
    }
}
