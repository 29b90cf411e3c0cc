//! What keeps a table in order: compare and swap, the state of deletions, and removing many items.
//!
//! Invariant: of several writers that swap the same item, each from what it has seen, one wins. A request whose answer
//! was lost is repeated, and recognizes its own work by a text that no other writes.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use cellar_model::key::{self, registry};
use cellar_model::{Collection, Placement};

use super::conditional::Attempt;
use super::deletion::{Deletion, Record};
use super::item::{self, Item};
use super::retry::retry;
use super::{DynamoStore, ScanPosition, StoreError, table};

/// A note that lasts for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassingNote {
    /// What it says. If several write it, it has to hold something that none of the others has.
    pub text: String,
    /// When it ends, in seconds since 1970.
    pub expires_unix_s: u64,
}

/// What came of swapping a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It is swapped.
    Done,
    /// Something else is there, or nothing.
    Found(Option<String>),
}

/// What a part of a sweep found.
#[derive(Clone, Debug, Default)]
pub struct SweepPart {
    /// Base keys of all items that belong to the collection, its own excepted.
    pub keys: Vec<String>,
    /// Where those of them that are places are.
    pub places: Vec<Placement>,
    /// Where to go on; `None` at the end.
    pub next: Option<ScanPosition>,
}

/// The part of a store that few need.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Replaces a note by another, or removes it, if it is as expected: a text, or nothing that has not expired by now.
    async fn swap_note(
        &self,
        key: &str,
        from: Option<&str>,
        to: Option<&PassingNote>,
        now_unix_s: u64,
    ) -> Result<Swapped, StoreError>;

    /// Marks a collection for deletion, if it exists and is not marked yet; its deletion, if it exists.
    async fn begin_deletion(
        &self,
        collection: &Collection,
        now_unix_ms: u64,
    ) -> Result<Option<Deletion>, StoreError>;

    /// The deletion of a collection, if there is one.
    async fn deletion(&self, collection: &Collection) -> Result<Option<Deletion>, StoreError>;

    /// All deletions, by name of the collection.
    async fn deletions(&self) -> Result<Vec<Deletion>, StoreError>;

    /// Changes the record of a deletion, or removes it with the collection, if it is still as it was; whether it was.
    async fn move_deletion(&self, from: &Deletion, to: Option<&Deletion>) -> Result<bool, StoreError>;

    /// Part of a scan for everything that belongs to a collection. It sees all that was written before it began.
    async fn sweep(
        &self,
        collection: &Collection,
        from: Option<ScanPosition>,
    ) -> Result<SweepPart, StoreError>;

    /// Removes items by their base keys, which differ. On an error some may be removed.
    async fn remove(&self, keys: &[String]) -> Result<(), StoreError>;
}

#[async_trait]
impl Maintenance for DynamoStore {
    async fn swap_note(
        &self,
        key: &str,
        from: Option<&str>,
        to: Option<&PassingNote>,
        now_unix_s: u64,
    ) -> Result<Swapped, StoreError> {
        let (condition, value) = match from {
            Some(text) => ("#note = :expected", AttributeValue::S(text.to_owned())),
            None => (
                "attribute_not_exists(#key) OR #expires <= :expected",
                AttributeValue::N(now_unix_s.to_string()),
            ),
        };
        let names: &[(&str, &str)] = match from {
            Some(_) => &[("#note", item::NOTE)],
            None => &[("#key", table::KEY), ("#expires", table::EXPIRES)],
        };
        let condition = Condition { expression: condition, names, value };
        let put = match to {
            Some(note) => {
                let item = item::from_passing_note(key, &note.text, note.expires_unix_s)?;
                self.put_on(item, &condition).await?
            }
            None => self.delete_on(key, &condition).await?,
        };
        self.settle().await?;
        let Attempt::Refused(found) = put else { return Ok(Swapped::Done) };
        let found = found.map(item::to_note).transpose()?;
        // Nobody else writes this text: an attempt whose answer was lost has.
        let ours = found.as_deref() == to.map(|note| note.text.as_str());
        Ok(if ours { Swapped::Done } else { Swapped::Found(found) })
    }

    async fn begin_deletion(
        &self,
        collection: &Collection,
        now_unix_ms: u64,
    ) -> Result<Option<Deletion>, StoreError> {
        let key = registry::base_key(collection);
        loop {
            let Some(found) = self.get_item(&key, true).await? else { return Ok(None) };
            if let Some(deletion) = item::to_deletion(found.clone())? {
                return Ok(Some(deletion));
            }
            let title = item::to_collection(found)?.title;
            let record = Record::new(now_unix_ms);
            let deletion = Deletion { collection: collection.clone(), title, record };
            let request = self
                .put_request(item::from_deletion(&deletion)?)
                .condition_expression("attribute_exists(#key) AND attribute_not_exists(#deletion)")
                .expression_attribute_names("#key", table::KEY)
                .expression_attribute_names("#deletion", item::DELETION);
            let put = self.attempt_put(request, self.interactive.bounds()).await?;
            self.settle().await?;
            if matches!(put, Attempt::Done(_)) {
                return Ok(Some(deletion));
            }
        }
    }

