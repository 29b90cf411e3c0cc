//! CloudFront's API, on a loopback port: what it is sent, and what becomes of what it answers.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use cellar_purge::cloudfront::CloudFrontPurge;
use cellar_purge::{EdgeInvalidator, Purge};
use tokio::net::TcpListener;

use super::fake::tags;

const REFUSAL: &str = "<?xml version=\"1.0\"?><ErrorResponse><Error><Type>Sender</Type>\
    <Code>TooManyInvalidationsInProgress</Code><Message>arn:aws:iam::123456789012:role/x</Message></Error></ErrorResponse>";

type Seen = Arc<Mutex<Vec<(Method, Uri, HeaderMap, String)>>>;

/// A server that takes orders, or refuses all.
async fn cloudfront(refuses: bool) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let keep = seen.clone();
    let router = Router::new().fallback(
        move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
            keep.lock().unwrap().push((method, uri, headers, body));
            if refuses {
                (StatusCode::BAD_REQUEST, REFUSAL)
            } else {
                (StatusCode::CREATED, "<Invalidation/>")
            }
        },
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

fn sdk() -> SdkConfig {
    let credentials = Credentials::new("AKIDTEST", "s3cr3t-key", Some("s3ssion".into()), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

#[tokio::test]
async fn an_order_is_signed_and_has_a_path_for_each_tag() {
    let (url, seen) = cloudfront(false).await;
    let edge = CloudFrontPurge::new("E2QWRUHAPOMQZL", &sdk(), Some(&url)).unwrap();
    edge.purge(&tags(&["places:831fb4fffffffff", "bars:831fb4fffffffff"]), "r-1").await.unwrap();
    edge.purge(&Purge::everything(), "r-2").await.unwrap();
    let seen = seen.lock().unwrap();
    let (method, uri, headers, body) = &seen[0];
    assert_eq!(method, Method::POST);
    assert_eq!(uri.path(), "/2020-05-31/distribution/E2QWRUHAPOMQZL/invalidation");
    let paths = "<Quantity>2</Quantity><Items><Path>#bars:831fb4fffffffff</Path><Path>#places:831fb4fffffffff</Path></Items>";
    assert!(body.contains(paths) && body.contains("<CallerReference>r-1</CallerReference>"), "{body}");
    let signature = headers["authorization"].to_str().unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDTEST/"), "{signature}");
    assert!(
        signature.contains("/us-east-1/cloudfront/aws4_request, SignedHeaders=content-type;host;x-amz-date")
    );
    assert_eq!(headers["x-amz-security-token"], "s3ssion");
    assert_eq!(headers["content-type"], "text/xml");
    assert!(seen[1].3.contains("<Quantity>1</Quantity><Items><Path>/v1/*</Path></Items>"), "{}", seen[1].3);
}

#[tokio::test]
async fn a_refusal_is_told_by_its_code_and_without_names() {
    let (url, _) = cloudfront(true).await;
    let edge = CloudFrontPurge::new("E2QWRUHAPOMQZL", &sdk(), Some(&url)).unwrap();
    let error = edge.purge(&Purge::everything(), "r").await.unwrap_err().to_string();
    assert_eq!(error, "CloudFront answers 400 Bad Request: TooManyInvalidationsInProgress");
    // Nobody listens on port 1.
    let edge = CloudFrontPurge::new("E2QWRUHAPOMQZL", &sdk(), Some("http://127.0.0.1:1")).unwrap();
    let error = edge.purge(&Purge::everything(), "r").await.unwrap_err().to_string();
    assert!(error.contains("refused") && !error.contains("s3cr3t"), "{error}");
    assert!(!format!("{edge:?}").contains("s3cr3t"));
}

#[cfg(unix)]
#[test]
fn a_server_tells_its_distribution() {
    use crate::cli::process::{Desk, Ended, Running, until};

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (url, seen) = runtime.block_on(cloudfront(false));
    let desk = Desk::new();
    let mut command = desk.cellar(&["serve", "--listen", "127.0.0.1:0", "--cloudfront", "E2QWRUHAPOMQZL"]);
    command.env("AWS_ENDPOINT_URL_CLOUDFRONT", &url).env("CELLAR_EDGE_PURGE_WINDOW_MS", "0");
    let server = Running::start(command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b"));
    until("the feed", || (server.get("/ready")["feed"]["state"] == "running").then_some(()));
    desk.write("a.csv", "id,lat,lon\na,48.8566,2.3522\n");
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let body = until("the order", || seen.lock().unwrap().first().map(|(.., body)| body.clone()));
    assert!(
        body.contains("<Quantity>1</Quantity><Items><Path>#places:831fb4fffffffff</Path></Items>"),
        "{body}"
    );
    server.stop();
    let both = ["serve", "--cloudfront", "E2QWRUHAPOMQZL", "--edge-purge", "http://127.0.0.1:8090"];
    assert_eq!(Ended::of(&mut desk.cellar(&both)).code, Some(2), "one edge at a time");
}

#[test]
fn a_distribution_has_an_id_and_credentials() {
    let error = CloudFrontPurge::new("d111111abcdef8.cloudfront.net", &sdk(), None).unwrap_err();
    assert!(error.contains("E2QWRUHAPOMQZL"), "{error}");
    let none = SdkConfig::builder().build();
    assert!(CloudFrontPurge::new("E2QWRUHAPOMQZL", &none, None).unwrap_err().contains("no AWS credentials"));
}
