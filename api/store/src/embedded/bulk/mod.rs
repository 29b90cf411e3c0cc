//! Batches of puts, written by statements of our own.
//!
//! For each item of a batch the engine has SQLite parse two statements anew, looks in every index for rows to remove, and
//! writes its JSON several times over: most of what an import takes. A connection of our own writes the same rows with
//! prepared statements, and removes from indexes only what was there.
//!
//! Invariants: after a batch the database has the rows that the engine would have written, in one transaction; what is not
//! as plain as the store's own tables and items is left to the engine. Whoever else writes holds `Bulk::pause`.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue as StoreValue;
use dynoxide::Database;
use dynoxide::storage::{TableMetadata, compute_hash_prefix};
use dynoxide::streams::shard_id;
use dynoxide::types::{
    AttributeDefinition, AttributeValue, GlobalSecondaryIndex, Item, KeySchemaElement, KeyType,
    MAX_ITEM_SIZE, ProjectionType, ScalarAttributeType, item_size,
};
use dynoxide::validation::validate_item_attribute_values;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::refusal::Refusal;
use crate::item::Item as StoreItem;

/// Statements that are kept: two of the stream, and of each table two and two for each of its indexes. Five tables have room.
const STATEMENTS: usize = 64;

/// Its pages in memory, in KiB; the engine's own connection has as many again.
const SET_UP: &str = "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32000;";

/// Bytes of a partition key and of a sort key, at most, as in DynamoDB. Longer ones the engine refuses in its own words.
const MAX_HASH_BYTES: usize = 2_048;
const MAX_RANGE_BYTES: usize = 1_024;

const LAST_NUMBER: &str = "
    SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) FROM _stream_records WHERE table_name = ?1";

const RECORD: &str = "
    INSERT INTO _stream_records (table_name, event_name, keys_json, new_image, old_image, sequence_number,
        shard_id, created_at, user_identity, event_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, ?9)";

/// Who writes batches into a database, for as long as it is open.
#[derive(Clone)]
pub(crate) struct Bulk(Arc<Mutex<Option<BulkWriter>>>);

impl std::fmt::Debug for Bulk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bulk").finish_non_exhaustive()
    }
}

impl Bulk {
    /// On a database that the engine has opened, by its name.
    pub(super) fn open(database: &Database, name: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(name)?;
        connection.execute_batch(SET_UP)?;
        // Writers of the process take turns (`pause`), and no other process has the database: there is nobody to wait for.
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let writer = BulkWriter { connection, database: database.clone() };
        Ok(Self(Arc::new(Mutex::new(Some(writer)))))
    }

    /// Puts items into a table, all or none; false, and nothing is done, if the table or one of them is not plain, or if the
    /// database is closed.
    pub(super) fn put(&self, table: &str, items: &[Encoded]) -> Result<bool, Refusal> {
        match &mut *self.0.lock() {
            Some(writer) => writer.put(table, items),
            None => Ok(false),
        }
    }

    /// Puts items as the store has them, without a request; false, and nothing is done, also if the database refuses: whoever
    /// then asks the engine is told why.
    pub(crate) async fn takes(&self, table: &Arc<str>, items: &[StoreItem]) -> bool {
        let items: Option<Vec<Item>> = items.iter().map(item).collect();
        let (bulk, table) = (self.clone(), Arc::clone(table));
        let put = move || {
            let items: Vec<Encoded> = items?.into_iter().map(Encoded::new).collect();
            bulk.put(&table, &items).ok()
        };
        matches!(tokio::task::spawn_blocking(put).await, Ok(Some(true)))
    }

    /// While this is held no batch is written. Every other writer holds it: who waits for SQLite's lock while batches follow each
    /// other waits until they end, since SQLite has no queue.
    pub(super) fn pause(&self) -> impl Drop + '_ {
        self.0.lock()
    }

    /// Lets go of the database, once the batch that is being written is done.
    pub(super) fn close(&self) {
        drop(self.0.lock().take());
    }
}

