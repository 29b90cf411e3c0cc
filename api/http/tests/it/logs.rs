//! What the log says of a request, and what it must not.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::http::{Method, header};
use cellar_http::config::{ApiConfig, WriteConfig, WriteToken};
use tracing_subscriber::fmt::MakeWriter;

use cellar_test_kit::fake::{Fault, INTERNAL};
use cellar_test_kit::server::{Server, request};

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

#[tokio::test]
async fn lines_hold_the_route_and_the_cause_but_no_position_and_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
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
    heed_this_subscriber();
    server.get(nearby).await.problem(503, "store-unavailable");

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
