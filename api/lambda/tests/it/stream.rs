//! Batches of the table's stream.

use cellar_model::key::IndexKey;
use cellar_store::Store as _;
use serde_json::{Value, json};

use super::bed::{Bed, answer, settled};
use crate::redis::RedisServer;
use cellar_test_kit::{collection, place};

const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0&lon=0&radius=1000";

fn image(lat: f64, lon: f64) -> Value {
    let position = geo_index::Position::new(lat, lon).unwrap();
    let key = IndexKey::new(collection("wineries"), position, "w-1".parse().unwrap());
    json!({ "pk": { "S": "wineries#w-1" }, "root": { "S": key.partition() }, "leaf": { "S": key.sort() } })
}

/// A batch of one record, between two others that mean nothing.
fn batch(old: &Value, new: &Value) -> Value {
    let other = |number: &str| {
        json!({ "eventSource": "aws:dynamodb", "dynamodb": {
            "Keys": { "pk": { "S": "#collection#wineries" } }, "SequenceNumber": number } })
    };
    let record = json!({ "eventSource": "aws:dynamodb", "eventName": "MODIFY", "dynamodb": {
        "Keys": { "pk": { "S": "wineries#w-1" } }, "OldImage": old, "NewImage": new, "SequenceNumber": "102" } });
    json!({ "Records": [other("101"), record, other("103")] })
}

#[tokio::test]
async fn what_has_changed_is_forgotten_where_all_environments_look() {
    let redis = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let shared = [("CELLAR_REDIS_URL", url.as_str()), ("CELLAR_SETTLE_MS", "0")];
    let bed = Bed::new(&shared).await;
    bed.put("wineries", "w-1", 0.0, 0.0).await;
    let warm = bed.another(&shared).await;
    assert_eq!(answer(&warm, "GET", NEARBY, "").await.json()["numberReturned"], 1);
    settled(&warm).await;
    // Somebody else writes, of whom only the stream tells.
    bed.store.put(&collection("wineries"), &place("w-1", 40.0, 40.0, "{}")).await.unwrap();
    let cold = bed.another(&shared).await;
    let stale = answer(&cold, "GET", NEARBY, "").await;
    assert_eq!(stale.json()["numberReturned"], 1, "from Redis: {:?}", stale.headers);
    let report = bed.invoke(&batch(&image(0.0, 0.0), &image(40.0, 40.0))).await.unwrap();
    assert_eq!(report, json!({ "batchItemFailures": [] }));
    let fresh = bed.another(&shared).await;
    assert_eq!(answer(&fresh, "GET", NEARBY, "").await.json()["numberReturned"], 0);
}

#[tokio::test]
async fn a_batch_that_redis_does_not_take_comes_again() {
    let mut redis = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let bed = Bed::new(&[("CELLAR_REDIS_URL", url.as_str())]).await;
    let event = batch(&image(0.0, 0.0), &image(40.0, 40.0));
    redis.kill();
    let report = bed.invoke(&event).await.unwrap();
    assert_eq!(report, json!({ "batchItemFailures": [{ "itemIdentifier": "101" }] }));
    let other = json!({ "Records": [event["Records"][0]] });
    assert_eq!(bed.invoke(&other).await.unwrap(), json!({ "batchItemFailures": [] }), "it means nothing");
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_invalidates_everything_once() {
    let redis = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let shared = [("CELLAR_REDIS_URL", url.as_str()), ("CELLAR_SETTLE_MS", "0")];
    let bed = Bed::new(&shared).await;
    bed.put("wineries", "w-1", 0.0, 0.0).await;
    let warm = bed.another(&shared).await;
    answer(&warm, "GET", NEARBY, "").await;
    settled(&warm).await;
    bed.store.put(&collection("wineries"), &place("w-1", 40.0, 40.0, "{}")).await.unwrap();
    let report = bed.invoke(&batch(&json!({}), &json!({}))).await.unwrap();
    assert_eq!(report, json!({ "batchItemFailures": [] }), "it would not get better");
    let fresh = bed.another(&shared).await;
    assert_eq!(answer(&fresh, "GET", NEARBY, "").await.json()["numberReturned"], 0, "Redis is not believed");
}
