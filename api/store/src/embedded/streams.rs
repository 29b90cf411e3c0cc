//! The engine's stream over HTTP.
//!
//! The engine reads its records whoever asks for whatever. Invariant: a reader whose next record was trimmed hears
//! `TrimmedDataAccessException`, as from DynamoDB, and never just the next that is left.

use super::database::LoggedDatabase;
use super::log::StreamLog;
use super::refusal::Refusal;
use dynoxide::DynoxideError;
use dynoxide::actions::describe_stream::{DescribeStreamRequest, DescribeStreamResponse};
use dynoxide::actions::get_records::{GetRecordsRequest, GetRecordsResponse};
use dynoxide::actions::get_shard_iterator::{
    GetShardIteratorRequest, GetShardIteratorResponse, decode_shard_iterator, encode_shard_iterator,
};

/// Records of one answer at most, as in DynamoDB.
const MAX_RECORDS: u16 = 1_000;

/// `DescribeStream`. The engine has one shard, which stays open, and gives it the number of its last record as that of
/// its end, which is what a closed shard has. As that of its beginning the engine gives the oldest that is left; a shard of
/// DynamoDB keeps the number that it began with, by which a reader can tell that records are gone.
pub(super) fn describe(
    engine: &LoggedDatabase,
    request: DescribeStreamRequest,
) -> Result<DescribeStreamResponse, Refusal> {
    let arn = request.stream_arn.clone();
    let mut answer = engine.database.describe_stream(request)?;
    for shard in &mut answer.stream_description.shards {
        let range = &mut shard.sequence_number_range;
        range.ending_sequence_number = None;
        let oldest = range.starting_sequence_number.take();
        range.starting_sequence_number =
            oldest.map(|oldest| first(engine, &arn, &shard.shard_id, oldest)).transpose()?;
    }
    Ok(answer)
}

/// The number of the last record that was trimmed, else of the oldest one. Numbers are the engine's own and an offset that
/// it keeps to itself.
fn first(engine: &LoggedDatabase, arn: &str, shard: &str, oldest: String) -> Result<String, Refusal> {
    let request = GetShardIteratorRequest {
        stream_arn: arn.to_owned(),
        shard_id: shard.to_owned(),
        shard_iterator_type: "AFTER_SEQUENCE_NUMBER".to_owned(),
        sequence_number: Some(oldest.clone()),
    };
    let given = engine.database.get_shard_iterator(request)?.shard_iterator.unwrap_or_default();
    let (table, _, own) = decode_shard_iterator(&given).ok_or_else(invalid)?;
    let trimmed = engine.log().trimmed_through(&table)?;
    let behind = u128::try_from(own.saturating_sub(trimmed)).ok();
    Ok(match oldest.parse::<u128>().ok().zip(behind) {
        Some((oldest, behind)) if trimmed > 0 => oldest.saturating_sub(behind).to_string(),
        _ => oldest,
    })
}

/// `GetShardIterator`.
pub(super) fn shard_iterator(
    engine: &LoggedDatabase,
    request: GetShardIteratorRequest,
) -> Result<GetShardIteratorResponse, Refusal> {
    let from_horizon = request.shard_iterator_type == "TRIM_HORIZON";
    let given = engine.database.get_shard_iterator(request)?.shard_iterator.unwrap_or_default();
    let (table, shard, mut position) = decode_shard_iterator(&given).ok_or_else(invalid)?;
    let trimmed = engine.log().trimmed_through(&table)?;
    if from_horizon {
        position = position.max(trimmed);
    }
    if position < trimmed {
        return Err(Refusal::Trimmed);
    }
    let iterator = encode_shard_iterator(&table, &shard, position);
    Ok(GetShardIteratorResponse { shard_iterator: Some(iterator) })
}

/// `GetRecords`.
pub(super) fn records(
    engine: &LoggedDatabase,
    request: GetRecordsRequest,
) -> Result<GetRecordsResponse, Refusal> {
    let (table, _, position) = decode_shard_iterator(&request.shard_iterator).ok_or_else(invalid)?;
    let asked = request.limit.and_then(|limit| u16::try_from(limit).ok()).unwrap_or(MAX_RECORDS);
    let limit = asked.clamp(1, MAX_RECORDS);
    let limit = {
        let log: &StreamLog = &engine.log();
        if position < log.trimmed_through(&table)? {
            return Err(Refusal::Trimmed);
        }
        log.fitting(&table, position, limit)?
    };
    Ok(engine.database.get_records(GetRecordsRequest { limit: Some(limit), ..request })?)
}

