//! The servers under test, each in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use cellar_cache::Policy;
use cellar_changes::{Settings, TableStream};
use cellar_http::state::AppState;
use cellar_search::tiers::{BackgroundTasks, Feed, Tiers};
use cellar_search::{Limits, Search};
use tokio::net::TcpListener;

use super::client::{self, Connection};
use super::support::Places;

/// Of a second, in `/proc/<pid>/stat`: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a server does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// The API over the places, as `cellar serve` has it.
    Cellar,
    /// One route that returns so many bytes.
    Bare(usize),
}

/// A server in another process.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts this binary once more, as a server.
    pub(crate) fn start(role: Role) -> Self {
        let role = match role {
            Role::Cellar => "cellar".to_owned(),
            Role::Bare(bytes) => bytes.to_string(),
        };
        let this = std::env::current_exe().expect("this binary");
        let mut child = Command::new(this)
            .args(["--serve", &role])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its address");
        Self { address: line.trim().parse().expect("an address"), child }
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("CPU times come from /proc, which Linux has");
        // The name in parentheses may hold anything; user and system time are the 12th and 13th field after it.
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
        ticks.sum::<f64>() / TICKS_PER_SECOND
    }

    /// A metric by its whole name.
    pub(crate) fn metric(&self, name: &str) -> Option<String> {
        let mut connection = Connection::open(self.address);
        let answer = connection.ask(&client::get("/metrics"));
        let line = answer.body().lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its standard input; this is for one that hangs.
        drop(self.child.stdin.take());
        std::thread::sleep(Duration::from_millis(200));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the other process does: serves until its standard input ends.
#[tokio::main]
pub(crate) async fn run(role: &str) {
    cellar_cli_kit::log_to_stderr(|name| std::env::var(name).ok());
    let (router, _background) = if let Ok(bytes) = role.parse() {
        (bare(bytes), None)
    } else {
        let (router, background) = cellar().await;
        (router, Some(background))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let stop = async { drop(ended.await) };
    cellar_http::serve::run(listener, router, stop, Duration::ZERO, cellar_http::serve::Limits::default())
        .await;
}

fn bare(bytes: usize) -> Router {
    let body = Bytes::from(vec![b'x'; bytes]);
    let answer = move || {
        let body = body.clone();
        async { ([(CONTENT_TYPE, "application/geo+json")], body) }
    };
    Router::new()
        .route("/v1/collections/{collection}/nearby", get(answer.clone()))
        .route("/v1/collections/{collection}/cells/{cell}/nearby", get(answer))
}

pub(crate) async fn cellar() -> (Router, BackgroundTasks) {
    let (engine, store) = Places::read().store().await;
    // It goes on until the process ends.
    std::mem::forget(engine);
    let hour = Duration::from_hours(1);
    let policy = Policy::default().fresh(hour).negative_fresh(hour);
    let tiers = Tiers::new(store.clone(), policy, None);
    let table = store.table().to_owned();
    let background =
        tiers.start(Feed { stream: TableStream::of(&store), table, settings: Settings::embedded() });
    let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
    let state = AppState::builder(store, search).tiers(&tiers, Some(background.status.clone())).build();
    (cellar_http::router::router(state), background)
}
