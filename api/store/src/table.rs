//! The table: how it is created and checked.
//!
//! Invariant: `create` either leaves a table behind that has the right keys and indexes, ready for use, or says
//! why not. Of a table that is there it changes nothing but that it adds indexes by category that are missing.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
#[cfg(feature = "embedded")]
use aws_sdk_dynamodb::types::StreamSpecification;
use aws_sdk_dynamodb::types::{
    IndexStatus, KeySchemaElement, ProjectionType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveSpecification,
};
use tokio::time::{Instant, sleep};

use super::failure::classify;
use super::retry::{Bounds, RetryBudget, retry};
#[cfg(feature = "embedded")]
use super::schema::both_images;
use super::schema::{added_index, definition};
use super::{SetupError, StoreError};

pub use super::schema::{
    Attribute, CATEGORY_INDEXES, EXPIRES, INDEX, Index, KEY, KeyPart, LEAF, ROOT, Schema, Stream,
};

/// How long a new table may take until it can be used; AWS needs about ten seconds.
const CREATION_LIMIT: Duration = Duration::from_mins(3);

/// How long filling a new index of a table with items may take; AWS takes minutes for millions of them.
const INDEX_LIMIT: Duration = Duration::from_hours(1);

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What `create` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The table is new.
    New,
    /// It was there already.
    Existed,
}

