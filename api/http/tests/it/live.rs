//! The server on a real socket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cellar_http::serve::{self, Limits};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use cellar_test_kit::fake::Fault;
use cellar_test_kit::server::{Server, ids, link};

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

async fn start(server: &Server, drain: Duration) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let done = tokio::spawn(serve::run(listener, server.router.clone(), shutdown, drain, Limits::default()));
    Running { address, stop, done }
}

#[tokio::test]
async fn a_client_walks_to_the_end_and_the_server_stops() {
    let server = Server::with_wineries(12).await;
    let running = start(&server, Duration::from_secs(5)).await;
    let base = format!("http://{}", running.address);
    let client = reqwest::Client::new();
    let mut next = Some("/v1/collections/wineries/nearby?lat=0&lon=0&limit=5".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let page: Value = client.get(format!("{base}{path}")).send().await.unwrap().json().await.unwrap();
        found.extend(ids(&page));
        next = link(&page, "next").map(str::to_owned);
    }
    assert_eq!(found, (0..12).map(|index| format!("w-{index:03}")).collect::<Vec<_>>());

    let put = client
        .put(format!("{base}/v1/collections/wineries/items/a%2Fb"))
        .header("content-type", "application/geo+json")
        .body(r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":null}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 201);
    let place: Value = client
        .get(format!("{base}{}", put.headers()["location"].to_str().unwrap()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(place["id"], "a/b");

    drop(client);
    running.stop.send(()).unwrap();
    running.done.await.unwrap();
    assert!(TcpListener::bind(running.address).await.is_ok());
}

#[tokio::test]
async fn draining_has_a_deadline() {
    let server = Server::with_wineries(1).await;
    let running = start(&server, Duration::from_millis(50)).await;
    server.store.set_fault(Some(Fault::Stall));
    let url = format!("http://{}/v1/collections/wineries/nearby?lat=0&lon=0", running.address);
    let request = tokio::spawn(reqwest::get(url));
    server.store.stalled.notified().await;
    let started = Instant::now();
    running.stop.send(()).unwrap();
    running.done.await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
    request.abort();
}
