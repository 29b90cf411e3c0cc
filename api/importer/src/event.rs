//! Batches of the queue, and what their messages ask for.

use cellar_model::Collection;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A batch of messages, as Lambda hands it over.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// A message that was received.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id, the same each time that it is received.
    pub message_id: String,
    /// Names this receipt of it.
    #[serde(default)]
    pub receipt_handle: String,
    /// What it says.
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    attributes: Attributes,
    /// `aws:sqs`.
    #[serde(default, rename = "eventSource")]
    pub source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: Option<String>,
}

impl Message {
    /// How often it has been received, this time included.
    pub fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.as_deref().and_then(|text| text.parse().ok()).unwrap_or(1)
    }
}

/// Which messages are to come again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchReport {
    /// Their ids.
    pub batch_item_failures: Vec<Failure>,
}

/// A message that is to come again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its id.
    pub item_identifier: String,
}

/// A job that is to be carried on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where to.
    pub collection: Collection,
    /// Which one.
    pub id: String,
}

/// What a message asks for: jobs to carry on; none if it only says that the bucket can speak to the queue.
///
/// # Errors
///
/// A text that says what was expected.
pub fn wanted(body: &str) -> Result<Vec<Wanted>, String> {
    let value: Value = serde_json::from_str(body).map_err(|_| EXPECTED.to_owned())?;
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if let Some(import) = value.get("import") {
        let text = |name| import.get(name).and_then(Value::as_str);
        let job = text("collection").and_then(|name| name.parse().ok()).zip(text("id"));
        let job = job.filter(|(_, id)| cellar_uploads::is_id(id)).ok_or(EXPECTED)?;
        return Ok(vec![Wanted { collection: job.0, id: job.1.to_owned() }]);
    }
    let records = value.get("Records").and_then(Value::as_array).ok_or(EXPECTED)?;
    records.iter().map(put).collect()
}

/// The message that asks to carry a job on.
pub fn carry_on(wanted: &Wanted) -> String {
    serde_json::json!({ "import": { "collection": wanted.collection.as_str(), "id": wanted.id } }).to_string()
}

/// Keys come URL-encoded; those of uploads hold nothing that is.
fn put(record: &Value) -> Result<Wanted, String> {
    let key = record.pointer("/s3/object/key").and_then(Value::as_str).ok_or(EXPECTED)?;
    let (collection, id) = cellar_uploads::parse_upload_key(key).ok_or(EXPECTED)?;
    Ok(Wanted { collection, id: id.to_owned() })
}

const EXPECTED: &str = "expected a notification of S3 about an object uploads/<collection>/<id>, or {\"import\": {\"collection\": …, \"id\": …}}";

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn messages_are_those_of_the_bucket_or_our_own() {
        let job = Wanted { collection: "places".parse().unwrap(), id: ID.into() };
        assert_eq!(wanted(&carry_on(&job)), Ok(vec![job.clone()]));
        let put = format!(
            r#"{{"Records":[{{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"b"}},"object":{{"key":"uploads/places/{ID}","size":3}}}}}}]}}"#
        );
        assert_eq!(wanted(&put), Ok(vec![job]));
        assert_eq!(wanted(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#), Ok(vec![]));
        for bad in [
            "",
            "hello",
            "{}",
            "[]",
            r#"{"import":{"collection":"places","id":"1"}}"#,
            r#"{"import":{"collection":"No","id":"0123456789abcdef0123456789abcdef"}}"#,
            r#"{"Records":[{"s3":{"object":{"key":"rejects/places/0123456789abcdef0123456789abcdef"}}}]}"#,
            r#"{"Records":[{}]}"#,
        ] {
            assert!(wanted(bad).is_err_and(|text| text.starts_with("expected ")), "{bad}");
        }
    }

    #[test]
    fn a_batch_is_read_as_lambda_hands_it_over() {
        let batch: Batch = serde_json::from_str(
            r#"{"Records":[{"messageId":"m","receiptHandle":"r","body":"{}","attributes":{"ApproximateReceiveCount":"3"},"eventSource":"aws:sqs","awsRegion":"eu-west-1"},{"messageId":"n"}]}"#,
        )
        .unwrap();
        assert_eq!((batch.records[0].receives(), batch.records[1].receives()), (3, 1));
        let report = BatchReport { batch_item_failures: vec![Failure { item_identifier: "m".into() }] };
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#
        );
    }
}
