//! `cellar edge` with a stub origin behind it, and `cellar serve --edge-purge` that tells it what to forget.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderName, Uri};
use reqwest::header::HeaderMap;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::cli::process::{Desk, Ended, PATIENCE, Running, until};

/// Cells and the tags of their answers: roots around Paris, and one near Tokyo.
const CELLS: [(&str, &str); 4] = [
    ("u09t", "places:831fb4fffffffff, places:831fa4fffffffff"),
    ("u09w", "places:831fa4fffffffff, places:831fb4fffffffff"),
    ("xn76", "places:832f5afffffffff"),
    ("u0z", "other:831fb4fffffffff"),
];

/// An origin whose answers everybody may keep for an hour, and what was asked of it.
struct Origin {
    runtime: Runtime,
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let keep = Arc::clone(&seen);
        let map = || async {
            r#"{"collection":"places","places":1,"rows":{"u0":"00000000060000000000000000000000"}}"#
        };
        let router = Router::new()
            .route("/v1/collections/places/edge-map", axum::routing::get(map))
            .fallback(move |uri: Uri| async move {
                let tags = CELLS.iter().find(|(cell, _)| uri.path().contains(&format!("gh:{cell}/")));
                keep.lock().unwrap().push(uri.path().to_owned());
                let tag = HeaderName::from_static("cache-tag");
                (
                    [("cache-control", "public, s-maxage=3600")],
                    [(tag, tags.map_or("", |(_, tags)| *tags))],
                    "an answer",
                )
            });
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { runtime, url, seen }
    }

    fn get(&self, url: &str) -> HeaderMap {
        self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
            let answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{url}");
            answer.headers().clone()
        })
    }

    fn put(&self, url: &str, lat: f64, lon: f64) {
        let body = format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon},{lat}]}},"properties":{{}}}}"#
        );
        self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
            let request = client.put(url).header("content-type", "application/geo+json").body(body);
            assert!(request.send().await.unwrap().status().is_success());
        });
    }

    /// How often each of the cells was fetched, while each is asked for once more.
    fn fetched(&self, edge: &Running) -> [usize; CELLS.len()] {
        let path = |(cell, tags): (&str, &str)| {
            let collection = tags.split(':').next().unwrap();
            format!("/v1/collections/{collection}/cells/gh:{cell}/nearby")
        };
        CELLS.map(|cell| {
            self.get(&format!("{}{}", edge.url, path(cell)));
            self.seen.lock().unwrap().iter().filter(|seen| **seen == path(cell)).count()
        })
    }

    fn shown(&self, server: &Running, name: &str) -> u64 {
        let text = self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            client.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap()
        });
        let wanted = format!("cellar_edge_purge_{name}_total ");
        text.lines().find_map(|line| line.strip_prefix(&wanted)).expect("it is shown").parse().unwrap()
    }
}

fn edge(desk: &Desk, origin: &str) -> Running {
    Running::start(&mut desk.cellar(&["edge", "--origin", origin, "--listen", "127.0.0.1:0"]))
}

#[test]
fn a_write_purges_exactly_what_it_concerns() {
    let (desk, origin) = (Desk::new(), Origin::start());
    desk.write("a.csv", "id,lat,lon\na,48.8566,2.3522\n");
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let edge = edge(&desk, &origin.url);
    let mut command = desk.cellar(&["serve", "--listen", "127.0.0.1:0", "--edge-purge", &edge.url]);
    let server = Running::start(command.env("CELLAR_EDGE_PURGE_WINDOW_MS", "0"));
    until("the feed", || (server.get("/ready")["feed"]["state"] == "running").then_some(()));
    assert_eq!(origin.fetched(&edge), [1, 1, 1, 1]);
    assert_eq!(origin.fetched(&edge), [1, 1, 1, 1], "the edge keeps them");

    let place = format!("{}/v1/collections/places/items/new", server.url);
    origin.put(&place, 48.8566, 2.3522);
    until("the purge", || (origin.shown(&server, "sent") == 1).then_some(()));
    assert_eq!(origin.fetched(&edge), [2, 2, 1, 1], "the tag of its root, in its collection");

    origin.put(&place, 35.6762, 139.6503);
    until("the purge of a move", || (origin.shown(&server, "sent") == 3).then_some(()));
    assert_eq!(origin.fetched(&edge), [3, 3, 2, 1], "where it was and where it is");
    assert_eq!(["queued", "failures", "over_budget"].map(|name| origin.shown(&server, name)), [3, 0, 0]);

    // What waits when the server stops is sent.
    origin.put(&place, 48.8566, 2.3522);
    until("the change to be heard of", || (origin.shown(&server, "queued") == 5).then_some(()));
    server.stop();
    assert_eq!(origin.fetched(&edge), [4, 4, 3, 1]);
    edge.stop();
}

