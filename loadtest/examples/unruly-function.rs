//! A function that misbehaves as the variable `UNRULY` says: a small client of the Runtime API.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::exit;

const ROOT: &str = "/2018-06-01/runtime";

fn main() {
    match env::var("UNRULY").unwrap_or_default().as_str() {
        "never-next" => wait(),
        "exit-in-init" => exit(3),
        "init-error" => {
            let status = post("/init/error", br#"{"errorType":"Init.Broken","errorMessage":"no luck"}"#);
            exit(i32::from(status));
        }
        "next-after-init-error" => {
            post("/init/error", b"{}");
            next();
            wait();
        }
        "answer-twice" => serve(|event| {
            respond(&event.id, b"\"once\"");
            note(&respond(&event.id, b"\"twice\"").to_string());
        }),
        "wrong-id" => serve(|event| {
            let status = respond("00000000-0000-4000-8000-000000000000", b"\"lost\"");
            respond(&event.id, format!("{status}").as_bytes());
        }),
        "next-while-running" => serve(|event| {
            let (status, _) = call("GET", "/invocation/next", b"");
            respond(&event.id, format!("{status}").as_bytes());
        }),
        "init-error-while-running" => serve(|event| {
            let status = post("/init/error", b"{}");
            respond(&event.id, format!("{status}").as_bytes());
        }),
        "crash" => serve(|_| exit(7)),
        "crash-while-answering" => serve(|event| {
            let address = env::var("AWS_LAMBDA_RUNTIME_API").expect("an address");
            let mut stream = TcpStream::connect(&address).expect("a connection");
            let id = &event.id;
            let head = format!(
                "POST {ROOT}/invocation/{id}/response HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("written");
            stream.write_all(b"{\"half\":").expect("written");
            exit(11);
        }),
        "crash-after-answer" => serve(|event| {
            respond(&event.id, b"\"last words\"");
            exit(9);
        }),
        "hang" => serve(|_| wait()),
        "hang-after-answer" => serve(|event| {
            respond(&event.id, b"\"in time\"");
            wait();
        }),
        "error" => serve(|event| {
            post(&format!("/invocation/{}/error", event.id), br#"{"errorMessage":"no such place"}"#);
        }),
        "large" => serve(|event| {
            let bytes = event.body.parse().expect("the event is a number of bytes");
            note(&respond(&event.id, &vec![b'x'; bytes]).to_string());
        }),
        "variables" => serve(|event| {
            let mut lines: Vec<_> = env::vars().map(|(name, value)| format!("{name}={value}")).collect();
            lines.sort();
            respond(&event.id, lines.join("\n").as_bytes());
        }),
        "headers" => serve(|event| {
            respond(&event.id, event.head.as_bytes());
        }),
        // The event, and the body within it.
        "event" => serve(|event| {
            respond(&event.id, event.body.as_bytes());
        }),
        "echo" => serve(|event| {
            let event_json: serde_json::Value = serde_json::from_str(&event.body).expect("JSON");
            respond(&event.id, event_json["body"].as_str().expect("a text").as_bytes());
        }),
        other => panic!("no way to misbehave: {other:?}"),
    }
}

/// One event.
struct Event {
    id: String,
    head: String,
    body: String,
}

fn serve(mut handle: impl FnMut(Event)) {
    loop {
        handle(next());
    }
}

fn next() -> Event {
    let (status, answer) = call("GET", "/invocation/next", b"");
    if status != 200 {
        exit(i32::from(status % 256));
    }
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let id = head.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
    Event { id: id.expect("an id").into(), head: head.into(), body: body.into() }
}

fn respond(id: &str, body: &[u8]) -> u16 {
    post(&format!("/invocation/{id}/response"), body)
}

fn post(path: &str, body: &[u8]) -> u16 {
    call("POST", path, body).0
}

/// The status, and the whole answer as text. Writing may fail half-way: the other side need not read what is too large.
fn call(method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").expect("an address");
    let mut stream = TcpStream::connect(&address).expect("a connection");
    let length = body.len();
    let head = format!(
        "{method} {ROOT}{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

/// Leaves a line where the test looks.
fn note(line: &str) {
    let path = env::var("UNRULY_NOTES").expect("a file for notes");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("the file");
    writeln!(file, "{line}").expect("written");
}

fn wait() -> ! {
    loop {
        std::thread::park();
    }
}
