//! How much of a stream of users nginx answers by itself: raw coordinates, cells, and what the Rust client asks for.
//!
//! `cargo bench -p cellar --bench edge [-- SECONDS [REQUESTS]]`. SECONDS bounds each of the four streams, 4 unless told otherwise.
//! Users are those of docs/EDGE.md, each one somebody else; places are breweries.csv, or the demo data. An edge is
//! empty when its stream begins, so the ratio grows with the number of requests: 300 of them are a second of the
//! reference stream. It prints shares, not times.

mod edge;
mod users;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::Policy;
use cellar_client::{By, HttpTransport, NearbyClient, Wanted};
use cellar_http::state::AppState;
use cellar_jobs::import::{Import, Input, Silent, import};
use cellar_model::Collection;
use cellar_model::demo;
use cellar_search::cells::EdgeConfig;
use cellar_search::tiers::Tiers;
use cellar_search::{Limits, Search};
use cellar_store::{DynamoStore, Embedded, Store, StoreConfig};
use futures::StreamExt as _;
use geo_index::edge::{DensityCounts, DensityMap};
use geo_index::{Meters, Position};

use edge::Edge;

/// Requests under way at a time.
const CONCURRENCY: usize = 8;
const RADIUS_M: f64 = 10_000.0;
const LIMIT: usize = 20;
/// Places of the demo data, where the real ones are absent.
const GENERATED: usize = 20_000;

/// What came of a stream.
#[derive(Default)]
struct StreamStats {
    users: usize,
    requests: usize,
    hits: usize,
    /// Users whose first cell was certified, and users who had to ask the exact endpoint.
    first_try: usize,
    exact: usize,
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let seconds = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(4_u64);
    let most = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(5_000_usize);
    let end = Duration::from_secs(seconds);

    let engine = Embedded::memory().await.expect("an engine in memory");
    let store = Arc::new(engine.store(&StoreConfig::default()).await.expect("its table"));
    let places = fill(&store).await;
    let origin = serve(store).await;
    let users = users::draw(most, &places);
    println!("{} places, {} users, each stream at most {seconds} s", places.len(), users.len());
    println!(
        "{:<28} {:>8} {:>9} {:>8} {:>9} {:>8} {:>7}",
        "stream", "users", "requests", "hits", "hit ratio", "1st try", "exact"
    );

    let map = density(&places);
    for (name, more, map) in [
        ("/nearby, mode=exact", "mode=exact", &DensityMap::default()),
        ("/nearby, mode=cell", "mode=cell", &DensityMap::default()),
        ("/nearby, mode=cell, map", "mode=cell", &map),
    ] {
        let edge = Edge::start(&origin, &collection(), map);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let ask = async |user: &Position| raw(&client, &edge.url, more, *user).await;
        print(name, &stream(&users, end, ask).await);
    }
    let edge = Edge::start(&origin, &collection(), &DensityMap::default());
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = async |user: &Position| {
        // Somebody else's phone each time: it remembers nothing.
        let transport = HttpTransport::with_client(&edge.url, http.clone()).expect("a URL");
        planned(&NearbyClient::new(transport), *user).await
    };
    print("the client, new each time", &stream(&users, end, ask).await);
    engine.shutdown().await;
}

fn collection() -> Collection {
    "breweries".parse().expect("a valid name")
}

