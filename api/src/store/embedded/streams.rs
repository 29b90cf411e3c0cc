//! The engine's stream over HTTP.
//!
//! The engine reads its records whoever asks for whatever. Invariant: a reader whose next record was trimmed hears
//! `TrimmedDataAccessException`, as from DynamoDB, and never just the next that is left.

use dynoxide::DynoxideError;
use dynoxide::actions::describe_stream::{DescribeStreamRequest, DescribeStreamResponse};
use dynoxide::actions::get_records::{GetRecordsRequest, GetRecordsResponse};
use dynoxide::actions::get_shard_iterator::{
    GetShardIteratorRequest, GetShardIteratorResponse, decode_shard_iterator, encode_shard_iterator,
};

use super::log::StreamLog;
use super::server::{Engine, Refusal};

/// Records of one answer at most, as in DynamoDB.
const MAX_RECORDS: u16 = 1_000;

/// `DescribeStream`. The engine has one shard, which stays open, and gives it the number of its last record as that of
/// its end, which is what a closed shard has.
pub(super) fn describe(
    engine: &Engine,
    request: DescribeStreamRequest,
) -> Result<DescribeStreamResponse, Refusal> {
    let mut answer = engine.database.describe_stream(request)?;
    for shard in &mut answer.stream_description.shards {
        shard.sequence_number_range.ending_sequence_number = None;
    }
    Ok(answer)
}

/// `GetShardIterator`.
pub(super) fn shard_iterator(
    engine: &Engine,
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
pub(super) fn records(engine: &Engine, request: GetRecordsRequest) -> Result<GetRecordsResponse, Refusal> {
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
    use geo_index::{Collection, Position};

    use super::*;
    use crate::changes::Stream;
    use crate::changes::stream::{Start, StreamError};
    use crate::place::{Place, Properties};
    use crate::store::{Embedded, Store, StoreConfig};

    #[tokio::test]
    async fn who_missed_trimmed_records_is_told() {
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
        let stream = store.changes();
        let shard = stream.shards().await.unwrap().remove(0).id;
        let begin = async |start: Start| stream.iterator(&shard, &start).await;
        let empty = begin(Start::Horizon).await.unwrap();
        put("a").await;
        let first = stream.records(&begin(Start::Horizon).await.unwrap()).await.unwrap();
        put("b").await;
        put("c").await;
        let behind = first.next.unwrap();
        assert_eq!(stream.records(&behind).await.unwrap().meanings.len(), 2);

        let path = folder.path().join("cellar.db");
        let mut log = StreamLog::open(path.to_str().unwrap()).unwrap();
        assert_eq!(log.trim(i64::MAX, 0).unwrap(), 2);
        for iterator in [empty, behind] {
            assert_eq!(stream.records(&iterator).await.unwrap_err(), StreamError::Trimmed);
        }
        let after = Start::After(first.last.unwrap());
        assert_eq!(begin(after).await.unwrap_err(), StreamError::Trimmed);
        put("d").await;
        let rest = stream.records(&begin(Start::Horizon).await.unwrap()).await.unwrap();
        assert_eq!(rest.meanings.len(), 2, "the newest that was left, and what came since");
        let latest = stream.records(&begin(Start::Latest).await.unwrap()).await.unwrap();
        assert!(latest.meanings.is_empty());
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