fn invalid() -> Refusal {
    DynoxideError::ValidationException("Invalid ShardIterator".to_owned()).into()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::Client;
    use aws_sdk_dynamodbstreams::error::ProvideErrorMetadata;
    use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsOutput;
    use aws_sdk_dynamodbstreams::types::ShardIteratorType;
    use cellar_model::Collection;
    use cellar_model::place::{Place, Properties};
    use geo_index::Position;

    use super::*;
    use crate::{DynamoStore, Embedded, Store, StoreConfig};

    /// The only shard of a store's stream. What fails, fails with a code.
    struct Shard {
        client: Client,
        arn: String,
        id: String,
    }

    impl Shard {
        async fn of(store: &DynamoStore) -> Self {
            let client = Client::from_conf(store.stream_config().clone());
            let table = store.client().describe_table().table_name(store.table()).send().await.unwrap();
            let arn = table.table().unwrap().latest_stream_arn().unwrap().to_owned();
            let description = client.describe_stream().stream_arn(&arn).send().await.unwrap();
            let shards = description.stream_description.unwrap().shards.unwrap();
            let id = shards[0].shard_id().unwrap().to_owned();
            Self { client, arn, id }
        }

        async fn begin(&self, kind: ShardIteratorType, after: Option<String>) -> Result<String, String> {
            let request = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(&self.id);
            let sent = request.shard_iterator_type(kind).set_sequence_number(after).send().await;
            sent.map(|answer| answer.shard_iterator.unwrap())
                .map_err(|error| error.code().unwrap().to_owned())
        }

        /// At the number that the shard began with.
        async fn begin_at_first(&self) -> Result<String, String> {
            let description = self.client.describe_stream().stream_arn(&self.arn).send().await.unwrap();
            let shards = description.stream_description.unwrap().shards.unwrap();
            let range = shards[0].sequence_number_range().unwrap();
            let first = range.starting_sequence_number().unwrap().to_owned();
            self.begin(ShardIteratorType::AtSequenceNumber, Some(first)).await
        }

        async fn records(&self, iterator: &str) -> Result<GetRecordsOutput, String> {
            let sent = self.client.get_records().shard_iterator(iterator).send().await;
            sent.map_err(|error| error.code().unwrap().to_owned())
        }
    }

    #[tokio::test]
    async fn who_missed_trimmed_records_is_told() {
        const TRIMMED: &str = "TrimmedDataAccessException";
        let folder = tempfile::tempdir().unwrap();
        let engine = Embedded::open(folder.path()).await.unwrap();
        let store = engine.store(&StoreConfig::default()).await.unwrap();
        let name: Collection = "places".parse().unwrap();
        let put = async |id: &str| {
            let place = Place {
                id: id.parse().unwrap(),
                position: Position::new(1.0, 2.0).unwrap(),
                properties: Properties::empty(),
            };
            store.put(&name, &place).await.unwrap();
        };
        let shard = Shard::of(&store).await;
        let horizon = async || shard.begin(ShardIteratorType::TrimHorizon, None).await.unwrap();
        let empty = horizon().await;
        put("a").await;
        let first = shard.records(&horizon().await).await.unwrap();
        put("b").await;
        put("c").await;
        shard.begin_at_first().await.unwrap();
        let behind = first.next_shard_iterator().unwrap().to_owned();
        assert_eq!(shard.records(&behind).await.unwrap().records().len(), 2);

        let path = folder.path().join("cellar.db");
        let mut log = StreamLog::open(path.to_str().unwrap()).unwrap();
        // All but the last: the root, and the first two places.
        assert_eq!(log.trim(i64::MAX, 0).unwrap(), 3);
        for iterator in [empty, behind] {
            assert_eq!(shard.records(&iterator).await.unwrap_err(), TRIMMED);
        }
        assert_eq!(
            shard.begin_at_first().await.unwrap_err(),
            TRIMMED,
            "the shard does not begin with what is left"
        );
        let last = first.records()[0].dynamodb().unwrap().sequence_number().unwrap().to_owned();
        let after = shard.begin(ShardIteratorType::AfterSequenceNumber, Some(last)).await;
        assert_eq!(after.unwrap_err(), TRIMMED);
        put("d").await;
        let rest = shard.records(&horizon().await).await.unwrap();
        assert_eq!(rest.records().len(), 2, "the newest that was left, and what came since");
        let latest = shard.begin(ShardIteratorType::Latest, None).await.unwrap();
        assert!(shard.records(&latest).await.unwrap().records().is_empty());
    }

    #[tokio::test]
    async fn streams_are_listed() {
        let engine = Embedded::memory().await.unwrap();
        engine.store(&StoreConfig::new("listed")).await.unwrap();
        let answer = ask(&engine.endpoint(), "ListStreams", r#"{"TableName":"listed"}"#).await;
        assert!(answer.contains("table/listed/stream/"), "{answer}");
        let answer = ask(&engine.endpoint(), "DeleteStream", "{}").await;
        assert!(answer.contains("is not served here"), "{answer}");
    }

    async fn ask(endpoint: &str, operation: &str, body: &str) -> String {
        let target = format!("DynamoDBStreams_20120810.{operation}");
        let request = reqwest::Client::new().post(endpoint).header("x-amz-target", target);
        request.body(body.to_owned()).send().await.unwrap().text().await.unwrap()
    }
}
