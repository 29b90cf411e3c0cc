//! The server under load, in a process of its own.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::table;

/// Places, a row of them 1 km apart.
const PLACES: usize = 1_000;
/// Different requests.
const REQUESTS: usize = 64;

/// What a server comes to the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Cpu,
    Table,
    /// One axum route that returns as many bytes as a search here: what the connections alone cost.
    Bare,
}

/// Bytes of an answer to a search here.
const BARE_BYTES: usize = 3_100;

/// Of a second, in `/proc/<pid>/stat`: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Server {
    processes: Vec<Child>,
    _data: TempDir,
    pub(crate) address: SocketAddr,
    /// What is asked for.
    pub(crate) paths: Arc<[String]>,
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Server {
    pub(crate) fn start(bound: Bound, cpus: Option<&str>, runtime: &Runtime) -> Self {
        if bound == Bound::Bare {
            return Self::bare(cpus);
        }
        let data = tempfile::tempdir().expect("a directory");
        let csv = data.path().join("places.csv");
        std::fs::write(&csv, places()).expect("a file");
        let directory = data.path().join("data");
        let mut import = Command::new(env!("CARGO_BIN_EXE_cellar"));
        import.arg("import").arg(&csv).args(["-c", "places", "--data"]).arg(&directory);
        assert!(
            import.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs").success(),
            "the places are imported"
        );
        let mut serve = Command::new(env!("CARGO_BIN_EXE_cellar"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&directory);
        let mut processes = Vec::new();
        let (process, mut address) = match bound {
            Bound::Table => listening(&mut serve),
            Bound::Cpu | Bound::Bare => listening(&mut kept_to(serve, cpus)),
        };
        processes.push(process);
        if bound == Bound::Table {
            let endpoint = std::fs::read_to_string(directory.join("endpoint")).expect("the engine's address");
            let engine = endpoint.trim().trim_start_matches("http://").parse().expect("an address");
            let slow = runtime.block_on(table::slow(engine));
            let mut serve = Command::new(env!("CARGO_BIN_EXE_cellar"));
            serve.args(["serve", "--listen", "127.0.0.1:0", "--table", "cellar"]);
            serve.args(["--endpoint-url", &format!("http://{slow}")]);
            serve.env("AWS_REGION", "local").env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x");
            let (process, behind) = listening(&mut kept_to(serve, cpus));
            processes.push(process);
            address = behind;
        }
        let path = |number: usize| match bound {
            Bound::Cpu | Bound::Bare => {
                let lat = (number * PLACES / REQUESTS) as f64 * 0.01;
                format!("/v1/collections/places/nearby?lat={lat}&lon=0&radius=10000&limit=20")
            }
            Bound::Table => format!("/v1/collections/places/items/p-{}", number * PLACES / REQUESTS),
        };
        Self { processes, _data: data, address, paths: (0..REQUESTS).map(path).collect() }
    }

    fn bare(cpus: Option<&str>) -> Self {
        let mut serve = Command::new(std::env::current_exe().expect("this binary"));
        serve.arg("--bare");
        let (process, address) = listening(&mut kept_to(serve, cpus));
        let data = tempfile::tempdir().expect("a directory");
        Self { processes: vec![process], _data: data, address, paths: ["/".to_owned()].into() }
    }

    /// CPU time so far of the server that is asked.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let id = self.processes.last().expect("a server").id();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
        let stat = stat.expect("CPU times come from /proc, which Linux has");
        // The name in parentheses may hold anything; user and system time are the 12th and 13th field after it.
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
        ticks.sum::<f64>() / TICKS_PER_SECOND
    }
}

/// What the process of [`Bound::Bare`] does, until it is killed.
#[tokio::main]
pub(crate) async fn serve_bare() {
    let body = Bytes::from(vec![b'x'; BARE_BYTES]);
    let answer = move || std::future::ready(([(CONTENT_TYPE, "application/geo+json")], body.clone()));
    raise_descriptors();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("listening on http://{}", listener.local_addr().expect("an address"));
    axum::serve(listener, axum::Router::new().route("/", get(answer))).await.expect("it serves");
}

fn places() -> String {
    let mut csv = String::from("id,lat,lon\n");
    for place in 0..PLACES {
        writeln!(csv, "p-{place},{},0", place as f64 * 0.01).expect("a text takes all");
    }
    csv
}

fn kept_to(serve: Command, cpus: Option<&str>) -> Command {
    let Some(cpus) = cpus else { return serve };
    let mut kept = Command::new("taskset");
    kept.args(["-c", cpus]).arg(serve.get_program()).args(serve.get_args());
    kept.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    kept
}

fn listening(command: &mut Command) -> (Child, SocketAddr) {
    let mut child = command.env("RUST_LOG", "off").stdout(Stdio::piped()).spawn().expect("the server starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
    let address = line.trim().strip_prefix("listening on http://").expect("its address").parse();
    (child, address.expect("an address"))
}

/// A client with thousands of connections needs as many descriptors.
pub(crate) fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
