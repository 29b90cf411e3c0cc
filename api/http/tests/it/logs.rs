//! What the log says of a request, and what it must not.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::http::{Method, header};
use cellar_http::config::{AccessConfig, ApiConfig, WriteConfig, WriteToken};
use cellar_http::keys::{KeyRecord, Keyring, Keys};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use cellar_test_kit::fake::{Fault, INTERNAL};
use cellar_test_kit::server::{Server, request, winery};

const TOKEN: &str = "correct-horse-battery";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What is logged from now on by this thread.
fn heard() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn lines_hold_the_route_and_the_cause_but_no_position_and_no_secret() {
    let (log, _guard) = heard();
    // What another test logs for the first time just now may not know of this subscriber yet.
    let heed_this_subscriber = tracing::callsite::rebuild_interest_cache;

    let token = WriteToken::new(TOKEN).unwrap();
    let server = Server::with(ApiConfig::default(), WriteConfig { token: Some(token), open: false });
    for authorization in [format!("Bearer {TOKEN}"), format!("Bearer not-{TOKEN}")] {
        let mut put = request(Method::PUT, "/v1/collections/wineries", "");
        put.headers_mut().insert(header::AUTHORIZATION, authorization.parse().unwrap());
        heed_this_subscriber();
        server.send(put).await;
    }
    let nearby = "/v1/collections/wineries/nearby?lat=48.8566&lon=2.3522";
    heed_this_subscriber();
    let id = server.get(nearby).await.header("x-request-id").to_owned();
    server.store.set_fault(Some(Fault::Fail));
    // Twice: while the first one is logged, another thread may be about to say that nobody wants such lines.
    for _ in 0..2 {
        heed_this_subscriber();
        server.get(nearby).await.problem(503, "store-unavailable");
    }

    let text = log.text();
    for expected in
        ["/v1/collections/{collection}/nearby", "status=200", "pages=", "duration_ms=", &id, INTERNAL]
    {
        assert!(text.contains(expected), "{expected} is missing: {text}");
    }
    for secret in ["48.8566", "2.3522", TOKEN] {
        assert!(!text.contains(secret), "{secret} is logged: {text}");
    }
}

#[tokio::test]
async fn each_write_is_a_line_that_says_who_and_what_and_holds_no_secret() {
    let (log, _guard) = heard();
    let heed_this_subscriber = tracing::callsite::rebuild_interest_cache;
    let scopes = vec!["write:wineries".parse().unwrap()];
    let (record, key) = KeyRecord::generate(Some("importer".into()), scopes, SystemTime::UNIX_EPOCH, None);
    let id = record.id.clone();
    let keys = Some(Arc::new(Keys::fixed(Keyring::of(vec![record]).unwrap())));
    let access = AccessConfig { keys, keyed_reads: false };
    let server = Server::with_access(ApiConfig::default(), WriteConfig::default(), access);
    let send = async |method: Method, uri: &str, body: String, key: &str| {
        let mut request = request(method, uri, body);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        heed_this_subscriber();
        server.send(request).await;
    };
    let item = "/v1/collections/wineries/items/caf%C3%A9%221";
    let batch = json!({ "type": "FeatureCollection", "features": [winery(1), winery(2)] }).to_string();
    let place = json!({ "type": "Feature", "geometry": { "type": "Point", "coordinates": [12.345, 1] }, "properties": {} });
    send(Method::PUT, "/v1/collections/wineries", String::new(), &key).await;
    send(Method::PUT, item, place.to_string(), &key).await;
    send(Method::POST, "/v1/collections/wineries/items", batch, &key).await;
    send(Method::DELETE, "/v1/collections/wineries", String::new(), &key).await;
    for _ in 0..20 {
        send(Method::DELETE, item, String::new(), &format!("{key}x")).await;
    }
    send(Method::GET, item, String::new(), &key).await;

    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("cellar::audit")).collect();
    assert!(lines.len() < 12, "refused ones do not fill the log: {text}");
    let has = |parts: &[&str]| {
        let found = lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "{parts:?} is missing: {}", lines.join("\n"));
    };
    let who = format!("who=\"{id}\"");
    has(&[&who, "method=PUT", "collection=\"wineries\"", "status=201"]);
    has(&[&who, "method=PUT", "collection=\"wineries\"", r#"place="café\"1""#, "status=201"]);
    has(&[&who, "method=POST", "collection=\"wineries\"", "places=2", "status=200"]);
    has(&["write refused", &who, "method=DELETE", "status=403"]);
    has(&["write refused", "method=DELETE", r#"place="café\"1""#, "status=401"]);
    assert!(lines.iter().all(|line| !line.contains("method=GET")), "{text}");
    let secret = &key["cellar_".len() + id.len() + 1..];
    assert!(!text.contains(secret) && !text.contains("12.345"), "{text}");
}
