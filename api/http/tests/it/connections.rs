//! Connections that ask for nothing, ask slowly, are too many, or ask for another host.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cellar_http::serve::{self, ConnectionLimits, Hosts, Limits};
use cellar_test_kit::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(20);

async fn start(connections: ConnectionLimits, hosts: Hosts) -> SocketAddr {
    let server = Server::with_wineries(1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { connections, hosts };
    tokio::spawn(serve::run(listener, server.router, std::future::pending(), Duration::ZERO, limits));
    address
}

fn short() -> ConnectionLimits {
    ConnectionLimits {
        most: 100,
        first_request: Duration::from_millis(200),
        idle: Duration::from_millis(400),
        idle_when_full: Duration::from_millis(100),
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await.unwrap().unwrap()
}

/// Whether the server closes a connection, and what it said before.
async fn end(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is closed");
    String::from_utf8_lossy(&said).into_owned()
}

async fn answer(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    while !said.contains("\r\n\r\n") {
        let mut some = [0; 4096];
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.unwrap().unwrap();
        assert!(count > 0, "closed after {said:?}");
        said.push_str(&String::from_utf8_lossy(&some[..count]));
    }
    said
}

const LIVE: &str = "GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn who_says_nothing_or_not_enough_is_let_go() {
    let address = start(short(), Hosts::Any).await;
    let half = ["", "GET /live HTTP/1.1\r\nhost: loc", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HT"];
    for said in half {
        let mut stream = connect(address).await;
        stream.write_all(said.as_bytes()).await.unwrap();
        let begun = Instant::now();
        end(&mut stream).await;
        assert!(begun.elapsed() >= Duration::from_millis(150), "{said:?}");
    }
}

#[tokio::test]
async fn a_header_a_moment_does_not_keep_a_connection() {
    let address = start(short(), Hosts::Any).await;
    let mut stream = connect(address).await;
    stream.write_all(b"GET /live HTTP/1.1\r\n").await.unwrap();
    let begun = Instant::now();
    for number in 0.. {
        assert!(begun.elapsed() < PATIENCE, "it goes on for ever");
        if stream.write_all(format!("x-{number}: y\r\n").as_bytes()).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_a_while_after_an_answer() {
    let address = start(short(), Hosts::Any).await;
    let mut stream = connect(address).await;
    for _ in 0..4 {
        assert!(answer(&mut stream, LIVE).await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    end(&mut stream).await;
}

#[tokio::test]
async fn when_there_is_no_room_idle_connections_make_some() {
    let limits = ConnectionLimits { most: 3, idle: PATIENCE * 10, first_request: PATIENCE * 10, ..short() };
    let address = start(limits, Hosts::Any).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(address).await;
        if idle.len() < 2 {
            answer(&mut stream, LIVE).await;
        }
        idle.push(stream);
    }
    let mut late = connect(address).await;
    assert!(answer(&mut late, LIVE).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_has_one_host_and_a_local_server_is_asked_by_a_local_name() {
    let hosts = Hosts::Local(vec!["api.example.com".to_owned()]);
    let address = start(ConnectionLimits::default(), hosts).await;
    let refused = [
        "GET /live HTTP/1.1\r\n\r\n",
        "GET /live HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
        "GET /live HTTP/1.1\r\nhost: evil.example.org\r\n\r\n",
        "GET /live HTTP/1.1\r\nhost: localhost.evil.example.org\r\n\r\n",
        "GET /live HTTP/1.1\r\nhost: \r\n\r\n",
    ];
    for request in refused {
        let said = answer(&mut connect(address).await, request).await;
        assert!(said.starts_with("HTTP/1.1 400"), "{request}: {said}");
        assert!(said.contains("application/problem+json"), "{said}");
    }
    for host in ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1", "api.example.com", "10.1.2.3"] {
        let request = format!("GET /live HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let said = answer(&mut connect(address).await, &request).await;
        assert!(said.starts_with("HTTP/1.1 200"), "{host}: {said}");
    }
    let old = answer(&mut connect(address).await, "GET /live HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
}