/// The engine's form of an item; none if it has anything but texts and numbers.
fn item(of: &StoreItem) -> Option<Item> {
    let value = |(name, value): (&String, &StoreValue)| {
        let value = match value {
            StoreValue::S(text) => AttributeValue::S(text.clone()),
            StoreValue::N(number) => AttributeValue::N(number.clone()),
            _ => return None,
        };
        Some((name.clone(), value))
    };
    of.iter().map(value).collect()
}

/// A connection to the engine's database that puts items.
struct BulkWriter {
    connection: Connection,
    /// Of which it asks what its tables are like.
    database: Database,
}

/// An item, and its JSON; none if the engine has to look at it.
pub(super) struct Encoded {
    item: Item,
    json: Option<String>,
}

impl Encoded {
    pub(super) fn new(item: Item) -> Self {
        let is_scalar = |value| matches!(value, &AttributeValue::S(_) | &AttributeValue::N(_));
        let plain = item.values().all(is_scalar)
            && item_size(&item) <= MAX_ITEM_SIZE
            && validate_item_attribute_values(&item).is_ok();
        let json = serde_json::to_string(&item).ok().filter(|_| plain);
        Self { item, json }
    }

    pub(super) fn into_item(self) -> Item {
        self.item
    }
}

impl BulkWriter {
    fn put(&mut self, table: &str, items: &[Encoded]) -> Result<bool, Refusal> {
        let Some(table) = self.database.get_table_metadata(table)? else { return Ok(false) };
        let Some(layout) = Layout::of(&table) else { return Ok(false) };
        let rows: Option<Vec<Row<'_>>> = items.iter().map(|item| layout.row(item)).collect();
        let Some(rows) = rows else { return Ok(false) };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        layout.write(&transaction, &rows)?;
        transaction.commit()?;
        Ok(true)
    }
}

/// A table whose keys are texts: one attribute for the table, two for each index, which holds whole items.
struct Layout<'a> {
    name: &'a str,
    key: String,
    indexes: Vec<IndexLayout>,
    has_stream: bool,
    select: String,
    insert: String,
}

struct IndexLayout {
    hash: String,
    range: String,
    insert: String,
    delete: String,
}

/// What is written of an item.
struct Row<'a> {
    item: &'a Item,
    key: &'a AttributeValue,
    key_text: String,
    json: &'a str,
}

impl<'a> Layout<'a> {
    fn of(table: &'a TableMetadata) -> Option<Self> {
        let attributes: Vec<AttributeDefinition> = read(&table.attribute_definitions)?;
        let is_text = |attribute: &AttributeDefinition| attribute.attribute_type == ScalarAttributeType::S;
        let is_bare = |definitions: Option<&String>| definitions.is_none_or(|json| json == "[]");
        let images = table.stream_view_type.as_deref().unwrap_or("NEW_AND_OLD_IMAGES");
        let plain = attributes.iter().all(is_text)
            && is_bare(table.lsi_definitions.as_ref())
            && is_bare(table.vector_index_definitions.as_ref())
            && (!table.stream_enabled || images == "NEW_AND_OLD_IMAGES");
        let (key, None) = keys(&read::<Vec<_>>(&table.key_schema)?)? else { return None };
        let indexes: Vec<GlobalSecondaryIndex> =
            table.gsi_definitions.as_ref().map_or_else(|| Some(Vec::new()), |json| read(json))?;
        let indexes = indexes.iter().map(|index| IndexLayout::of(&table.table_name, index));
        let quoted = quoted(&table.table_name);
        Some(Self {
            name: &table.table_name,
            key,
            indexes: indexes.collect::<Option<_>>()?,
            has_stream: table.stream_enabled,
            select: format!("SELECT item_json FROM {quoted} WHERE pk = ?1 AND sk = ''"),
            insert: format!(
                "INSERT OR REPLACE INTO {quoted} (pk, sk, item_json, item_size, cached_at, hash_prefix)
                 VALUES (?1, '', ?2, ?3, NULL, ?4)"
            ),
        })
        .filter(|_| plain)
    }

