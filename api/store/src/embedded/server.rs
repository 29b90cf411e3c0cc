//! What the engine says over HTTP: the operations that the store uses, and nothing to web pages.
//!
//! The engine's own server answers preflights and allows every origin, so any page in a browser on this machine
//! could read, change and drop the tables behind the port. Invariant: a request that carries an `Origin`, as all
//! requests of pages that can do harm do, is refused.

use std::io;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dynoxide::actions::batch_write_item::{
    BatchWriteItemRequest, BatchWriteItemResponse, PutRequest, WriteRequest,
};
use dynoxide::types::{MAX_ITEM_SIZE, item_size};
use dynoxide::{DynoxideError, ImportOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use super::bulk::Encoded;
use super::database::LoggedDatabase;
use super::refusal::Refusal;
use super::{description, streams};

/// DynamoDB takes requests of up to 16 MB.
const MAX_REQUEST_BYTES: usize = 16 << 20;

const MEDIA_TYPE: &str = "application/x-amz-json-1.0";

/// What the header `X-Amz-Target` begins with, of a table's operations and of a stream's.
const TARGET: &str = "x-amz-target";
const TABLE_PREFIX: &str = "DynamoDB_20120810.";
const STREAM_PREFIX: &str = "DynamoDBStreams_20120810.";

fn refused(refusal: &Refusal) -> (StatusCode, String) {
    match refusal {
        Refusal::Engine(error) => {
            let status = StatusCode::from_u16(error.status_code());
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_json())
        }
        Refusal::Trimmed => (StatusCode::BAD_REQUEST, TRIMMED.to_owned()),
    }
}

const TRIMMED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TrimmedDataAccessException","message":"The records behind this position have been trimmed"}"#;

/// Serves until `stopped` resolves and what has begun is answered.
pub(super) async fn serve(
    listener: TcpListener,
    engine: LoggedDatabase,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router =
        Router::new().fallback(answer).layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)).with_state(engine);
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

async fn answer(State(engine): State<LoggedDatabase>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.contains_key(header::ORIGIN) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let target = headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
    let done = match target.strip_prefix(STREAM_PREFIX) {
        Some(operation) => read_stream(&engine, operation, &body),
        None => perform(&engine, target.strip_prefix(TABLE_PREFIX).unwrap_or(target), &body),
    };
    let (status, json) = match done {
        Ok(json) => (StatusCode::OK, json),
        Err(refusal) => refused(&refusal),
    };
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], json).into_response()
}

pub(super) fn perform(engine: &LoggedDatabase, operation: &str, body: &[u8]) -> Result<String, Refusal> {
    let database = &engine.database;
    let reads = matches!(operation, "DescribeTable" | "GetItem" | "Query" | "Scan");
    // A batch sees to that itself.
    let _pause = (!reads && operation != "BatchWriteItem").then(|| engine.bulk().pause());
    match operation {
        "BatchWriteItem" => run(body, |request| write_batch(engine, request)),
        "CreateTable" => run(body, |request| Ok(database.create_table(request)?)),
        "DeleteItem" => run(body, |request| Ok(database.delete_item(request)?)),
        "DeleteTable" => run(body, |request| Ok(database.delete_table(request)?)),
        "DescribeTable" => run(body, |request| description::describe(database, request)),
        "GetItem" => run(body, |request| Ok(database.get_item(request)?)),
        "PutItem" => run(body, |request| Ok(database.put_item(request)?)),
        "Query" => run(body, |request| Ok(database.query(request)?)),
        "Scan" => run(body, |request| Ok(database.scan(request)?)),
        "UpdateItem" => run(body, |request| Ok(database.update_item(request)?)),
        "UpdateTimeToLive" => run(body, |request| Ok(database.update_time_to_live(request)?)),
        "UpdateTable" => run(body, |request| Ok(database.update_table(request)?)),
        _ => Err(unknown(operation)),
    }
}

/// A batch of puts alone, of any number of items, is one transaction: either all of it is done, or none. A transaction for
/// each item, as the engine makes it otherwise, costs several times as much.
fn write_batch(
    engine: &LoggedDatabase,
    batch: BatchWriteItemRequest,
) -> Result<BatchWriteItemResponse, Refusal> {
    let database = &engine.database;
    let is_put = |write: &WriteRequest| {
        let fits = |put: &PutRequest| item_size(&put.item) <= MAX_ITEM_SIZE;
        write.delete_request.is_none() && write.put_request.as_ref().is_some_and(fits)
    };
    let mut writes = batch.request_items.values();
    if batch.request_items.is_empty() || !writes.all(|writes| !writes.is_empty() && writes.iter().all(is_put))
    {
        let _pause = engine.bulk().pause();
        return Ok(database.batch_write_item(batch)?);
    }
    for (table, writes) in batch.request_items {
        let puts = writes.into_iter().filter_map(|write| write.put_request);
        let items: Vec<Encoded> = puts.map(|put| Encoded::new(put.item)).collect();
        if engine.bulk().put(&table, &items)? {
            continue;
        }
        let items = items.into_iter().map(Encoded::into_item).collect();
        let _pause = engine.bulk().pause();
        let options = ImportOptions { record_streams: true, ..ImportOptions::default() };
        database.import_items(&table, items, options)?;
    }
    Ok(BatchWriteItemResponse::default())
}

fn read_stream(engine: &LoggedDatabase, operation: &str, body: &[u8]) -> Result<String, Refusal> {
    match operation {
        "DescribeStream" => run(body, |request| streams::describe(engine, request)),
        "GetRecords" => run(body, |request| streams::records(engine, request)),
        "GetShardIterator" => run(body, |request| streams::shard_iterator(engine, request)),
        "ListStreams" => run(body, |request| Ok(engine.database.list_streams(request)?)),
        _ => Err(unknown(operation)),
    }
}

fn unknown(operation: &str) -> Refusal {
    DynoxideError::ValidationException(format!("`{operation}` is not served here")).into()
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> Result<A, Refusal>,
) -> Result<String, Refusal> {
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let answer = operation(request)?;
    Ok(serde_json::to_string(&answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?)
}
