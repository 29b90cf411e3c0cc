//! Changes since a token, and as they happen, over a real table and real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::SystemClock;
use cellar_changes::TableStream;
use cellar_changes::log::ChangeLog;
use cellar_http::config::{AccessConfig, LiveConfig, WriteConfig, WriteToken};
use cellar_http::live::Live;
use cellar_http::router::router;
use cellar_http::serve::{self, ConnectionLimits, Limits};
use cellar_http::state::AppState;
use cellar_search::pages::StorePages;
use cellar_search::{Limits as SearchLimits, Search};
use cellar_store::Store;
use cellar_test_kit::{TestStore, fresh_store};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a table of its own.
struct Bed {
    address: SocketAddr,
    client: Client,
    live: Arc<Live>,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<()>,
    _store: TestStore,
}

const QUICK: LiveConfig = LiveConfig {
    watchers: 10,
    watchers_per_client: 5,
    poll: Duration::from_millis(5),
    heartbeat: Duration::from_secs(15),
    stalled: Duration::from_secs(30),
};

impl Bed {
    async fn new(config: LiveConfig) -> Self {
        let open = WriteConfig { token: None, open: true };
        Self::with(config, open, AccessConfig::default(), Limits::default()).await
    }

    async fn with(config: LiveConfig, writes: WriteConfig, access: AccessConfig, limits: Limits) -> Self {
        let store = fresh_store().await;
        let stream = Arc::new(TableStream::of(&store));
        let log = ChangeLog::new(stream, Arc::new(SystemClock), Duration::from_mins(5));
        let live = Live::new(Arc::new(log), config);
        let table: Arc<dyn Store> = Arc::new((*store).clone());
        let search = Search::new(Arc::new(StorePages::new(table.clone())), SearchLimits::default());
        let state = AppState::builder(table, search).writes(writes).access(access);
        let state = state.live(Some(live.clone())).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let ending = live.clone();
        let shutdown = async move {
            drop(stopped.await);
            ending.stop();
        };
        let done =
            tokio::spawn(serve::run(listener, router(state), shutdown, Duration::from_mins(5), limits));
        Self { address, client: Client::new(), live, stop: Some(stop), done, _store: store }
    }

    /// With an empty collection `c`.
    async fn with_collection(config: LiveConfig) -> Self {
        let bed = Self::new(config).await;
        bed.client.put(bed.url("")).send().await.unwrap().error_for_status().unwrap();
        bed
    }

    fn url(&self, rest: &str) -> String {
        format!("http://{}/v1/collections/c{rest}", self.address)
    }

    async fn put(&self, id: &str, lat: f64, name: &str) {
        let feature = json!({
            "type": "Feature",
            "geometry": { "type": "Point", "coordinates": [5.0, lat] },
            "properties": { "name": name },
        });
        let put =
            self.client.put(self.url(&format!("/items/{id}"))).header("content-type", "application/geo+json");
        put.body(feature.to_string()).send().await.unwrap().error_for_status().unwrap();
    }

    async fn delete(&self, id: &str) {
        let delete = self.client.delete(self.url(&format!("/items/{id}")));
        delete.send().await.unwrap().error_for_status().unwrap();
    }

    async fn changes(&self, query: &str) -> Value {
        let answer = self.client.get(self.url(&format!("/changes{query}"))).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    async fn problem(&self, rest: &str) -> (StatusCode, String) {
        slug(self.client.get(self.url(rest)).send().await.unwrap()).await
    }

    async fn watch(&self, query: &str, last: Option<&str>) -> Events {
        let mut get = self.client.get(self.url(&format!("/live{query}")));
        if let Some(last) = last {
            get = get.header("last-event-id", last);
        }
        let response = get.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            [header("content-type"), header("cache-control"), header("access-control-allow-origin")],
            ["text/event-stream", "no-store", "*"]
        );
        let mut events = Events { response, text: String::new(), last: String::new() };
        let opening = events.block().await.unwrap();
        assert!(opening.starts_with("retry: ") && !events.last.is_empty(), "{opening}");
        events
    }
}

