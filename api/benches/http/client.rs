//! A client that costs little: prepared requests over connections that stay open.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What `Cache-Status` says when all was in memory.
const WARM: [&str; 2] = ["cellar-l1; hit", "cellar-rendered; hit"];

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoadStats {
    pub(crate) answers: usize,
    /// Answers whose pages were all in memory.
    pub(crate) warm: usize,
    pub(crate) body_bytes: usize,
    /// Time that searches took, by their own account.
    pub(crate) search_us: usize,
    pub(crate) took: Duration,
}

/// The text of a request.
pub(crate) fn get(target: &str) -> Vec<u8> {
    get_as(target, "identity")
}

/// The same, for an answer in a coding.
pub(crate) fn get_as(target: &str, coding: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: {coding}\r\n\r\n").into_bytes()
}

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// How many in all.
    pub(crate) requests: usize,
    /// Over so many connections at a time.
    pub(crate) connections: usize,
    /// So many in a second, evenly; without it each connection sends the next as soon as it has an answer.
    pub(crate) rate: Option<f64>,
}

impl Load {
    /// One after the other.
    pub(crate) fn single(requests: usize) -> Self {
        Self { requests, connections: 1, rate: None }
    }
}

/// Sends requests from a list.
pub(crate) fn drive(address: SocketAddr, requests: &[Vec<u8>], load: Load) -> LoadStats {
    let started = Instant::now();
    let connections = load.connections;
    let by_connection: Vec<LoadStats> = std::thread::scope(|scope| {
        let begin = |number| {
            // Each connection begins elsewhere in the list.
            let requests = requests.iter().cycle().skip(number * requests.len() / connections);
            let requests = requests.take(load.requests.div_ceil(connections));
            let due = move |index: usize| {
                let place = (index * connections + number) as f64;
                load.rate.map(|rate| started + Duration::from_secs_f64(place / rate))
            };
            scope.spawn(move || drive_one(address, requests, due))
        };
        let threads: Vec<_> = (0..connections).map(begin).collect();
        threads.into_iter().map(|thread| thread.join().expect("answers")).collect()
    });
    let sum = |of: fn(&LoadStats) -> usize| by_connection.iter().map(of).sum();
    LoadStats {
        answers: sum(|stats| stats.answers),
        warm: sum(|stats| stats.warm),
        body_bytes: sum(|stats| stats.body_bytes),
        search_us: sum(|stats| stats.search_us),
        took: started.elapsed(),
    }
}

fn drive_one<'a>(
    address: SocketAddr,
    requests: impl Iterator<Item = &'a Vec<u8>>,
    due: impl Fn(usize) -> Option<Instant>,
) -> LoadStats {
    let mut connection = Connection::open(address);
    let mut stats = LoadStats::default();
    for (index, request) in requests.enumerate() {
        if let Some(due) = due(index) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let answer = connection.ask(request);
        stats.answers += 1;
        stats.warm += usize::from(WARM.iter().any(|sign| answer.head().contains(sign)));
        stats.body_bytes += answer.body.len();
        stats.search_us += search_us(answer.head());
    }
    stats
}

/// A connection that stays open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer<'a> {
    head: &'a [u8],
    body: &'a [u8],
}

impl Answer<'_> {
    pub(crate) fn head(&self) -> &str {
        std::str::from_utf8(self.head).expect("a head of ASCII")
    }

    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(self.body).expect("a body of text")
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self { stream, buffer: vec![0; 1 << 20] }
    }

    /// Sends a request and waits for the answer, which has to be 200.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Answer<'_> {
        self.stream.write_all(request).expect("a request is sent");
        let mut read = 0;
        let (head, length) = loop {
            read += self.read(read);
            let end = self.buffer[..read].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break (end + 4, content_length(&self.buffer[..end]));
            }
        };
        while read < head + length {
            read += self.read(read);
        }
        Answer { head: &self.buffer[..head], body: &self.buffer[head..head + length] }
    }

    fn read(&mut self, at: usize) -> usize {
        let read = self.stream.read(&mut self.buffer[at..]).expect("an answer");
        assert!(read > 0, "the server has closed the connection");
        read
    }
}

/// `Server-Timing` counts milliseconds, with three digits after the point.
fn search_us(head: &str) -> usize {
    let value = head.split("search;dur=").nth(1).and_then(|rest| rest.split([',', '\r']).next());
    value.map_or(0, |value| value.replace('.', "").parse().unwrap_or(0))
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).expect("a head of ASCII");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()).expect("a length")
}
