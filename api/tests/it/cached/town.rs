//! A town whose places are written, moved and removed at random through several processes, while others search.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::Method;
use cellar_cache::metrics::{Outcome, Tier};
use cellar_cache::remote::redis::RedisRemote;
use cellar_model::Collection;
use cellar_model::place::Place;
use cellar_store::{CollectionInfo, Store};
use fastrand::Rng;
use futures::future::join_all;
use geo_index::edge::{ANSWER_MAX, CacheCell};
use geo_index::{Grid, Position};
use serde_json::Value;

use super::bed::{patient, until};
use super::ledger::{Asked, By, Ledger, Seen};
use super::process::Process;
use cellar_test_kit::server::{Answer, link};
use cellar_test_kit::{TestStore, collection, fresh_store, place};

/// Places that stay where they are: enough for the pages of the town to be split.
const STILL: usize = 300;
/// Tasks that write and search, each with places of its own.
pub(crate) const WORKERS: usize = 6;
const OWNED: usize = 10;
/// Points where places can be.
const SPOTS: usize = 40;
const LIMIT: usize = 100;

/// The places, the processes that serve them, and the account of it all.
pub(crate) struct Town {
    pub(crate) processes: Vec<Process>,
    pub(crate) ledger: Ledger,
    store: TestStore,
    collection: Collection,
    served: Mutex<Vec<Served>>,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) took: Duration,
    pub(crate) failed: bool,
}

/// What workers do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Of a hundred steps so many write.
    pub(crate) writes: u8,
    /// Whether some of them tell no cache.
    pub(crate) imports: bool,
}

fn spot(random: &mut Rng) -> Position {
    let number = random.usize(..SPOTS);
    // In ten-thousandths of a degree, so that every text of them reads back as the same number.
    let south = if number.is_multiple_of(4) { 484_000 } else { 480_000 };
    let degrees = |units: usize| units as f64 / 1e4;
    Position::new(degrees(south + number / 8 * 40), degrees(110_000 + number % 8 * 70)).unwrap()
}

/// A table with the places that stay.
pub(crate) async fn store() -> TestStore {
    let store = fresh_store().await;
    let collection = collection("town");
    store.put_collection(&CollectionInfo { name: collection.clone(), title: None }).await.unwrap();
    let mut random = Rng::with_seed(1);
    let still: Vec<_> = (0..STILL).map(|number| version(number, spot(&mut random), 1)).collect();
    store.put_many(&collection, &still).await.unwrap();
    store
}

