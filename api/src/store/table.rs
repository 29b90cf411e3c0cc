//! The table: its names, and how it is created.
//!
//! Invariant: `create` either leaves a table behind that has the right keys and index, ready for use, or says
//! why not. It never changes a table that is there.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription,
    TableStatus,
};
use tokio::time::{Instant, sleep};

use super::failure::classify;
use super::retry::{Bounds, retry};
use super::{SetupError, StoreError};

/// Hash key of the table: `<collection>#<id>`.
pub const KEY: &str = "pk";
/// Name of the index that places are found by.
pub const INDEX: &str = "by_cell";
/// Hash key of the index: `<collection>#<root>`.
pub const ROOT: &str = "root";
/// Range key of the index: `<leaf>#<id>`.
pub const LEAF: &str = "leaf";

/// How long a new table may take until it can be used; AWS needs about ten seconds.
const CREATION_LIMIT: Duration = Duration::from_mins(3);

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Whether a new table has a stream, with old and new images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What invalidation on AWS reads.
    On,
    /// What data directories of earlier versions have.
    Off,
}

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
    let end = Instant::now() + CREATION_LIMIT;
    loop {
        match describe(client, table).await {
            Ok(description) => {
                check(table, &description)?;
                if is_active(&description) {
                    return Ok(created);
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
#[cfg(feature = "cli")]
pub(super) async fn enable_stream(client: &Client, table: &str) -> Result<(), StoreError> {
    let description = describe(client, table).await?;
    if description.stream_specification().is_some_and(StreamSpecification::stream_enabled) {
        return Ok(());
    }
    let request = client.update_table().table_name(table).stream_specification(both_images()?);
    retry(bounds(), || {
        let request = request.clone();
        async move { request.send().await.map_err(|error| classify(table, &error)) }
    })
    .await
    .map(drop)
}

/// A stream that tells what was and what is.
fn both_images() -> Result<StreamSpecification, StoreError> {
    StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .map_err(|error| incomplete(&error))
}

pub(crate) async fn describe(client: &Client, table: &str) -> Result<TableDescription, StoreError> {
    let request = client.describe_table().table_name(table);
    let answer = retry(bounds(), || {
        let request = request.clone();
        async move { request.send().await.map_err(|error| classify(table, &error)) }
    });
    answer.await?.table.ok_or_else(|| StoreError::Failed("DescribeTable answered without a table".to_owned()))
}

/// False if another process was faster.
async fn send_create(client: &Client, table: &str, stream: Stream) -> Result<bool, StoreError> {
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .key_schema(key_element(ROOT, KeyType::Hash)?)
        .key_schema(key_element(LEAF, KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .map_err(|error| incomplete(&error))?;
    let images = (stream == Stream::On).then(both_images).transpose()?;
    let request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(text_attribute(KEY)?)
        .attribute_definitions(text_attribute(ROOT)?)
        .attribute_definitions(text_attribute(LEAF)?)
        .key_schema(key_element(KEY, KeyType::Hash)?)
        .global_secondary_indexes(index)
        .set_stream_specification(images);
    retry(bounds(), || {
        let request = request.clone();
        async move {
            match request.send().await {
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
    let answer = retry(bounds(), || {
        let request = request.clone();
        async move { request.send().await.map_err(|error| classify(table, &error)) }
    });
    answer.await.map(drop)
}

fn bounds() -> Bounds {
    Bounds { deadline: Instant::now() + Duration::from_secs(30), attempt: Duration::from_secs(10) }
}

fn is_active(table: &TableDescription) -> bool {
    let active = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
        index.index_status == Some(IndexStatus::Active)
    };
    table.table_status == Some(TableStatus::Active)
        && table.global_secondary_indexes().iter().filter(|i| i.index_name() == Some(INDEX)).all(active)
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

fn key_element(name: &str, key_type: KeyType) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(key_type)
        .build()
        .map_err(|error| incomplete(&error))
}

fn text_attribute(name: &str) -> Result<AttributeDefinition, StoreError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .map_err(|error| incomplete(&error))
}

fn incomplete(error: &aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Failed(error.to_string())
}
