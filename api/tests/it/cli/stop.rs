//! How a server stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::process::{Desk, PATIENCE, until};

#[test]
fn a_request_under_way_is_answered() {
    let desk = Desk::new();
    let mut server = desk.serve(&[]);
    desk.write("a.csv", "id,lat,lon\na,1,2\n");
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut connection = TcpStream::connect(&address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[2,1]},"properties":{}}"#;
    let head = format!(
        "PUT /v1/collections/places/items/b HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\n\
         content-type: application/geo+json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "HTTP/1.1 100 Continue", "the server waits for the body");
    answer.read_line(&mut line).unwrap();

    server.process.signal("TERM");
    until("the port to be closed", || TcpStream::connect(&address).is_err().then_some(()));
    assert!(server.process.0.try_wait().unwrap().is_none(), "a request is under way");
    connection.write_all(body.as_bytes()).unwrap();
    let mut rest = String::new();
    answer.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 201 Created"), "{rest}");
    assert_eq!(server.process.wait().code(), Some(0));
    assert!(desk.ok(&["get", "b", "-c", "places"]).contains(r#""id":"b""#));
}

#[test]
fn a_signal_right_after_the_address_is_heeded() {
    let desk = Desk::new();
    for signal in ["TERM", "INT"] {
        let mut server = desk.serve(&[]);
        server.process.signal(signal);
        assert_eq!(server.process.wait().code(), Some(0), "{signal}");
    }
}