    async fn deletion(&self, collection: &Collection) -> Result<Option<Deletion>, StoreError> {
        let found = self.get_item(&registry::base_key(collection), true).await?;
        found.map(item::to_deletion).transpose().map(Option::flatten)
    }

    async fn deletions(&self) -> Result<Vec<Deletion>, StoreError> {
        let items = self.query_registry().await?;
        items.into_iter().filter_map(|item| item::to_deletion(item).transpose()).collect()
    }

    async fn move_deletion(&self, from: &Deletion, to: Option<&Deletion>) -> Result<bool, StoreError> {
        let value = AttributeValue::S(item::deletion_text(from)?);
        let names: &[(&str, &str)] = &[("#deletion", item::DELETION)];
        let condition = Condition { expression: "#deletion = :expected", names, value };
        let put = match to {
            Some(to) => self.put_on(item::from_deletion(to)?, &condition).await?,
            None => self.delete_on(&registry::base_key(&from.collection), &condition).await?,
        };
        self.settle().await?;
        let Attempt::Refused(found) = put else { return Ok(true) };
        let found = found.map(item::to_deletion).transpose()?.flatten();
        Ok(found.as_ref() == to)
    }

    async fn sweep(
        &self,
        collection: &Collection,
        from: Option<ScanPosition>,
    ) -> Result<SweepPart, StoreError> {
        let [imports, answers, categories] = registry::note_prefixes(collection);
        let text = AttributeValue::S;
        let request = self
            .client
            .scan()
            .table_name(&*self.table)
            .consistent_read(true)
            .filter_expression(
                "begins_with(#key, :places) OR begins_with(#key, :imports) OR begins_with(#key, :answers) \
                 OR begins_with(#key, :categories) OR #key = :map OR #key = :counts",
            )
            .projection_expression("#key, #leaf, #c0, #c1, #c2, #c3")
            .expression_attribute_names("#key", table::KEY)
            .expression_attribute_names("#leaf", table::LEAF)
            .expression_attribute_values(":places", text(key::base_prefix(collection)))
            .expression_attribute_values(":imports", text(imports))
            .expression_attribute_values(":answers", text(answers))
            .expression_attribute_values(":categories", text(categories))
            .expression_attribute_values(":map", text(registry::edge_map_key(collection)))
            .expression_attribute_values(":counts", text(registry::category_counts_key(collection)))
            .set_exclusive_start_key(from.map(|ScanPosition(key)| item::key(key)));
        let request = table::CATEGORY_INDEXES.iter().enumerate().fold(request, |request, (at, (_, name))| {
            request.expression_attribute_names(format!("#c{at}"), *name)
        });
        let answer = retry(self.bulk.bounds(), &self.budget, || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        let answer = answer.await?;
        let mut part = SweepPart::default();
        for mut found in answer.items.unwrap_or_default() {
            part.places.extend(item::previous(Some(&found)).placement());
            part.keys.push(item::key_of(&mut found));
        }
        part.next = answer.last_evaluated_key.map(|mut key: Item| ScanPosition(item::key_of(&mut key)));
        Ok(part)
    }

    async fn remove(&self, keys: &[String]) -> Result<(), StoreError> {
        let requests = keys.iter().map(|key| {
            let delete = DeleteRequest::builder().set_key(Some(item::key(key.clone()))).build();
            let delete = delete.map_err(|error| StoreError::Failed(error.to_string()))?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        });
        self.write_requests(requests.collect::<Result<Vec<_>, StoreError>>()?).await?;
        self.settle().await
    }
}

/// A condition that compares one thing.
struct Condition<'a> {
    expression: &'a str,
    names: &'a [(&'a str, &'a str)],
    /// Of `:expected`.
    value: AttributeValue,
}

impl Condition<'_> {
    fn names(&self) -> std::collections::HashMap<String, String> {
        self.names.iter().map(|&(short, name)| (short.to_owned(), name.to_owned())).collect()
    }
}

impl DynamoStore {
    fn put_request(&self, item: Item) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&*self.table).set_item(Some(item))
    }

    async fn put_on(&self, item: Item, condition: &Condition<'_>) -> Result<Attempt, StoreError> {
        let request = self
            .put_request(item)
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names()))
            .expression_attribute_values(":expected", condition.value.clone());
        self.attempt_put(request, self.interactive.bounds()).await
    }

    async fn delete_on(&self, key: &str, condition: &Condition<'_>) -> Result<Attempt, StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(key.to_owned())))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names()))
            .expression_attribute_values(":expected", condition.value.clone());
        Ok(self.attempt_delete(request, self.interactive.bounds()).await?.0)
    }
}
