//! The API on a real socket. Requests are counted; answers can be held up or replaced by failures.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use cellar_cache::Policy;
use cellar_http::serve::{self, Limits};
use cellar_model::place::Place;
use cellar_search::cells::EdgeConfig;
use cellar_store::{CollectionInfo, Store as _};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::sites::Site;
use cellar_test_kit::collection;
use cellar_test_kit::server::Server;

/// Longest time for anything but a hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What happens to requests that read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gate {
    Open,
    /// They wait until the gate is another.
    Held,
    /// They are answered with 503.
    Failing,
}

struct Watched {
    seen: Mutex<Vec<String>>,
    gate: watch::Sender<Gate>,
}

pub(super) struct Origin {
    /// `http://127.0.0.1:<port>`.
    pub(super) url: String,
    pub(super) address: SocketAddr,
    server: Server,
    watched: Arc<Watched>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Origin {
    /// Serves the places of some sites.
    pub(super) async fn start(sites: &[Site], edge: EdgeConfig) -> Self {
        let server = Server::cached(Policy::default().jitter(0.0).early_refresh(0.0), edge);
        for site in sites {
            let name = collection(site.name);
            let info = CollectionInfo { name: name.clone(), title: None };
            server.store.put_collection(&info).await.unwrap();
            server.store.put_many(&name, &site.places).await.unwrap();
        }
        let watched = Arc::new(Watched { seen: Mutex::default(), gate: watch::Sender::new(Gate::Open) });
        let router = server.router.clone().layer(from_fn_with_state(Arc::clone(&watched), watch_over));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let done = tokio::spawn(serve::run(listener, router, shutdown, PATIENCE, Limits::default()));
        Self { url: format!("http://{address}"), address, server, watched, stop, done }
    }

    pub(super) fn set(&self, gate: Gate) {
        self.watched.gate.send_replace(gate);
    }

    /// Requests for cell answers so far: path and query.
    pub(super) fn cells(&self) -> Vec<String> {
        let seen = self.watched.seen.lock().unwrap();
        seen.iter().filter(|path| path.contains("/cells/")).cloned().collect()
    }

    /// All requests so far.
    pub(super) fn seen(&self) -> usize {
        self.watched.seen.lock().unwrap().len()
    }

    /// Adds a place as anybody would, past the edge.
    pub(super) async fn write(&self, name: &str, place: &Place) {
        let uri = format!("/v1/collections/{name}/items/{}", place.id);
        let answer = self.server.put(&uri, place.feature()).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    /// Ends it; connections are refused from then on.
    pub(super) async fn kill(self) {
        self.set(Gate::Open);
        drop(self.stop);
        self.done.await.unwrap();
    }
}

async fn watch_over(State(watched): State<Arc<Watched>>, request: Request, next: Next) -> Response {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    watched.seen.lock().unwrap().push(path);
    if request.method() == Method::PUT {
        return next.run(request).await;
    }
    let mut gate = watched.gate.subscribe();
    let open = gate.wait_for(|gate| *gate != Gate::Held).await.map(|gate| *gate);
    match open {
        Ok(Gate::Failing) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => next.run(request).await,
    }
}

/// Polls until there is something.
pub(super) async fn until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