fn version(number: usize, at: Position, version: usize) -> Place {
    place(&number.to_string(), at.lat(), at.lon(), &format!(r#"{{"v":{version}}}"#))
}

impl Town {
    /// A town over the table of [`store`].
    pub(crate) fn new(store: TestStore, processes: Vec<Process>) -> Arc<Self> {
        let ledger = Ledger::new(STILL + WORKERS * OWNED, processes.len());
        let mut random = Rng::with_seed(1);
        for number in 0..STILL {
            ledger.begin(number, Some(spot(&mut random)), By::Import);
            ledger.end(number);
        }
        let now = Instant::now();
        (0..processes.len()).for_each(|process| ledger.knows(process, now, now));
        Arc::new(Self { processes, ledger, store, collection: collection("town"), served: Mutex::default() })
    }

    /// Has every worker take so many steps. Requests that were answered meanwhile.
    pub(crate) async fn live(
        self: &Arc<Self>,
        steps: usize,
        habits: Habits,
        random: &mut Rng,
    ) -> Vec<Served> {
        let workers = (0..WORKERS).map(|worker| {
            let (town, mut random) = (Arc::clone(self), random.fork());
            tokio::spawn(async move {
                for _ in 0..steps {
                    town.step(worker, habits, &mut random).await;
                }
            })
        });
        join_all(workers).await.into_iter().for_each(Result::unwrap);
        std::mem::take(&mut *self.served.lock().unwrap())
    }

    async fn step(&self, worker: usize, habits: Habits, random: &mut Rng) {
        let process = random.usize(..self.processes.len());
        if random.u8(..100) >= habits.writes {
            let origin = spot(random);
            return match random.usize(..5) {
                0 => self.search(process, origin, 200.0).await,
                1 => self.search(process, origin, 2_000.0).await,
                2 => self.search(process, origin, 20_000.0).await,
                _ => self.search_cell(process, origin, random.u8(4..=7)).await,
            };
        }
        let first = STILL + worker * OWNED;
        let number = first + random.usize(..OWNED);
        let at = spot(random);
        match random.u8(..10) {
            0 => {
                let many: Vec<_> = (first..first + 4).map(|number| (number, spot(random))).collect();
                self.post(process, &many).await;
            }
            1 | 2 => self.remove(process, number).await,
            3..=5 if habits.imports => return self.import(number, at).await,
            _ => self.put(process, number, at).await,
        }
        // Read your writes.
        self.search(process, at, 2_000.0).await;
        self.search_cell(process, at, random.u8(4..=7)).await;
    }

    async fn put(&self, process: usize, number: usize, at: Position) {
        let body = version(number, at, self.ledger.begin(number, Some(at), By::Process(process))).feature();
        let uri = format!("/v1/collections/town/items/{number}");
        self.ask(process, Method::PUT, &uri, body).await;
        self.ledger.end(number);
    }

    async fn post(&self, process: usize, many: &[(usize, Position)]) {
        let feature = |(number, at): &(usize, Position)| {
            version(*number, *at, self.ledger.begin(*number, Some(*at), By::Process(process))).feature()
        };
        let features: Vec<_> = many.iter().map(feature).collect();
        let body = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
        self.ask(process, Method::POST, "/v1/collections/town/items", body).await;
        for (number, _) in many {
            self.ledger.end(*number);
        }
    }

    async fn remove(&self, process: usize, number: usize) {
        if self.ledger.latest(number).is_none() {
            return;
        }
        self.ledger.begin(number, None, By::Process(process));
        let uri = format!("/v1/collections/town/items/{number}");
        self.ask(process, Method::DELETE, &uri, String::new()).await;
        self.ledger.end(number);
    }

    async fn import(&self, number: usize, at: Position) {
        let place = version(number, at, self.ledger.begin(number, Some(at), By::Import));
        self.store.put_many(&self.collection, &[place]).await.unwrap();
        self.ledger.end(number);
    }

    /// Searches, and the answer has to be true.
    pub(crate) async fn search(&self, process: usize, origin: Position, radius_m: f64) {
        let now = Instant::now();
        let asked = Asked { process, origin, radius_m, limit: LIMIT, start: now, end: now };
        self.check(asked, &uri(origin, radius_m)).await;
    }

    /// Asks for the answer of the cell around a position, which has to be true as well.
    async fn search_cell(&self, process: usize, at: Position, level: u8) {
        let cell = CacheCell::at(Grid::Geohash, at, level).unwrap();
        let (origin, radius_m, now) = (cell.centre(), cell.horizon().get(), Instant::now());
        let asked = Asked { process, origin, radius_m, limit: ANSWER_MAX.get(), start: now, end: now };
        self.check(asked, &format!("/v1/collections/town/cells/{cell}/nearby")).await;
    }

    /// Asks, and holds the answer against the ledger.
    async fn check(&self, asked: Asked, uri: &str) {
        let start = Instant::now();
        let answer = self.ask(asked.process, Method::GET, uri, String::new()).await;
        if answer.status == 200 {
            let seen = seen(&answer);
            // A place that was listed twice is taken out once, so an answer that was cut off may have one less.
            let limit = if is_cut_off(&answer, asked.radius_m) { seen.len() } else { usize::MAX };
            let asked = Asked { start, end: Instant::now(), limit, ..asked };
            self.ledger.check(&asked, &seen).unwrap_or_else(|wrong| panic!("{uri}: {wrong}"));
        }
    }

    async fn ask(&self, process: usize, method: Method, uri: &str, body: String) -> Answer {
        let start = Instant::now();
        let answer = self.processes[process].send(method.clone(), uri, body).await;
        let failed = !answer.status.is_success();
        if failed {
            println!("process {process}: {method} {uri}: {} {}", answer.status, answer.text);
        }
        self.served.lock().unwrap().push(Served { took: start.elapsed(), failed });
        answer
    }

    /// Whether a search at every spot returns exactly what is there, in this process.
    pub(crate) async fn differs(&self, process: usize) -> Option<String> {
        self.differs_at(&self.processes[process]).await
    }

    async fn differs_at(&self, process: &Process) -> Option<String> {
        let places: Vec<_> = (0..self.ledger.places())
            .filter_map(|number| self.ledger.latest(number).map(|(at, version)| (number, at, version)))
            .collect();
        let mut random = Rng::with_seed(2);
        for radius_m in [100.0, 3_000.0, 50_000.0].into_iter().cycle().take(60) {
            let origin = spot(&mut random);
            let answer = process.get(&uri(origin, radius_m)).await;
            if answer.status != 200 {
                return Some(answer.text);
            }
            let mut expected: Vec<_> = places
                .iter()
                .map(|(number, at, version)| {
                    (geo_index::distance(origin, *at).get(), number.to_string(), *version)
                })
                .filter(|(far, ..)| *far <= radius_m)
                .collect();
            expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
            expected.truncate(LIMIT);
            let found: Vec<_> =
                seen(&answer).into_iter().map(|seen| (seen.place.to_string(), seen.version)).collect();
            let expected: Vec<_> = expected.into_iter().map(|(_, id, version)| (id, version)).collect();
            if found != expected {
                return Some(format!("{origin:?} {radius_m}: {found:?} is not {expected:?}"));
            }
        }
        None
    }

    /// Another process with empty memory over the same table and Redis answers as a scan would, from the start.
    pub(crate) async fn joined_by(&self, redis: RedisRemote) {
        let process = Process::without_feed(&self.store, patient(), Some(redis));
        assert_eq!(self.differs_at(&process).await, None);
        let pages = process.cache().metrics().lookups(Tier::Remote, Outcome::Hit);
        assert!(pages > 0, "nothing was in Redis");
    }

    /// Waits until a process answers as a scan would.
    pub(crate) async fn settles(&self, process: usize) {
        until("every answer equals the scan", async || self.differs(process).await.is_none().then_some(()))
            .await;
    }
}

/// The times that requests took, from a share of them to the slowest.
pub(crate) fn times(served: &[Served]) -> String {
    let mut took: Vec<_> = served.iter().map(|served| served.took).collect();
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
    format!(
        "half {:.1?}, 99 % {:.1?}, all {:.1?}",
        at(0.5),
        at(0.99),
        took.last().copied().unwrap_or_default()
    )
}

fn uri(origin: Position, radius_m: f64) -> String {
    let (lat, lon) = (origin.lat(), origin.lon());
    format!("/v1/collections/town/nearby?lat={lat}&lon={lon}&radius={radius_m}&limit={LIMIT}")
}

/// Whether an answer says that there may be more within its radius, or that it goes less far.
fn is_cut_off(answer: &Answer, radius_m: f64) -> bool {
    let document = answer.json();
    match document["certified_radius_m"].as_f64() {
        Some(certified_m) => certified_m < radius_m.floor(),
        None => link(&document, "next").is_some(),
    }
}

/// The places of an answer, in its order.
fn seen(answer: &Answer) -> Vec<Seen> {
    let document = answer.json();
    let number = |value: &Value| value.as_f64().expect("a number");
    let features = document["features"].as_array().expect("features");
    let seen = features.iter().map(|feature| {
        let position = &feature["geometry"]["coordinates"];
        Seen {
            place: feature["id"].as_str().and_then(|id| id.parse().ok()).expect("one of our ids"),
            version: feature["properties"]["v"].as_u64().expect("a version") as usize,
            at: Position::new(number(&position[1]), number(&position[0])).expect("a position"),
        }
    });
    seen.collect()
}