/// Creates the table unless it is there, checks it if it is, and waits until it and its index can be used.
pub(super) async fn create(client: &Client, table: &str, stream: Stream) -> Result<Created, SetupError> {
    let mut created = Created::Existed;
    let mut end = Instant::now() + CREATION_LIMIT;
    loop {
        match describe(client, table).await {
            Ok(description) => {
                check(table, &description)?;
                if is_active(&description) {
                    let Some((index, attribute)) = missing_index(&description) else {
                        if created == Created::New {
                            expire(client, table).await?;
                        }
                        return Ok(created);
                    };
                    // DynamoDB adds one at a time, and fills it from the items that are there.
                    add_index(client, table, index, attribute).await?;
                    end = Instant::now() + INDEX_LIMIT;
                    continue;
                }
            }
            Err(StoreError::NoTable { .. }) => {
                if send_create(client, table, stream).await? {
                    created = Created::New;
                    continue;
                }
            }
            Err(error) => return Err(error.into()),
        }
        if Instant::now() >= end {
            return Err(SetupError::NotReady { table: table.to_owned() });
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Gives a table that was made without a stream one.
#[cfg(feature = "embedded")]
pub(super) async fn enable_stream(client: &Client, table: &str) -> Result<(), StoreError> {
    let description = describe(client, table).await?;
    if description.stream_specification().is_some_and(StreamSpecification::stream_enabled) {
        return Ok(());
    }
    let images = both_images().map_err(|error| incomplete(&error))?;
    let request = client.update_table().table_name(table).stream_specification(images);
    let budget = RetryBudget::default();
    retry(bounds(), &budget, || {
        let request = request.clone();
        async move { request.send().await.map_err(|error| classify(table, &error)) }
    })
    .await
    .map(drop)
}

/// Lets items end that say when.
pub(super) async fn expire(client: &Client, table: &str) -> Result<(), StoreError> {
    let by = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build();
    let by = by.map_err(|error| incomplete(&error))?;
    let request = client.update_time_to_live().table_name(table).time_to_live_specification(by);
    let budget = RetryBudget::default();
    retry(bounds(), &budget, || {
        let request = request.clone();
        async move { request.send().await.map_err(|error| classify(table, &error)) }
    })
    .await
    .map(drop)
}

/// What DynamoDB says of a table.
pub async fn describe(client: &Client, table: &str) -> Result<TableDescription, StoreError> {
    let request = client.describe_table().table_name(table);
    let budget = RetryBudget::default();
    let answer = retry(bounds(), &budget, || {
        let request = request.clone();
        async move { request.send().await.map_err(|error| classify(table, &error)) }
    });
    answer.await?.table.ok_or_else(|| StoreError::Failed("DescribeTable answered without a table".to_owned()))
}

/// False if another process was faster.
async fn send_create(client: &Client, table: &str, stream: Stream) -> Result<bool, StoreError> {
    let request = definition(stream).map_err(|error| incomplete(&error))?.table_name(table);
    let budget = RetryBudget::default();
    retry(bounds(), &budget, || {
        let request = request.clone();
        async move {
            match request.send_with(client).await {
                Ok(_) => Ok(true),
                Err(SdkError::ServiceError(e)) if e.err().is_resource_in_use_exception() => Ok(false),
                Err(error) => Err(classify(table, &error)),
            }
        }
    })
    .await
}

/// Removes the table and everything in it.
pub(super) async fn delete(client: &Client, table: &str) -> Result<(), StoreError> {
    let request = client.delete_table().table_name(table);
    let budget = RetryBudget::default();
    let answer = retry(bounds(), &budget, || {
        let request = request.clone();
        async move { request.send().await.map_err(|error| classify(table, &error)) }
    });
    answer.await.map(drop)
}

fn bounds() -> Bounds {
    Bounds {
        deadline: Instant::now() + Duration::from_secs(30),
        attempt: Duration::from_secs(10),
        renewal: None,
    }
}

fn is_active(table: &TableDescription) -> bool {
    let active = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
        index.index_status == Some(IndexStatus::Active)
    };
    table.table_status == Some(TableStatus::Active) && table.global_secondary_indexes().iter().all(active)
}

/// The first index by category that a table lacks, with its hash key.
fn missing_index(table: &TableDescription) -> Option<(&'static str, &'static str)> {
    let has = |name: &str| table.global_secondary_indexes().iter().any(|i| i.index_name() == Some(name));
    CATEGORY_INDEXES.into_iter().find(|(name, _)| !has(name))
}

/// Whether all indexes by category can be read.
pub fn has_category_indexes(table: &TableDescription) -> bool {
    missing_index(table).is_none() && is_active(table)
}

async fn add_index(client: &Client, table: &str, index: &str, attribute: &str) -> Result<(), StoreError> {
    let request = added_index(index, attribute).map_err(|error| incomplete(&error))?.table_name(table);
    let budget = RetryBudget::default();
    retry(bounds(), &budget, || {
        let request = request.clone();
        async move {
            match request.send_with(client).await {
                // Another process was faster.
                Err(SdkError::ServiceError(e)) if e.err().is_resource_in_use_exception() => Ok(()),
                Err(error) => Err(classify(table, &error)),
                Ok(_) => Ok(()),
            }
        }
    })
    .await
}

fn check(name: &str, table: &TableDescription) -> Result<(), SetupError> {
    let foreign = |reason: String| SetupError::ForeignTable { table: name.to_owned(), reason };
    let keys = |schema: &[KeySchemaElement]| {
        schema.iter().map(|key| format!("{} {}", key.attribute_name(), key.key_type())).collect::<Vec<_>>()
    };
    let found = keys(table.key_schema());
    if found != [format!("{KEY} HASH")] {
        return Err(foreign(format!("its key is {}, not {KEY} HASH", found.join(", "))));
    }
    let Some(index) = table.global_secondary_indexes().iter().find(|i| i.index_name() == Some(INDEX)) else {
        return Err(foreign(format!("it has no index `{INDEX}`")));
    };
    let found = keys(index.key_schema());
    if found != [format!("{ROOT} HASH"), format!("{LEAF} RANGE")] {
        return Err(foreign(format!(
            "the key of its index `{INDEX}` is {}, not {ROOT} HASH, {LEAF} RANGE",
            found.join(", ")
        )));
    }
    if index.projection().and_then(|p| p.projection_type()) != Some(&ProjectionType::All) {
        return Err(foreign(format!("its index `{INDEX}` does not project all attributes")));
    }
    let text = |name| {
        let mut attributes = table.attribute_definitions().iter();
        attributes.any(|a| a.attribute_name() == name && *a.attribute_type() == ScalarAttributeType::S)
    };
    match [KEY, ROOT, LEAF].into_iter().find(|&name| !text(name)) {
        Some(name) => Err(foreign(format!("its key attribute `{name}` is not a text"))),
        None => Ok(()),
    }
}

fn incomplete(error: &aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Failed(error.to_string())
}
