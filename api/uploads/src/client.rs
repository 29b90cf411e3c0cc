//! A bucket and a queue, as a worker uses them: four calls of S3 and two of SQS, without their SDKs (docs/adr/0035).

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::SharedCredentialsProvider;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use thiserror::Error;

use crate::bucket::{Bucket, host};
use crate::sign::{Signer, Unsigned};

/// How long a call may take that moves little, and how long nothing may come of one that moves much.
const SMALL: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// Tries of a call, and the pause before the second; it doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

/// Why a call failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AwsError {
    /// There is no such object, or queue.
    #[error("{0} is not there")]
    NotFound(String),
    /// It is refused; the code says why.
    #[error("{what} is answered with {status}: {code}")]
    Refused {
        /// What was asked for.
        what: String,
        /// Status of the answer.
        status: u16,
        /// The error's code. Its message may name accounts and roles.
        code: String,
    },
    /// Nothing came back.
    #[error("{what}: {reason}")]
    Failed {
        /// What was asked for.
        what: String,
        /// Why.
        reason: String,
    },
}

impl AwsError {
    fn failed(what: &str, reason: impl std::fmt::Display) -> Self {
        Self::Failed { what: what.to_owned(), reason: reason.to_string() }
    }

    /// Whether the same call may succeed later.
    const fn is_passing(&self) -> bool {
        match self {
            Self::NotFound(_) => false,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Failed { .. } => true,
        }
    }
}

/// An HTTP client for all of it.
pub fn http() -> Result<Client, String> {
    let client = Client::builder().connect_timeout(CONNECT).read_timeout(IDLE).no_proxy();
    client.build().map_err(|error| error.to_string())
}

/// Objects of a bucket.
#[derive(Clone, Debug)]
pub struct Objects {
    bucket: Bucket,
    client: Client,
}

impl Objects {
    /// Of a bucket.
    pub const fn new(bucket: Bucket, client: Client) -> Self {
        Self { bucket, client }
    }

    /// Writes an object, whatever was there.
    pub async fn put(&self, key: &str, content: &[u8]) -> Result<(), AwsError> {
        self.call(Method::PUT, key, content, None).await.map(drop)
    }

