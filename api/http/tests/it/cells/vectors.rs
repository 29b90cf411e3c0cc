//! What the edge makes of a request, the origin makes of it, too: the vectors that the edge function is tested with.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Request, Uri};
use cellar_search::edge_map::StoredMap;
use geo_index::edge::DensityMap;
use serde::Deserialize;

use cellar_test_kit::server::{Answer, Server};

/// How requests become canonical at the edge; its own member says how it was made.
const VECTORS: &str = include_str!("../../../../../infra/edge/vectors.json");

#[derive(Deserialize)]
struct Vectors {
    /// What the `KeyValueStore` holds, by name.
    stores: BTreeMap<String, BTreeMap<String, String>>,
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

/// A server whose table holds the density maps that the edge's `KeyValueStore` has.
async fn server_with(rows: &BTreeMap<String, String>) -> Server {
    let server = Server::with_wineries(3).await;
    for name in ["w", "0-_z", "bars"] {
        server.put(&format!("/v1/collections/{name}"), "").await;
    }
    for name in ["wineries", "bars"] {
        let of_it =
            rows.iter().filter_map(|(key, row)| Some((key.strip_prefix(name)?.strip_prefix(':')?, row)));
        let map =
            StoredMap { map: DensityMap::from_entries(of_it), made_unix_ms: 1, places: 3, certified: 0.95 };
        map.write(&*server.store, &name.parse().unwrap()).await.unwrap();
        // From now on it is in memory.
        assert_eq!(server.get(&format!("/v1/collections/{name}/edge-map")).await.status, 200);
    }
    server
}

#[tokio::test]
async fn the_origin_does_as_the_edge() {
    let Vectors { stores, cases } = serde_json::from_str(VECTORS).unwrap();
    let (mut asked, mut by_map, mut unsendable) = (0, 0, Vec::new());
    for (name, rows) in &stores {
        let server = server_with(rows).await;
        for case in cases.iter().filter(|case| case.store == *name) {
            match case.request() {
                Some(request) => {
                    check(case, &server.send(request).await);
                    asked += 1;
                    by_map += usize::from(!rows.is_empty());
                }
                None => unsendable.push(format!("{}?{}", case.path, case.query)),
            }
        }
    }
    assert_eq!(asked + unsendable.len(), cases.len());
    let not_http = [' ', '"', '#', '<', '>', '\\', '^', '`', '{', '|', '}', '\u{7f}'];
    unsendable.retain(|text| text.starts_with('/') && !text.contains(not_http));
    assert_eq!(unsendable, Vec::<String>::new());
    assert!(asked > 1_950 && by_map > 250, "{asked} of {} were asked, {by_map} with a map", cases.len());
}
