//! A router over the fake store, and requests to it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use cellar_cache::Policy;
use cellar_cache::clock::ManualClock;
use cellar_http::config::{AccessConfig, ApiConfig, HealthConfig, WriteConfig};
use cellar_http::router::router;
use cellar_http::state::AppState;
use cellar_lambda::Function;
use cellar_search::cells::EdgeConfig;
use cellar_search::hot::HotCells;
use cellar_search::pages::{CachedPages, PageCache, StorePages};
use cellar_search::tiers::Tiers;
use cellar_search::{Limits, Search};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::fake::FakeStore;
use crate::imports::FakeImports;
use crate::transport::{self, Received};

pub struct Server {
    pub router: Router,
    pub store: Arc<FakeStore>,
    pub clock: Arc<ManualClock>,
    /// Of a server that has one.
    pub cache: Option<PageCache>,
    pub state: AppState,
    /// The same as a Lambda function.
    pub function: Function,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// An answer that is text.
    pub fn of((status, headers, body): Received) -> Self {
        Self { status, headers, text: String::from_utf8(body.into()).unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that it is a problem of this status and kind, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, slug: &str) -> Value {
        let problem = self.json();
        assert_eq!(self.status.as_u16(), status, "{problem}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], self.header("x-request-id"));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        problem
    }
}

pub fn request(method: Method, uri: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(body.into()).unwrap()
}

/// Sends a request to a router.
pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    Answer::of(receive(router, request).await)
}

async fn receive(router: &Router, request: Request<Body>) -> Received {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap())
}

impl Server {
    pub fn new() -> Self {
        Self::with(ApiConfig::default(), WriteConfig { token: None, open: true })
    }

    pub fn with(config: ApiConfig, writes: WriteConfig) -> Self {
        Self::with_limits(config, writes, Limits::default())
    }

    /// With API keys.
    pub fn with_access(config: ApiConfig, writes: WriteConfig, access: AccessConfig) -> Self {
        Self::made(config, writes, access, Limits::default())
    }

    pub fn with_limits(config: ApiConfig, writes: WriteConfig, limits: Limits) -> Self {
        Self::made(config, writes, AccessConfig::default(), limits)
    }

    fn made(config: ApiConfig, writes: WriteConfig, access: AccessConfig, limits: Limits) -> Self {
        let store = Arc::new(FakeStore::default());
        let clock = Arc::new(ManualClock::default());
        let search = Search::new(Arc::new(StorePages::new(store.clone())), limits);
        let state = AppState::builder(store.clone(), search);
        let state = state.config(config).writes(writes).access(access).clock(clock.clone());
        let state = state.imports(Some(Arc::new(FakeImports::default()))).build();
        let tiers = Tiers::new(store.clone(), Policy::default(), None);
        Self::over(state, tiers, store, clock, None)
    }

    /// With pages in memory, by the server's clock. Nobody tells it of changes but its own writers.
    pub fn cached(policy: Policy, edge: EdgeConfig) -> Self {
        let store = Arc::new(FakeStore::default());
        let clock = Arc::new(ManualClock::default());
        let pages = CachedPages::new(store.clone(), policy, None, clock.clone());
        let tiers =
            Tiers { pages, hot: Arc::new(HotCells::new(clock.clone())), coordination: None, edge: None };
        let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
        let writes = WriteConfig { token: None, open: true };
        let cache = Some(tiers.pages.cache().clone());
        let state = AppState::builder(store.clone(), search);
        let state = state.writes(writes).clock(clock.clone()).edge(edge).tiers(&tiers, None).build();
        Self::over(state, tiers, store, clock, cache)
    }

    fn over(
        state: AppState,
        tiers: Tiers,
        store: Arc<FakeStore>,
        clock: Arc<ManualClock>,
        cache: Option<PageCache>,
    ) -> Self {
        let function = Function::new(state.clone(), tiers, Duration::from_millis(20), false);
        Self { router: router(state.clone()), store, clock, cache, state, function }
    }

    /// A server that answers health checks as a configuration says.
    pub fn with_health(health: HealthConfig) -> Self {
        let store = Arc::new(FakeStore::default());
        let clock = Arc::new(ManualClock::default());
        let search = Search::new(Arc::new(StorePages::new(store.clone())), Limits::default());
        let state = AppState::builder(store.clone(), search);
        let writes = WriteConfig { token: None, open: true };
        let state = state.writes(writes).clock(clock.clone()).health(health).build();
        let tiers = Tiers::new(store.clone(), Policy::default(), None);
        Self::over(state, tiers, store, clock, None)
    }

    pub fn with_time_limit(limit: Duration) -> Self {
        let config = ApiConfig { read_time_limit: limit, write_time_limit: limit, ..ApiConfig::default() };
        Self::with(config, WriteConfig { token: None, open: true })
    }

    /// A collection `wineries` of `count` places, 1 km apart, going north from the equator; every third is a bar.
    pub async fn with_wineries(count: usize) -> Self {
        Self::new().filled_with_wineries(count).await
    }

    /// The same in a server that is empty.
    pub async fn filled_with_wineries(self, count: usize) -> Self {
        let server = self;
        server.put("/v1/collections/wineries", "").await;
        let features: Vec<_> = (0..count).map(winery).collect();
        let batch = json!({ "type": "FeatureCollection", "features": features });
        let answer =
            server.send(request(Method::POST, "/v1/collections/wineries/items", batch.to_string())).await;
        assert_eq!(answer.json()["written"], count, "{}", answer.text);
        server
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.receive(request).await)
    }

    /// Sends a request by the transport that the tests are run with.
    pub async fn receive(&self, request: Request<Body>) -> Received {
        if transport::is_lambda() {
            transport::send(&self.function, request).await
        } else {
            receive(&self.router, request).await
        }
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.send(request(Method::GET, uri, "")).await
    }

    pub async fn put(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(request(Method::PUT, uri, body)).await
    }

    pub async fn post_as(&self, uri: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        let mut request = request(Method::POST, uri, body);
        request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        self.send(request).await
    }
}

pub fn winery(index: usize) -> Value {
    let category = if index % 3 == 2 { "wine bar" } else { "winery" };
    json!({
        "type": "Feature",
        "id": format!("w-{index:03}"),
        "geometry": { "type": "Point", "coordinates": [0.0, index as f64 / 111.195] },
        "properties": { "name": format!("Winery {index}"), "category": category },
    })
}

pub fn link<'a>(document: &'a Value, rel: &str) -> Option<&'a str> {
    document["links"].as_array()?.iter().find(|link| link["rel"] == rel)?["href"].as_str()
}

pub fn ids(document: &Value) -> Vec<String> {
    let features = document["features"].as_array().unwrap();
    features.iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
}