#[test]
fn maps_come_from_the_origin() {
    let (desk, origin) = (Desk::new(), Origin::start());
    let args = ["edge", "--origin", &origin.url, "--listen", "127.0.0.1:0", "--map-of", "places"];
    let edge = Running::start(&mut desk.cellar(&args));
    // In u09, the row's digit; elsewhere the default.
    for (at, cell) in [("lat=48.8566&lon=2.3522", "gh:u09tvw"), ("lat=35.6762&lon=139.6503", "gh:xn76")] {
        origin.get(&format!("{}/v1/collections/places/nearby?mode=cell&{at}", edge.url));
        let asked = origin.seen.lock().unwrap().pop().unwrap();
        assert_eq!(asked, format!("/v1/collections/places/cells/{cell}/nearby"));
    }
    edge.stop();
}

#[test]
fn nginx_ends_with_the_command_however_it_ends() {
    let (desk, origin) = (Desk::new(), Origin::start());
    for signal in ["TERM", "INT", "KILL"] {
        let mut edge = edge(&desk, &origin.url);
        edge.lines_until("Ctrl-C");
        let address = edge.url.trim_start_matches("http://").to_owned();
        let connects = || std::net::TcpStream::connect(&address).is_ok();
        assert!(connects());
        edge.process.signal(signal);
        let code = edge.process.wait().code();
        assert_eq!(code, (signal != "KILL").then_some(0), "{signal}");
        until("nginx to end", || (!connects()).then_some(()));
    }
}

#[test]
fn what_is_wrong_with_an_edge_is_one_line() {
    let (desk, origin) = (Desk::new(), Origin::start());
    let taken = origin.url.trim_start_matches("http://").to_owned();
    let in_use = format!("cannot listen on {taken}: ");
    let no_map = "cannot get the density map of `x` from http://127.0.0.1:1/: ";
    let cases: [(&[&str], i32, &[&str]); 7] = [
        (
            &["edge", "--map-of", "x", "--origin", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"],
            1,
            &[no_map, "refused"],
        ),
        (&["edge", "--listen", &taken], 1, &[&in_use, "name another address with --listen"]),
        (&["edge", "--origin", "https://x"], 2, &["--origin: ", "http://127.0.0.1:8080"]),
        (&["edge", "--origin", "http://u:s3cr3t@x"], 2, &["--origin: ", "http://127.0.0.1:8080"]),
        (&["edge", "--map", "none.json", "--listen", "127.0.0.1:0"], 2, &["cannot read none.json"]),
        (&["serve", "--edge-purge", "127.0.0.1:8090"], 2, &["--edge-purge: ", "http://127.0.0.1:8090"]),
        (&["serve", "--cloudfront", "nope"], 2, &["--cloudfront is \"nope\"", "E2QWRUHAPOMQZL"]),
    ];
    for (args, code, parts) in cases {
        let ended = desk.run(args);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{args:?}: {ended:?}");
        assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{args:?}: {ended:?}");
        assert!(parts.iter().all(|part| ended.stderr.contains(part)), "{args:?}: {ended:?}");
        assert!(!ended.stderr.contains("s3cr3t"), "{ended:?}");
    }
    let mut command = desk.cellar(&["edge", "--listen", "127.0.0.1:0"]);
    let ended = Ended::of(command.env("EDGE_NJS_MODULE", "/nowhere.so"));
    let wanted = "cellar: nginx or its njs module is missing; on Debian or Ubuntu: apt-get install nginx-light libnginx-mod-http-js\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), wanted));
}
