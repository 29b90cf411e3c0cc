//! A server of known behaviour: one thread, one connection after the other or all at once, and nothing between it and the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What to do with the request of this number, counted from 0.
pub(crate) type Behaviour = dyn Fn(u64) -> Reply + Send + Sync;

/// What a request gets.
pub(crate) enum Reply {
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes; then the connection is closed.
    Last(Vec<u8>),
    /// These bytes over and over, until the client is gone.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing, until the client is gone.
    Silence,
}

/// A server that lives until the process ends.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Stub {
    pub(crate) fn new(behaviour: impl Fn(u64) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let (behaviour, count): (Arc<Behaviour>, _) = (Arc::new(behaviour), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behaviour, count) = (Arc::clone(&behaviour), Arc::clone(&count));
                std::thread::spawn(move || serve(stream, &*behaviour, &count));
            }
        });
        Self { address, requests }
    }

    /// One that answers everything with this.
    pub(crate) fn always(head: &'static str, body: &'static str) -> Self {
        Self::new(move |_| Reply::Bytes(answer(200, head, body)))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that came.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// An answer with its length; further lines of the head end in CR LF.
pub(crate) fn answer(status: u16, head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Answers until the client is gone or the connection has to end.
fn serve(mut stream: TcpStream, behaviour: &Behaviour, count: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut read = 0;
    loop {
        match stream.read(&mut buffer[read..]) {
            Ok(0) | Err(_) => return,
            Ok(more) => read += more,
        }
        if !buffer[..read].ends_with(b"\r\n\r\n") {
            continue;
        }
        read = 0;
        let written = match behaviour(count.fetch_add(1, Ordering::SeqCst)) {
            Reply::Bytes(bytes) => stream.write_all(&bytes),
            Reply::Last(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Reply::Endless(first, again) => {
                let mut written = stream.write_all(&first);
                while written.is_ok() {
                    written = stream.write_all(&again);
                }
                return;
            }
            // The client closes the connection when it has waited long enough.
            Reply::Silence => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}
