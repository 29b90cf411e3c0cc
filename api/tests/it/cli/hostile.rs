//! What somebody can send who means harm: the server refuses it, and is there for everybody else.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::process::{Desk, PATIENCE, Running, until};

/// What memory may grow by, whatever is sent.
const MAY_GROW_KB: u64 = 96 << 10;

/// Times that a stream is opened and reset: a hundred times what the server lets be open.
const RESETS: u32 = 25_600;

const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
/// RFC 9113, section 7.
const ENHANCE_YOUR_CALM: u32 = 0xb;
/// Ends the headers, and the stream.
const WHOLE: u8 = 0x5;

fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn is_alive(server: &Running) {
    assert_eq!(server.get("/live")["status"], "ok");
}

/// The most memory that the process has had, in KB.
fn peak_kb(server: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A connection that speaks HTTP/2 from its beginning.
fn begun(server: &Running) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    stream
}

/// `GET /live` in HPACK (RFC 7541): indexed fields, and two literals that are not kept.
fn live() -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, 5];
    block.extend(b"/live");
    block.extend([0x01, 9]);
    block.extend(b"127.0.0.1");
    block
}

/// A frame of the server: kind, stream, payload; `None` when the connection has ended.
fn next_frame(stream: &mut TcpStream) -> Option<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let [high, middle, low, kind, _, id @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((kind, u32::from_be_bytes(id), payload))
}

/// The first frame about a stream; `None` if the connection ends before.
fn first_of(mut stream: TcpStream, id: u32) -> Option<(u8, Vec<u8>)> {
    loop {
        match next_frame(&mut stream)? {
            (GOAWAY, ..) => return None,
            (kind, of, payload) if of == id => return Some((kind, payload)),
            _ => {}
        }
    }
}

#[test]
fn streams_that_are_opened_and_reset_without_end_end_the_connection() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    is_alive(&server);
    let before = peak_kb(&server);
    let mut stream = begun(&server);
    let mut reader = stream.try_clone().unwrap();
    let answer =
        std::thread::spawn(move || std::iter::from_fn(|| next_frame(&mut reader)).collect::<Vec<_>>());
    let mut sent = 0;
    for number in 0..RESETS {
        let id = number * 2 + 1;
        let opened = frame(HEADERS, WHOLE, id, &live());
        let reset = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
        if stream.write_all(&[opened, reset].concat()).is_err() {
            break;
        }
        sent = number;
    }
    // What the server said last may be lost with the connection; that it ended is what matters.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let frames = answer.join().unwrap();
    let calm = frames.iter().any(|(kind, _, payload)| {
        *kind == GOAWAY && payload.get(4..8) == Some(&ENHANCE_YOUR_CALM.to_be_bytes())
    });
    assert!(calm || sent + 1 < RESETS, "{RESETS} resets were taken: {} frames came back", frames.len());
    is_alive(&server);
    assert!(peak_kb(&server) < before + MAY_GROW_KB, "{} KB, before {before}", peak_kb(&server));
    server.stop();
}

/// A field of 3,000 bytes is sent once, and named two thousand times with a byte each: six megabytes for five thousand.
#[test]
fn headers_that_unfold_are_refused() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    is_alive(&server);
    let before = peak_kb(&server);
    assert!(is_answered(&server, 1), "a field may come twice");
    assert!(!is_answered(&server, 2_000));
    is_alive(&server);
    assert!(peak_kb(&server) < before + MAY_GROW_KB, "{} KB, before {before}", peak_kb(&server));
    server.stop();
}

/// Whether a request is answered well that has a field of 3,000 bytes, and names it so many times more.
fn is_answered(server: &Running, times: usize) -> bool {
    let mut stream = begun(server);
    let mut block = live();
    // A literal that is kept, of a length that takes more than one byte (RFC 7541, section 5.1).
    block.extend([0x40, 1, b'x', 0x7f]);
    let mut length = 3_000 - 127;
    while length >= 128 {
        block.push((length % 128 + 128) as u8);
        length /= 128;
    }
    block.push(length as u8);
    block.extend([b'y'; 3_000]);
    block.resize(block.len() + times, 0xbe);
    stream.write_all(&frame(HEADERS, WHOLE, 1, &block)).unwrap();
    // `:status 200` is the static field 8.
    matches!(first_of(stream, 1), Some((HEADERS, payload)) if payload.first() == Some(&0x88))
}

#[test]
fn headers_without_end_are_refused() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    is_alive(&server);
    let before = peak_kb(&server);
    for line in [format!("x: {}\r\n", "y".repeat(1 << 20)), "x: y\r\n".repeat(20_000)] {
        let mut stream = connect(&server);
        let request = format!("GET /live HTTP/1.1\r\nhost: localhost\r\n{line}\r\n");
        // It may answer, and close, before all of it is sent.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
    is_alive(&server);
    assert!(peak_kb(&server) < before + MAY_GROW_KB, "{} KB, before {before}", peak_kb(&server));
    server.stop();
}

/// So many bytes, packed a thousand to one.
fn packed(megabytes: usize, byte: u8) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let part = vec![byte; 1 << 20];
    (0..megabytes).for_each(|_| packed.write_all(&part).unwrap());
    packed.finish().unwrap()
}

/// Sends a body; status and answer.
fn post(server: &Running, path: &str, packing: Option<&str>, body: &[u8]) -> (u16, Value) {
    let mut stream = connect(server);
    let packing = packing.map_or(String::new(), |packing| format!("content-encoding: {packing}\r\n"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{packing}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[test]
fn bodies_that_unfold_are_refused_or_read_in_constant_memory() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let created = put(&server, "/v1/collections/places");
    assert_eq!(created, 201);
    let before = peak_kb(&server);
    let bomb = packed(64, b'x');
    assert!(bomb.len() < 128 << 10, "{} bytes", bomb.len());
    let (status, problem) = post(&server, "/v1/collections/places/items", Some("gzip"), &bomb);
    assert_eq!((status, &problem["parameter"]), (415, &"content-encoding".into()), "{problem}");
    // A file to be imported may be packed: of one that is a single line nothing is kept, of one of empty lines neither.
    for byte in [b'x', b'\n', b'{'] {
        let (status, job) = post(&server, "/v1/collections/places/imports", None, &packed(64, byte));
        assert_eq!(status, 202, "{job}");
        let location = format!("/v1/collections/places/imports/{}", job["id"].as_str().unwrap());
        let ended = until("the end of the import", || {
            std::thread::sleep(Duration::from_millis(20));
            let job = server.get(&location);
            (job["state"] != "queued" && job["state"] != "running").then_some(job)
        });
        assert_eq!(ended["stored"], 0, "{ended}");
    }
    assert!(peak_kb(&server) < before + MAY_GROW_KB, "{} KB, before {before}", peak_kb(&server));
    server.stop();
}

fn put(server: &Running, path: &str) -> u16 {
    let mut stream = connect(server);
    let request =
        format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}