/// Users one after the other, a few at a time, until the time is up.
async fn stream<'u, F>(users: &'u [Position], end: Duration, ask: impl Fn(&'u Position) -> F) -> StreamStats
where
    F: Future<Output = StreamStats> + 'u,
{
    let began = Instant::now();
    let asked = users.iter().take_while(|_| began.elapsed() < end).map(ask);
    let mut answers = futures::stream::iter(asked).buffer_unordered(CONCURRENCY);
    let mut sum = StreamStats::default();
    while let Some(of_one) = answers.next().await {
        sum.users += of_one.users;
        sum.requests += of_one.requests;
        sum.hits += of_one.hits;
        sum.first_try += of_one.first_try;
        sum.exact += of_one.exact;
    }
    sum
}

async fn raw(client: &reqwest::Client, edge: &str, more: &str, user: Position) -> StreamStats {
    let (lat, lon, name) = (user.lat(), user.lon(), collection());
    let url = format!(
        "{edge}/v1/collections/{name}/nearby?lat={lat}&lon={lon}&radius={RADIUS_M}&limit={LIMIT}&{more}"
    );
    let answer = client.get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let hit = answer.headers().get("x-cache").is_some_and(|value| value == "Hit from edge");
    let _ = answer.bytes().await.expect("a body");
    StreamStats { users: 1, requests: 1, hits: usize::from(hit), ..StreamStats::default() }
}

async fn planned(client: &NearbyClient<HttpTransport>, user: Position) -> StreamStats {
    let radius = Meters::new(RADIUS_M).expect("a radius");
    let wanted = Wanted { collection: collection(), category: None, position: user, radius, limit: LIMIT };
    let found = client.nearby(wanted, Duration::from_secs(20)).await.expect("an answer");
    let hit = |status: &String| status.ends_with("edge; hit");
    StreamStats {
        users: 1,
        requests: found.requests.len(),
        hits: found.requests.iter().filter(|request| request.cache_status.as_ref().is_some_and(hit)).count(),
        first_try: usize::from(found.by != By::Exact && found.tries() == 1),
        exact: usize::from(found.by == By::Exact),
    }
}

fn print(name: &str, stats: &StreamStats) {
    let StreamStats { users, requests, hits, first_try, exact } = stats;
    let ratio = *hits as f64 / (*requests).max(1) as f64;
    // Only the client knows what was certified.
    let of_users = |count: usize| match first_try + exact {
        0 => "–".to_owned(),
        _ => format!("{:.4}", count as f64 / (*users).max(1) as f64),
    };
    println!(
        "{name:<28} {users:>8} {requests:>9} {hits:>8} {ratio:>9.3} {:>8} {:>7}",
        of_users(*first_try),
        of_users(*exact)
    );
}

/// Writes the places; where they are.
async fn fill(store: &DynamoStore) -> Vec<Position> {
    let csv = users::data("breweries.csv");
    if csv.is_file() {
        import(Import::new(collection(), Input::File(csv)), store, &Silent).await.expect("an import");
    } else {
        println!("breweries.csv is not there: the demo data stands in for it");
        let info = cellar_store::CollectionInfo { name: collection(), title: None };
        store.put_collection(&info).await.expect("a collection");
        let places: Vec<_> = demo::places(GENERATED, 1).collect();
        store.put_many(&collection(), &places).await.expect("places");
    }
    let (mut positions, mut next) = (Vec::new(), None);
    loop {
        let part = store.scan(&collection(), next).await.expect("a scan");
        positions.extend(part.places.iter().map(|place| place.position));
        next = part.next;
        if next.is_none() {
            return positions;
        }
    }
}

fn density(places: &[Position]) -> DensityMap {
    let mut counts = DensityCounts::default();
    for &place in places {
        counts.add(place);
    }
    counts.map()
}

/// The API with pages in memory; its URL.
async fn serve(store: Arc<DynamoStore>) -> String {
    let policy = Policy::default().fresh(Duration::from_hours(1)).untrusted_ttl(Duration::from_hours(1));
    let tiers = Tiers::new(store.clone(), policy, None);
    let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
    let edge = EdgeConfig { shared_max_age: Duration::from_hours(1), ..EdgeConfig::default() };
    let state = AppState::builder(store, search).edge(edge).tiers(&tiers, None).build();
    let router = cellar_http::router::router(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(cellar_http::serve::run(
        listener,
        router,
        std::future::pending(),
        Duration::ZERO,
        cellar_http::serve::Limits::default(),
    ));
    format!("http://{address}")
}

/// Where infra/edge/start.sh is.
fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra/edge/start.sh")
}
