//! What the edge makes of a request, the origin makes of it, too: the vectors that the edge function is tested with.

use axum::body::Body;
use axum::http::{Method, Request, Uri};
use serde::Deserialize;

use crate::http::server::{Answer, Server};

/// How requests become canonical at the edge; its own member says how it was made.
const VECTORS: &str = include_str!("../../../../../infra/edge/vectors.json");

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    path: String,
    query: String,
    store: String,
    uri: Option<String>,
    #[serde(default)]
    canonical_query: String,
    reject: Option<Rejected>,
}

#[derive(Debug, Deserialize)]
struct Rejected {
    kind: String,
    parameter: Option<String>,
}

impl Case {
    /// As it would be sent; `None` for what no HTTP request can hold.
    fn request(&self) -> Option<Request<Body>> {
        // The parser drops a fragment, which no client sends.
        if self.path.contains('#') || self.query.contains('#') {
            return None;
        }
        let text =
            if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) };
        let uri: Uri = text.parse().ok()?;
        Request::builder().method(Method::GET).uri(uri).body(Body::empty()).ok()
    }

    /// Its path names the cell, so that no density map has a say.
    fn names_cell(&self) -> bool {
        self.path.contains("/cells/") || self.query.contains("precision=")
    }

    fn canonical(&self) -> Option<String> {
        let uri = self.uri.as_ref()?;
        let query = &self.canonical_query;
        Some(if query.is_empty() { uri.clone() } else { format!("{uri}?{query}") })
    }
}

#[track_caller]
fn check(case: &Case, answer: &Answer) {
    let asked = format!("{}?{}", case.path, case.query);
    match (&case.reject, case.canonical()) {
        (Some(Rejected { kind, parameter }), _) => {
            let problem = answer.problem(400, kind);
            assert_eq!(problem["parameter"].as_str(), parameter.as_deref(), "{asked}");
        }
        // No such collection is a fault that only the origin can find.
        (None, Some(_)) if answer.status == 404 => {
            assert_eq!(answer.problem(404, "collection-unknown")["parameter"], "collection", "{asked}");
        }
        (None, Some(canonical)) => {
            assert_eq!(answer.status, 200, "{asked}: {}", answer.text);
            assert_eq!(answer.header("content-location"), canonical, "{asked}");
        }
        (None, None) => assert_eq!(answer.header("content-location"), "", "{asked}"),
    }
}

#[tokio::test]
async fn the_origin_does_as_the_edge() {
    let server = Server::with_wineries(3).await;
    let Vectors { cases } = serde_json::from_str(VECTORS).unwrap();
    for name in ["w", "0-_z"] {
        server.put(&format!("/v1/collections/{name}"), "").await;
    }
    let (mut asked, mut unsendable) = (0, Vec::new());
    for case in &cases {
        if case.store != "none" && case.reject.is_none() && !case.names_cell() {
            continue;
        }
        match case.request() {
            Some(request) => {
                check(case, &server.send(request).await);
                asked += 1;
            }
            None => unsendable.push(format!("{}?{}", case.path, case.query)),
        }
    }
    let not_http = [' ', '"', '#', '<', '>', '\\', '^', '`', '{', '|', '}', '\u{7f}'];
    unsendable.retain(|text| text.starts_with('/') && !text.contains(not_http));
    assert_eq!(unsendable, Vec::<String>::new());
    assert!(asked > 1_700, "{asked} of {} were asked", cases.len());
}
