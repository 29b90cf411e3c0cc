//! A network that is slow, or loses connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

use super::super::bed::url;
use super::{Stage, policy};
use crate::redis::RedisServer;

/// Stands between a process and Redis.
struct Proxy {
    address: SocketAddr,
    delay_ms: Arc<AtomicU64>,
    cut: broadcast::Sender<()>,
}

impl Proxy {
    async fn before(redis: &RedisServer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (delay_ms, cut) = (Arc::new(AtomicU64::new(0)), broadcast::Sender::new(16));
        let (port, delay, cuts) = (redis.port(), Arc::clone(&delay_ms), cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { continue };
                let (delay, mut cut) = (Arc::clone(&delay), cuts.subscribe());
                tokio::spawn(async move {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        () = pass(from_client, to_server, &delay) => {}
                        () = pass(from_server, to_client, &delay) => {}
                        _ = cut.recv() => {}
                    }
                });
            }
        });
        Self { address, delay_ms, cut }
    }

    fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

/// Passes bytes on, each portion after a delay, until either end closes.
async fn pass(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, delay_ms: &AtomicU64) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let delay = delay_ms.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow() {
    let redis = RedisServer::start(&[]);
    let proxy = Proxy::before(&redis).await;
    let mut stage = Stage::new(policy(), &proxy.url()).await;
    stage.recovers().await;
    stage.phase("before").await;
    // Both ways together take longer than the limit of a read.
    proxy.delay_ms.store(60, Ordering::Relaxed);
    let metrics = stage.process().cache().metrics().clone();
    stage.phase("slow").await;
    assert!(metrics.breaker_opened.get() > 0, "the breaker did not mind");
    proxy.delay_ms.store(0, Ordering::Relaxed);
    stage.recovers().await;
    stage.phase("after").await;
    stage.ends(&url(&redis)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn losing_connections() {
    let redis = RedisServer::start(&[]);
    let proxy = Proxy::before(&redis).await;
    let mut stage = Stage::new(policy(), &proxy.url()).await;
    stage.recovers().await;
    stage.phase("before").await;
    let invalidations = stage.process().cache().metrics().memory_invalidations.get();
    let cut = proxy.cut.clone();
    let cutting = tokio::spawn(async move {
        loop {
            // Who is not connected at the moment is not cut off.
            let _ = cut.send(());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    stage.phase("cut").await;
    cutting.abort();
    stage.recovers().await;
    assert!(
        stage.process().cache().metrics().memory_invalidations.get() > invalidations,
        "the bus was lost, and memory was trusted"
    );
    stage.phase("after").await;
    stage.ends(&url(&redis)).await;
}
