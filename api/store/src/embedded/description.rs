//! What the engine says of a table, without the counts of items.
//!
//! The engine itself counts the items of the table and of each index for every description, by reading all of them. Every
//! process asks for a description when it opens the store: of some million places that takes minutes. DynamoDB's own
//! counts are hours old, so nobody may rely on them.

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::storage::TableMetadata;
use dynoxide::streams::{stream_arn, table_arn};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use super::refusal::Refusal;

pub(super) fn describe(database: &Database, request: DescribeTableRequest) -> Result<Value, Refusal> {
    match database.get_table_metadata(&request.table_name)? {
        Some(table) => Ok(json!({ "Table": description(&table)? })),
        // The engine has the words for that.
        None => written(serde_json::to_value(database.describe_table(request)?)),
    }
}

fn description(table: &TableMetadata) -> Result<Value, Refusal> {
    let mut indexes = match &table.gsi_definitions {
        Some(definitions) => written(serde_json::from_str(definitions))?,
        None => json!([]),
    };
    for index in indexes.as_array_mut().into_iter().flatten() {
        index["IndexStatus"] = "ACTIVE".into();
    }
    let mut description = json!({
        "TableName": table.table_name,
        "TableArn": table_arn(&table.table_name),
        "TableStatus": table.table_status,
        "CreationDateTime": table.created_at,
        "KeySchema": written(serde_json::from_str::<Value>(&table.key_schema))?,
        "AttributeDefinitions": written(serde_json::from_str::<Value>(&table.attribute_definitions))?,
        "GlobalSecondaryIndexes": indexes,
    });
    if let Some(label) = table.stream_label.as_ref().filter(|_| table.stream_enabled) {
        description["StreamSpecification"] =
            json!({ "StreamEnabled": true, "StreamViewType": table.stream_view_type });
        description["LatestStreamArn"] = stream_arn(&table.table_name, label).into();
        description["LatestStreamLabel"] = label.as_str().into();
    }
    Ok(description)
}

fn written<T>(json: serde_json::Result<T>) -> Result<T, Refusal> {
    json.map_err(|error| DynoxideError::InternalServerError(error.to_string()).into())
}

#[cfg(test)]
mod tests {
    use crate::{Embedded, StoreConfig, StoreError, table};

    #[tokio::test]
    async fn a_table_is_described_without_a_count() {
        let engine = Embedded::memory().await.unwrap();
        let store = engine.store(&StoreConfig::default()).await.unwrap();
        let described = table::describe(store.client(), store.table()).await.unwrap();
        assert_eq!(described.item_count(), None);
        assert!(table::has_category_indexes(&described));
        let indexes = described.global_secondary_indexes();
        assert!(indexes.iter().all(|index| index.item_count().is_none() && !index.key_schema().is_empty()));
        assert!(described.latest_stream_arn().is_some());
        let missing = table::describe(store.client(), "nowhere").await;
        assert!(matches!(missing, Err(StoreError::NoTable { .. })), "{missing:?}");
    }
}
