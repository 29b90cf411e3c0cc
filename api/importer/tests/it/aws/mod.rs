//! A bucket and its queue on a loopback port. Requests have to be signed, as S3 and SQS want; a put below `uploads/` puts a
//! message into the queue. Time is that of a clock that the test moves.

mod sigv4;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use cellar_cache::clock::{Clock as _, ManualClock};
use cellar_importer::Batch;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const BUCKET: &str = "files";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const KEY: (&str, &str) = ("AKIAEXAMPLE", "secret/secret");

/// Receipts of a message before it is a dead letter.
pub(crate) const RECEIVES: u32 = 5;

/// Another status instead of an answer: of requests of a method and a path that begins so, that many times.
struct Fault {
    method: Method,
    path: String,
    status: StatusCode,
    times: u32,
}

struct Message {
    id: u32,
    body: String,
    receives: u32,
    /// Not seen until then.
    until_ms: u64,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Vec<u8>>,
    puts: Vec<(String, usize)>,
    queue: Vec<Message>,
    dead: Vec<String>,
    sent: u32,
    faults: Vec<Fault>,
}

/// Both services.
#[derive(Clone)]
pub(crate) struct Aws {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<ManualClock>,
    pub(crate) url: String,
}

impl Aws {
    pub(crate) async fn start(clock: Arc<ManualClock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let aws = Self { inner: Arc::default(), clock, url };
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(aws.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        aws
    }

    pub(crate) fn object(&self, key: &str) -> Option<String> {
        let object = self.inner.lock().objects.get(key).cloned();
        object.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.inner.lock().objects.keys().cloned().collect()
    }

    /// How often objects that begin so were written.
    pub(crate) fn puts(&self, prefix: &str) -> usize {
        self.inner.lock().puts.iter().filter(|(key, _)| key.starts_with(prefix)).count()
    }

    pub(crate) fn remove(&self, key: &str) {
        self.inner.lock().objects.remove(key);
    }

    pub(crate) fn fail(&self, method: Method, path: &str, status: u16, times: u32) {
        let status = StatusCode::from_u16(status).unwrap();
        self.inner.lock().faults.push(Fault { method, path: path.into(), status, times });
    }

    pub(crate) fn send(&self, body: &str) {
        self.put_message(body.to_owned(), Duration::ZERO);
    }

    fn put_message(&self, body: String, after: Duration) {
        let until_ms = self.clock.unix_ms() + after.as_millis() as u64;
        let mut inner = self.inner.lock();
        inner.sent += 1;
        let id = inner.sent;
        inner.queue.push(Message { id, body, receives: 0, until_ms });
    }

    /// The next message that is to be seen, as Lambda would hand it over; hidden for an hour from now on.
    pub(crate) fn receive(&self) -> Option<Batch> {
        let now = self.clock.unix_ms();
        let mut inner = self.inner.lock();
        loop {
            let at = inner.queue.iter().position(|message| message.until_ms <= now)?;
            if inner.queue[at].receives >= RECEIVES {
                let dead = inner.queue.remove(at).body;
                inner.dead.push(dead);
                continue;
            }
            let message = &mut inner.queue[at];
            message.receives += 1;
            message.until_ms = now + 3_600_000;
            let id = message.id.to_string();
            let batch = json!({ "Records": [{
                "messageId": id, "receiptHandle": id, "body": message.body, "eventSource": "aws:sqs",
                "attributes": { "ApproximateReceiveCount": message.receives.to_string() },
            }] });
            return Some(serde_json::from_value(batch).unwrap());
        }
    }

    /// What Lambda does with a batch that was carried out.
    pub(crate) fn acknowledge(&self, batch: &Batch) {
        let done: Vec<_> = batch.records.iter().map(|record| record.message_id.clone()).collect();
        self.inner.lock().queue.retain(|message| !done.contains(&message.id.to_string()));
    }

    pub(crate) fn messages(&self) -> usize {
        self.inner.lock().queue.len()
    }

    pub(crate) fn dead_letters(&self) -> Vec<String> {
        self.inner.lock().dead.clone()
    }

    /// How long until the first message is seen.
    pub(crate) fn until_next(&self) -> Option<Duration> {
        let first = self.inner.lock().queue.iter().map(|message| message.until_ms).min()?;
        Some(Duration::from_millis(first.saturating_sub(self.clock.unix_ms())))
    }

    fn planned(&self, method: &Method, path: &str) -> Option<StatusCode> {
        let mut inner = self.inner.lock();
        let is_it =
            |fault: &&mut Fault| fault.times > 0 && fault.method == method && path.starts_with(&fault.path);
        let fault = inner.faults.iter_mut().find(is_it)?;
        fault.times -= 1;
        Some(fault.status)
    }

    fn object_call(&self, method: &Method, key: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let mut inner = self.inner.lock();
        if method == Method::PUT {
            if headers.contains_key(header::IF_NONE_MATCH) && inner.objects.contains_key(key) {
                return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
            }
            if let Some(announced) = headers.get("x-amz-checksum-sha256")
                && *announced != sigv4::base64_sha256(&body)
            {
                return error(StatusCode::BAD_REQUEST, "BadDigest");
            }
            inner.puts.push((key.to_owned(), body.len()));
            inner.objects.insert(key.to_owned(), body.into());
            drop(inner);
            if key.starts_with("uploads/") {
                let record = json!({ "eventName": "ObjectCreated:Put", "s3": { "object": { "key": key } } });
                self.put_message(json!({ "Records": [record] }).to_string(), Duration::ZERO);
            }
            return StatusCode::OK.into_response();
        }
        if method == Method::DELETE {
            inner.objects.remove(key);
            return StatusCode::NO_CONTENT.into_response();
        }
        let Some(object) = inner.objects.get(key) else { return error(StatusCode::NOT_FOUND, "NoSuchKey") };
        let from = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
        let from: Option<usize> =
            from.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let status = if from.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        (status, [(header::ETAG, "\"1\"")], object[from.unwrap_or(0)..].to_vec()).into_response()
    }

    fn queue_call(&self, target: &str, arguments: &Value) -> Response {
        let seconds = |name: &str| Duration::from_secs(arguments[name].as_u64().unwrap());
        match target {
            "AmazonSQS.SendMessage" => {
                let body = arguments["MessageBody"].as_str().unwrap().to_owned();
                self.put_message(body, seconds("DelaySeconds"));
            }
            "AmazonSQS.ChangeMessageVisibility" => {
                let until = self.clock.unix_ms() + seconds("VisibilityTimeout").as_millis() as u64;
                let receipt = arguments["ReceiptHandle"].as_str().unwrap();
                let mut inner = self.inner.lock();
                let found = inner.queue.iter_mut().find(|message| message.id.to_string() == receipt);
                found.expect("the message is there").until_ms = until;
            }
            _ => return error(StatusCode::BAD_REQUEST, "InvalidAction"),
        }
        (StatusCode::OK, r#"{"MessageId":"m"}"#).into_response()
    }
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code><Message>m</Message></Error>")).into_response()
}

async fn answer(
    State(aws): State<Aws>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(status) = aws.planned(&method, uri.path()) {
        return error(status, "Planned");
    }
    let service = if uri.path() == "/" { "sqs" } else { "s3" };
    if let Err(code) = sigv4::check(service, &method, &uri, &headers, &body, aws.clock.unix_ms()) {
        return error(StatusCode::FORBIDDEN, code);
    }
    if service == "sqs" {
        let target = headers.get("x-amz-target").map_or("", |target| target.to_str().unwrap());
        return aws.queue_call(target, &serde_json::from_slice(&body).unwrap());
    }
    match uri.path().strip_prefix(&format!("/{BUCKET}/")) {
        Some(key) => aws.object_call(&method, key, &headers, body),
        None => error(StatusCode::NOT_FOUND, "NoSuchBucket"),
    }
}