async fn slug(answer: Response) -> (StatusCode, String) {
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap();
    (status, problem["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned())
}

/// A stream of events, as a browser reads it.
struct Events {
    response: Response,
    text: String,
    /// The last id.
    last: String,
}

impl Events {
    /// The next block of lines; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                    id.clone_into(&mut self.last);
                }
                return Some(block);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event: its name and data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            let block = self.block().await.expect("an event");
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let Some(event) = line("event: ") {
                return (event.to_owned(), serde_json::from_str(line("data: ").unwrap()).unwrap());
            }
        }
    }

    async fn is(&mut self, event: &str, id: &str) -> Value {
        let (name, data) = self.next().await;
        assert_eq!((name.as_str(), data["id"].as_str().unwrap_or_default()), (event, id), "{data}");
        data
    }
}

#[tokio::test]
async fn a_copy_follows_token_by_token() {
    let bed = Bed::with_collection(QUICK).await;
    let first = bed.changes("").await;
    assert_eq!(first["changes"], json!([]));
    for (id, lat) in [("a", 1.0), ("b", 2.0), ("c", 3.0), ("a", 4.0)] {
        bed.put(id, lat, "x").await;
    }
    bed.delete("b").await;
    let (mut next, mut told) = (first["next"].as_str().unwrap().to_owned(), Vec::new());
    loop {
        let part = bed.changes(&format!("?since={next}&limit=2")).await;
        let changes = part["changes"].as_array().unwrap().clone();
        assert!(changes.len() <= 2);
        assert_eq!(part["links"][1]["rel"], "next");
        told.extend(changes);
        part["next"].as_str().unwrap().clone_into(&mut next);
        if part["more"] == false {
            break;
        }
    }
    let kinds: Vec<_> = told
        .iter()
        .map(|change| (change["id"].as_str().unwrap(), change["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("a", "put"), ("b", "put"), ("c", "put"), ("a", "put"), ("b", "delete")]);
    assert_eq!(told[3]["feature"]["geometry"]["coordinates"], json!([5.0, 4.0]));
    assert!(told[4].get("feature").is_none() && told[4]["time"].is_string());
    assert_eq!(bed.changes(&format!("?since={next}")).await["changes"], json!([]));
}

#[tokio::test]
async fn tokens_that_lead_nowhere_are_problems() {
    let (bed, other) = (Bed::with_collection(QUICK).await, Bed::with_collection(QUICK).await);
    assert_eq!(
        bed.problem("/changes?since=abc").await,
        (StatusCode::BAD_REQUEST, "token-invalid".to_owned())
    );
    assert_eq!(bed.problem("/live?since=abc").await, (StatusCode::BAD_REQUEST, "token-invalid".to_owned()));
    let foreign = other.changes("").await["next"].as_str().unwrap().to_owned();
    for route in ["changes", "live"] {
        let gone = bed.problem(&format!("/{route}?since={foreign}")).await;
        assert_eq!(gone, (StatusCode::GONE, "changes-gone".to_owned()), "{route}");
    }
    assert_eq!(bed.problem("/live?lat=1").await.1, "parameter-missing");
    let unknown = format!("http://{}/v1/collections/none/live", bed.address);
    assert_eq!(slug(bed.client.get(unknown).send().await.unwrap()).await.1, "collection-unknown");
}

#[tokio::test]
async fn places_enter_move_change_and_leave() {
    let bed = Bed::with_collection(QUICK).await;
    bed.put("before", 0.0, "x").await;
    let mut box_ = bed.watch("?bbox=0,-1,10,1", None).await;
    let mut circle = bed.watch("?lat=0&lon=5&radius=111000", None).await;
    let square = "%7B%22type%22:%22Polygon%22,%22coordinates%22:[[[0,-1],[9,-1],[9,1],[0,1],[0,-1]]]%7D";
    let mut polygon = bed.watch(&format!("?shape={square}"), None).await;
    bed.put("outside", 3.0, "x").await;
    bed.put("a", 0.5, "x").await;
    bed.put("a", 0.25, "x").await;
    bed.put("a", 0.25, "y").await;
    bed.put("outside", 0.125, "x").await;
    bed.put("a", 7.0, "y").await;
    bed.delete("outside").await;
    for events in [&mut box_, &mut circle, &mut polygon] {
        let entered = events.is("enter", "a").await;
        assert_eq!(entered["feature"]["geometry"]["coordinates"], json!([5.0, 0.5]));
        assert!(entered.get("from").is_none() && entered["time"].is_string());
        assert_eq!(events.is("move", "a").await["from"], json!([5.0, 0.5]));
        assert_eq!(events.is("change", "a").await["feature"]["properties"]["name"], "y");
        assert_eq!(events.is("enter", "outside").await["from"], json!([5.0, 3.0]));
        let left = events.is("exit", "a").await;
        assert_eq!(
            (&left["from"], &left["feature"]["geometry"]["coordinates"][1]),
            (&json!([5.0, 0.25]), &json!(7.0))
        );
        assert!(events.is("exit", "outside").await.get("feature").is_none(), "it is gone");
    }
}

#[tokio::test]
async fn who_comes_back_has_missed_nothing() {
    let bed = Bed::with_collection(QUICK).await;
    let mut events = bed.watch("", None).await;
    let first = events.last.clone();
    bed.put("a", 1.0, "x").await;
    events.is("enter", "a").await;
    let last = events.last.clone();
    drop(events);
    for id in ["b", "c", "d"] {
        bed.put(id, 2.0, "x").await;
    }
    // A browser comes back with the URL that it began with.
    let mut events = bed.watch(&format!("?since={first}"), Some(&last)).await;
    for id in ["b", "c", "d"] {
        events.is("enter", id).await;
    }
    bed.put("e", 3.0, "x").await;
    events.is("enter", "e").await;
    let mut by_query = bed.watch(&format!("?since={last}"), None).await;
    by_query.is("enter", "b").await;
    let mut from_first = bed.watch(&format!("?since={first}"), None).await;
    from_first.is("enter", "a").await;
}

#[tokio::test]
async fn seats_are_limited_and_come_back() {
    let bed = Bed::with_collection(LiveConfig { watchers: 2, watchers_per_client: 1, ..QUICK }).await;
    let events = bed.watch("", None).await;
    let refused = bed.client.get(bed.url("/live")).send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "30");
    assert_eq!(slug(refused).await, (StatusCode::TOO_MANY_REQUESTS, "too-many-watches".to_owned()));
    let head = bed.client.head(bed.url("/live")).send().await.unwrap();
    assert_eq!(
        (head.status(), &head.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    drop(events);
    while bed.live.watchers().get() > 0 || bed.live.hub().is_running() {
        tokio::task::yield_now().await;
    }
    bed.watch("", None).await;
    let none = Bed::with_collection(LiveConfig { watchers: 0, ..QUICK }).await;
    assert_eq!(none.problem("/live").await, (StatusCode::SERVICE_UNAVAILABLE, "watchers-full".to_owned()));
}

/// Longer than a connection may be idle, with comments that tell how far it is.
#[tokio::test]
async fn a_stream_is_not_idle() {
    let connections = ConnectionLimits { idle: Duration::from_millis(20), ..ConnectionLimits::default() };
    let limits = Limits { connections, ..Limits::default() };
    let config = LiveConfig { heartbeat: Duration::from_millis(15), ..QUICK };
    let open = WriteConfig { token: None, open: true };
    let bed = Bed::with(config, open, AccessConfig::default(), limits).await;
    bed.client.put(bed.url("")).send().await.unwrap().error_for_status().unwrap();
    let mut events = bed.watch("", None).await;
    for _ in 0..10 {
        let block = events.block().await.expect("it goes on");
        assert!(block.starts_with(":\nid: "), "{block}");
    }
    bed.put("a", 1.0, "x").await;
    events.is("enter", "a").await;
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let mut bed = Bed::with_collection(QUICK).await;
    let mut events = bed.watch("", None).await;
    drop(bed.stop.take());
    let (event, data) = events.next().await;
    assert_eq!((event.as_str(), &data["reason"]), ("end", &json!("stopping")));
    assert!(events.block().await.is_none());
    drop((events, std::mem::take(&mut bed.client)));
    // Long before the time to drain is up.
    (&mut bed.done).await.unwrap();
}

#[tokio::test]
async fn reading_with_keys_takes_one() {
    let token = WriteToken::new("0123456789abcdef").unwrap();
    let writes = WriteConfig { token: Some(token), open: false };
    let access = AccessConfig { keyed_reads: true, ..AccessConfig::default() };
    let bed = Bed::with(QUICK, writes, access, Limits::default()).await;
    let key = "Bearer 0123456789abcdef";
    bed.client
        .put(bed.url(""))
        .header("authorization", key)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    for route in ["/changes", "/live"] {
        assert_eq!(
            bed.problem(route).await,
            (StatusCode::UNAUTHORIZED, "read-unauthorized".to_owned()),
            "{route}"
        );
        let answer = bed.client.get(bed.url(route)).header("authorization", key).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{route}");
    }
}
