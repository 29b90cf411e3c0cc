//! A table that takes its time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What every request takes longer.
const LATER: Duration = Duration::from_millis(20);

/// An address behind which the engine is, later.
pub(crate) async fn slow(engine: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(engine).await else { return };
                tokio::select! {
                    _ = pass(&client, &server, LATER) => {}
                    _ = pass(&server, &client, Duration::ZERO) => {}
                }
            });
        }
    });
    address
}

async fn pass(from: &TcpStream, to: &TcpStream, later: Duration) -> io::Result<()> {
    let mut part = vec![0; 64 << 10];
    loop {
        from.readable().await?;
        let read = match from.try_read(&mut part) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        if !later.is_zero() {
            sleep(later).await;
        }
        let mut rest = &part[..read];
        while !rest.is_empty() {
            to.writable().await?;
            match to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
