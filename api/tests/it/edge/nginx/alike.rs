//! Nonsense is the same problem at the edge and at the origin.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde::Deserialize;
use serde_json::Value;

use super::bed::{Edge, lifetimes};
use crate::edge::origin::{Origin, PATIENCE};
use crate::edge::sites::{Site, at};

/// How requests become canonical; its own member says how it was made.
const VECTORS: &str = include_str!("../../../../../infra/edge/vectors.json");
/// One in so many is asked.
const SAMPLE: usize = 5;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    path: String,
    query: String,
    store: String,
    reject: Option<Value>,
}

/// An answer, as bytes that no client has touched.
#[derive(Debug)]
struct Raw {
    head: String,
    body: String,
}

/// What matters of an answer.
#[derive(Debug, PartialEq)]
struct Gist {
    status: String,
    /// Of a problem: its type and its parameter.
    problem: Option<(String, Option<String>)>,
    location: Option<String>,
}

impl Raw {
    /// Asks in HTTP/1.0, whose answers end with the connection.
    fn get(address: SocketAddr, target: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("GET {target} HTTP/1.0\r\nhost: cellar\r\n\r\n").as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Self { head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn gist(&self) -> Gist {
        let problem = self.header("content-type") == Some("application/problem+json");
        let problem = problem.then(|| {
            let document: Value = serde_json::from_str(&self.body).unwrap();
            let text = |member: &str| document[member].as_str().map(str::to_owned);
            (text("type").expect("a type"), text("parameter"))
        });
        let status = self.head.split(' ').nth(1).unwrap_or_default().to_owned();
        Gist { status, problem, location: self.header("content-location").map(str::to_owned) }
    }
}

/// What the request line of HTTP can hold: no fragment, no space and nothing beyond ASCII. hyper refuses the rest.
fn is_sendable(target: &str) -> bool {
    let odd = ['#', '"', '<', '>', '\\', '^', '`', '{', '|', '}'];
    target.starts_with('/') && target.chars().all(|c| c.is_ascii_graphic() && !odd.contains(&c))
}

/// What nginx refuses by itself, in HTML: README.md of the edge lists it.
fn nginx_refuses(target: &str, answer: &Raw) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let html = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    html && answer.gist().status == "400" && (path.contains('%') || path.contains(".."))
}

fn compare(edge: &Edge, origin: &Origin, target: &str) -> bool {
    let (through, straight) = (Raw::get(edge.address, target), Raw::get(origin.address, target));
    if nginx_refuses(target, &through) {
        return false;
    }
    assert_eq!(through.gist(), straight.gist(), "{target}");
    true
}

async fn bed() -> (Origin, Edge) {
    let names = ["w", "wineries", "0-_z"];
    let sites: Vec<_> = names.into_iter().map(|name| Site::town(name, at(48.8566, 2.3522))).collect();
    let origin = Origin::start(&sites[..], lifetimes(300, 0, 0)).await;
    let edge = Edge::start(&origin.url).await;
    (origin, edge)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_the_vectors_gets_the_same_both_ways() {
    let (origin, edge) = bed().await;
    let Vectors { cases } = serde_json::from_str(VECTORS).unwrap();
    let (mut rejected, mut served, mut html) = (0, 0, 0);
    let without_map = cases.iter().filter(|case| case.store == "none" || case.reject.is_some());
    for case in without_map.step_by(SAMPLE) {
        let target =
            if case.query.is_empty() { case.path.clone() } else { format!("{}?{}", case.path, case.query) };
        if !is_sendable(&target) {
            continue;
        }
        match (tokio::task::block_in_place(|| compare(&edge, &origin, &target)), &case.reject) {
            (false, _) => html += 1,
            (true, Some(_)) => rejected += 1,
            (true, None) => served += 1,
        }
    }
    println!("{rejected} problems, {served} answers, {html} that nginx refuses");
    assert!(rejected > 100 && served > 20 && html < 20, "{rejected} {served} {html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_the_same_problem_and_no_header() {
    let (origin, edge) = bed().await;
    let near = |query: &str| format!("/v1/collections/w/nearby?{query}");
    let cell = |query: &str| format!("/v1/collections/w/cells/gh:u09t/nearby?{query}");
    let long = "x".repeat(8_000);
    let targets = [
        near(&format!("lat=1&lon=2&mode=cell&category={long}")),
        cell(&format!("category={long}")),
        cell("category=a%0d%0aX-Evil:%201"),
        near("lat=1&lon=2&mode=cell&category=a%0d%0aSet-Cookie:%20x-evil"),
        cell("%0d%0aX-Evil:1"),
        "/v1/collections/w/cells/gh:U09T/nearby".to_owned(),
        "/v1/collections/W/cells/gh:u09t/nearby".to_owned(),
        "/V1/collections/w/cells/gh:u09t/nearby".to_owned(),
        "/v1/collections/w/cells/GH:u09t/nearby".to_owned(),
        near("lat=1&lon=2&MODE=cell"),
        near("lat=1&lon=2&mode=CELL"),
        near("lat=1&lon=2&mode=cell&lat=1"),
        near("lat=1&lon=2&mode=cell&mode=cell"),
        near("lat=1&lon=2&mode=cell&mode=exact"),
        near("lat=1&lon=2&mode=cell&l%61t=1"),
        cell("category=a&category=a"),
        cell("category="),
        cell("category=%ff"),
        near("lat=1e999&lon=2&mode=cell"),
        near("lat=NaN&lon=2&mode=cell"),
        near("lat=1&lon=2&mode=cell&cursor=x"),
    ];
    for target in &targets {
        assert!(tokio::task::block_in_place(|| compare(&edge, &origin, target)), "{target}");
        let answer = tokio::task::block_in_place(|| Raw::get(edge.address, target));
        assert!(answer.gist().status.starts_with('4'), "{target}: {answer:?}");
        let evil =
            answer.head.lines().skip(1).any(|line| line.starts_with("x-evil") || line.contains("x-evil"));
        assert!(!evil, "{target}: {answer:?}");
    }
    assert_eq!(edge.kept().len(), 0, "nonsense is not kept");
}
