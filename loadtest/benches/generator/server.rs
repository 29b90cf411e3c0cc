//! The server: a route that answers with constant bytes, and with the headers of a search.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::routing::get;

/// Bytes of a body: a search with some ten results.
const BODY_BYTES: usize = 2_000;

/// A server on a thread of its own; its CPU is not counted, as only processes that have ended are.
pub(crate) struct Server(SocketAddr);

impl Server {
    pub(crate) fn start() -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("somebody waits for it");
                axum::serve(listener, Router::new().fallback(get(answer))).await.expect("it serves for ever");
            });
        });
        Self(told.recv().expect("the server starts"))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

async fn answer() -> ([(HeaderName, &'static str); 3], String) {
    let status = HeaderName::from_static("cache-status");
    let timing = HeaderName::from_static("server-timing");
    let headers = [
        (header::CONTENT_TYPE, "application/geo+json"),
        (status, r#"cellar-l1; hit; ttl=211; detail="7 of 7""#),
        (timing, r#"search;dur=0.020, rounds;desc="0", pages;desc="7", queries;desc="0""#),
    ];
    (headers, "x".repeat(BODY_BYTES))
}