    /// Removes an object, if it is there.
    pub async fn delete(&self, key: &str) -> Result<(), AwsError> {
        match self.call(Method::DELETE, key, &[], None).await {
            Ok(_) | Err(AwsError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes an object into a new file; its length. What breaks off goes on where it was, as long as the object is the same.
    pub async fn download(&self, key: &str, to: &Path) -> Result<u64, AwsError> {
        let mut file = File::create(to).map_err(|error| AwsError::failed("a file", error))?;
        let (mut bytes, mut etag, mut broken) = (0, None, 0);
        loop {
            let range = etag.as_deref().map(|etag: &str| (bytes, etag));
            let mut answer = self.call(Method::GET, key, &[], range).await?;
            if range.is_some() && answer.status() != StatusCode::PARTIAL_CONTENT {
                return Err(AwsError::failed("GetObject", "a part was asked for, and the whole came"));
            }
            etag = Some(header(&answer, "etag"));
            match copy(&mut answer, &mut file, &mut bytes).await {
                Ok(()) => return Ok(bytes),
                Err(error) if broken >= TRIES => return Err(error),
                Err(_) => broken += 1,
            }
            tokio::time::sleep(PAUSE * (1 << broken)).await;
        }
    }

    /// A call, tried again while that may help. `range` is where to begin, and of which object.
    async fn call(
        &self,
        method: Method,
        key: &str,
        body: &[u8],
        range: Option<(u64, &str)>,
    ) -> Result<Response, AwsError> {
        let what = format!("{method} of an object");
        let url = self.bucket.url(key);
        let range = range.map(|(from, etag)| (format!("bytes={from}-"), etag.to_owned()));
        let headers: Vec<(&str, &str)> =
            range.iter().flat_map(|(range, etag)| [("range", range.as_str()), ("if-match", etag)]).collect();
        let request = Unsigned { method: method.as_str(), url: &url, headers: &headers };
        patiently(|| send(&self.client, &self.bucket.signer, &request, body, &what)).await
    }
}

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    signer: Signer,
    endpoint: String,
    url: String,
}

impl Queue {
    /// A queue by its URL, at an endpoint other than the region's own if one is given.
    pub fn new(
        url: &str,
        region: &str,
        endpoint: Option<&str>,
        credentials: SharedCredentialsProvider,
        client: Client,
    ) -> Self {
        let own = || format!("https://{}", host("sqs", region));
        let endpoint = format!("{}/", endpoint.map_or_else(own, |url| url.trim_end_matches('/').to_owned()));
        let signer = Signer { credentials, region: region.to_owned(), service: "sqs" };
        Self { client, signer, endpoint, url: url.to_owned() }
    }

    /// Sends a message, which is to be seen after a while.
    pub async fn send(&self, body: &str, after: Duration) -> Result<(), AwsError> {
        let arguments =
            json!({ "QueueUrl": self.url, "MessageBody": body, "DelaySeconds": after.as_secs().min(900) });
        self.call("SendMessage", &arguments).await
    }

    /// Hides a message that was received, from now on for a while: at most twelve hours.
    pub async fn hide(&self, receipt: &str, during: Duration) -> Result<(), AwsError> {
        let seconds = during.as_secs().min(43_200);
        let arguments =
            json!({ "QueueUrl": self.url, "ReceiptHandle": receipt, "VisibilityTimeout": seconds });
        self.call("ChangeMessageVisibility", &arguments).await
    }

    async fn call(&self, action: &str, arguments: &Value) -> Result<(), AwsError> {
        let target = format!("AmazonSQS.{action}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        let request = Unsigned { method: "POST", url: &self.endpoint, headers: &headers };
        let body = arguments.to_string();
        patiently(|| send(&self.client, &self.signer, &request, body.as_bytes(), action)).await.map(drop)
    }
}

/// Tries again, with pauses, what may succeed then.
async fn patiently<F, Fut>(mut call: F) -> Result<Response, AwsError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Response, AwsError>>,
{
    for done in 0..TRIES - 1 {
        match call().await {
            Err(error) if error.is_passing() => {
                let pause = PAUSE * (1 << done);
                tokio::time::sleep(pause + pause.mul_f64(fastrand::f64())).await;
            }
            other => return other,
        }
    }
    call().await
}

async fn send(
    client: &Client,
    signer: &Signer,
    request: &Unsigned<'_>,
    body: &[u8],
    what: &str,
) -> Result<Response, AwsError> {
    let method: Method = request.method.parse().map_err(|error| AwsError::failed(what, error))?;
    let is_large = method == Method::GET || body.len() > 1 << 20;
    let unsigned = Unsigned { method: request.method, url: request.url, headers: request.headers };
    let signed = signer.headers(unsigned, body, SystemTime::now()).await;
    let mut asked = client.request(method, request.url).body(body.to_vec());
    for (name, value) in request.headers {
        asked = asked.header(*name, *value);
    }
    for (name, value) in signed.map_err(|error| AwsError::failed(what, error))? {
        asked = asked.header(name, value);
    }
    if !is_large {
        asked = asked.timeout(SMALL);
    }
    let answer = asked.send().await.map_err(|error| AwsError::failed(what, whole(&error)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    if status == StatusCode::NOT_FOUND {
        return Err(AwsError::NotFound(what.to_owned()));
    }
    let text = answer.text().await.unwrap_or_default();
    Err(AwsError::Refused { what: what.to_owned(), status: status.as_u16(), code: code(&text) })
}

async fn copy(answer: &mut Response, file: &mut File, bytes: &mut u64) -> Result<(), AwsError> {
    while let Some(part) =
        answer.chunk().await.map_err(|error| AwsError::failed("GetObject", whole(&error)))?
    {
        file.write_all(&part).map_err(|error| AwsError::failed("a file", error))?;
        *bytes += part.len() as u64;
    }
    Ok(())
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// What is wrong, down to its causes; without the URL.
fn whole(error: &reqwest::Error) -> String {
    let mut text = String::from(if error.is_timeout() { "no answer in time" } else { "no answer" });
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The code in an error, of XML or of JSON.
fn code(text: &str) -> String {
    let xml = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let json = || serde_json::from_str::<Value>(text).ok()?.get("__type")?.as_str().map(str::to_owned);
    let code = xml.map(|(code, _)| code.to_owned()).or_else(json);
    let code = code.filter(|code| code.len() <= 100).unwrap_or_else(|| "no reason is given".into());
    code.rsplit('#').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_by_its_code() {
        assert_eq!(
            code("<Error><Code>AccessDenied</Code><Message>User: arn</Message></Error>"),
            "AccessDenied"
        );
        assert_eq!(
            code(r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"x"}"#),
            "QueueDoesNotExist"
        );
        assert_eq!((code(""), code("<html>")), ("no reason is given".into(), "no reason is given".into()));
    }

    #[test]
    fn what_is_refused_is_not_tried_again() {
        let refused = |status| AwsError::Refused { what: "x".into(), status, code: "y".into() };
        assert!(!refused(403).is_passing() && refused(503).is_passing() && refused(429).is_passing());
        assert!(!AwsError::NotFound("x".into()).is_passing());
    }
}