    /// None if the engine has to look at the item.
    fn row<'i>(&self, encoded: &'i Encoded) -> Option<Row<'i>> {
        let (item, json) = (&encoded.item, encoded.json.as_deref()?);
        let fits = |index: &IndexLayout| {
            let most = [(&index.hash, MAX_HASH_BYTES), (&index.range, MAX_RANGE_BYTES)];
            most.iter().all(|(name, most)| item.get(*name).is_none_or(|value| is_key(value, *most)))
        };
        let key = item.get(&self.key).filter(|key| is_key(key, MAX_HASH_BYTES))?;
        let key_text = key.to_key_string().filter(|_| self.indexes.iter().all(fits))?;
        Some(Row { item, key, key_text, json })
    }

    fn write(&self, transaction: &Transaction<'_>, rows: &[Row<'_>]) -> Result<(), Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut number = 0;
        if self.has_stream {
            // As the engine counts: on from the last one, and never behind the clock.
            let last: i64 =
                transaction.prepare_cached(LAST_NUMBER)?.query_row([self.name], |row| row.get(0))?;
            number = (last + 1).max(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
        }
        for row in rows {
            let mut select = transaction.prepare_cached(&self.select)?;
            let old: Option<String> = select.query_row([&row.key_text], |row| row.get(0)).optional()?;
            self.index(transaction, row, old.is_some())?;
            let size = i64::try_from(item_size(row.item)).unwrap_or(i64::MAX);
            transaction.prepare_cached(&self.insert)?.execute(params![
                row.key_text,
                row.json,
                size,
                compute_hash_prefix(row.key)
            ])?;
            if self.has_stream {
                self.record(transaction, row, old.as_deref(), number, now.as_secs().cast_signed())?;
                number += 1;
            }
        }
        Ok(())
    }

    fn index(&self, transaction: &Transaction<'_>, row: &Row<'_>, replaces: bool) -> Result<(), Refusal> {
        for index in &self.indexes {
            if replaces {
                transaction.prepare_cached(&index.delete)?.execute([&row.key_text])?;
            }
            let text = |name: &String| row.item.get(name).and_then(AttributeValue::to_key_string);
            if let Some((hash, range)) = text(&index.hash).zip(text(&index.range)) {
                let mut insert = transaction.prepare_cached(&index.insert)?;
                insert.execute(params![hash, range, row.key_text, row.json])?;
            }
        }
        Ok(())
    }

    fn record(
        &self,
        transaction: &Transaction<'_>,
        row: &Row<'_>,
        old: Option<&str>,
        number: i64,
        unix_s: i64,
    ) -> Result<(), Refusal> {
        let keys = json!({ &self.key: row.key }).to_string();
        let event = if old.is_some() { "MODIFY" } else { "INSERT" };
        let id = format!("{:032x}", fastrand::u128(..));
        transaction.prepare_cached(RECORD)?.execute(params![
            self.name,
            event,
            keys,
            row.json,
            old,
            number.to_string(),
            shard_id(self.name),
            unix_s,
            id
        ])?;
        Ok(())
    }
}

impl IndexLayout {
    fn of(table: &str, index: &GlobalSecondaryIndex) -> Option<Self> {
        let (hash, range) = keys(&index.key_schema)?;
        let quoted = quoted(&format!("{table}::gsi::{}", index.index_name));
        let range = range.filter(|_| index.projection.projection_type == Some(ProjectionType::ALL))?;
        Some(Self {
            hash,
            range,
            insert: format!(
                "INSERT OR REPLACE INTO {quoted} (gsi_pk, gsi_sk, table_pk, table_sk, item_json)
                 VALUES (?1, ?2, ?3, '', ?4)"
            ),
            delete: format!("DELETE FROM {quoted} WHERE table_pk = ?1 AND table_sk = ''"),
        })
    }
}

/// The attribute of the partition key, and that of the sort key if there is one.
fn keys(schema: &[KeySchemaElement]) -> Option<(String, Option<String>)> {
    match schema {
        [hash] if hash.key_type == KeyType::HASH => Some((hash.attribute_name.clone(), None)),
        [hash, range] if (&hash.key_type, &range.key_type) == (&KeyType::HASH, &KeyType::RANGE) => {
            Some((hash.attribute_name.clone(), Some(range.attribute_name.clone())))
        }
        _ => None,
    }
}

fn is_key(value: &AttributeValue, most: usize) -> bool {
    matches!(value, AttributeValue::S(text) if (1..=most).contains(&text.len()))
}

fn read<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
