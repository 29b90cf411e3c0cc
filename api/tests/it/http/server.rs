//! A router over the fake store, and requests to it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use cellar_api::config::{ApiConfig, EdgeConfig, HealthConfig, WriteConfig};
use cellar_api::hot::HotCells;
use cellar_api::lambda::Function;
use cellar_api::pages::{CachedPages, PageCache, StorePages};
use cellar_api::router::router;
use cellar_api::search::{Limits, Search};
use cellar_api::state::AppState;
use cellar_api::tiers::Tiers;
use cellar_cache::Policy;
use cellar_cache::clock::ManualClock;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::fake::FakeStore;
use crate::lambda::transport::{self, Received};

pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) clock: Arc<ManualClock>,
    /// Of a server that has one.
    pub(crate) cache: Option<PageCache>,
    pub(crate) state: AppState,
    /// The same as a Lambda function.
    pub(crate) function: Function,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// An answer that is text.
    pub(crate) fn of((status, headers, body): Received) -> Self {
        Self { status, headers, text: String::from_utf8(body.into()).unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that it is a problem of this status and kind, and returns it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, slug: &str) -> Value {
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

pub(crate) fn request(method: Method, uri: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(body.into()).unwrap()
}

/// Sends a request to a router.
pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    Answer::of(receive(router, request).await)
}

async fn receive(router: &Router, request: Request<Body>) -> Received {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap())
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(ApiConfig::default(), WriteConfig { token: None, open: true })
    }

    pub(crate) fn with(config: ApiConfig, writes: WriteConfig) -> Self {
        Self::with_limits(config, writes, Limits::default())
    }

    pub(crate) fn with_limits(config: ApiConfig, writes: WriteConfig, limits: Limits) -> Self {
        let store = Arc::new(FakeStore::default());
        let clock = Arc::new(ManualClock::default());
        let search = Search::new(Arc::new(StorePages::new(store.clone())), limits);
        let state = AppState::with_clock(store.clone(), search, config, writes, clock.clone());
        let tiers = Tiers::new(store.clone(), Policy::default(), None);
        Self::over(state, tiers, store, clock, None)
    }

    /// With pages in memory, by the server's clock. Nobody tells it of changes but its own writers.
    pub(crate) fn cached(policy: Policy, edge: EdgeConfig) -> Self {
        let store = Arc::new(FakeStore::default());
        let clock = Arc::new(ManualClock::default());
        let pages = CachedPages::new(store.clone(), policy, None, clock.clone());
        let tiers = Tiers { pages, hot: Arc::new(HotCells::new(clock.clone())), board: None, edge: None };
        let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
        let writes = WriteConfig { token: None, open: true };
        let state = AppState::with_clock(store.clone(), search, ApiConfig::default(), writes, clock.clone());
        let cache = Some(tiers.pages.cache().clone());
        let state = state.with_edge(edge).with_tiers(&tiers, None);
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

    /// The same server, which answers health checks so.
    pub(crate) fn with_health(self, health: HealthConfig) -> Self {
        let tiers = Tiers::new(self.store.clone(), Policy::default(), None);
        Self::over(self.state.with_health(health), tiers, self.store, self.clock, self.cache)
    }

    pub(crate) fn with_time_limit(limit: Duration) -> Self {
        let config = ApiConfig { read_time_limit: limit, write_time_limit: limit, ..ApiConfig::default() };
        Self::with(config, WriteConfig { token: None, open: true })
    }

    /// A collection `wineries` of `count` places, 1 km apart, going north from the equator; every third is a bar.
    pub(crate) async fn with_wineries(count: usize) -> Self {
        Self::new().filled_with_wineries(count).await
    }

    /// The same in a server that is empty.
    pub(crate) async fn filled_with_wineries(self, count: usize) -> Self {
        let server = self;
        server.put("/v1/collections/wineries", "").await;
        let features: Vec<_> = (0..count).map(winery).collect();
        let batch = json!({ "type": "FeatureCollection", "features": features });
        let answer =
            server.send(request(Method::POST, "/v1/collections/wineries/items", batch.to_string())).await;
        assert_eq!(answer.json(), json!({ "written": count }));
        server
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.receive(request).await)
    }

    /// Sends a request by the transport that the tests are run with.
    pub(crate) async fn receive(&self, request: Request<Body>) -> Received {
        if transport::is_lambda() {
            transport::send(&self.function, request).await
        } else {
            receive(&self.router, request).await
        }
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(request(Method::GET, uri, "")).await
    }

    pub(crate) async fn put(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(request(Method::PUT, uri, body)).await
    }

    pub(crate) async fn post_as(&self, uri: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        let mut request = request(Method::POST, uri, body);
        request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        self.send(request).await
    }
}

pub(crate) fn winery(index: usize) -> Value {
    let category = if index % 3 == 2 { "wine bar" } else { "winery" };
    json!({
        "type": "Feature",
        "id": format!("w-{index:03}"),
        "geometry": { "type": "Point", "coordinates": [0.0, index as f64 / 111.195] },
        "properties": { "name": format!("Winery {index}"), "category": category },
    })
}

pub(crate) fn link<'a>(document: &'a Value, rel: &str) -> Option<&'a str> {
    document["links"].as_array()?.iter().find(|link| link["rel"] == rel)?["href"].as_str()
}

pub(crate) fn ids(document: &Value) -> Vec<String> {
    let features = document["features"].as_array().unwrap();
    features.iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
}
