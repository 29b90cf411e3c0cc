//! Movers among places that stay, their writers, and searches of all kinds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::http::Method;
use cellar_client::{NearbyClient, Outcome, Response, Transport, TransportError, Wanted};
use cellar_model::place::Place;
use cellar_store::{CollectionInfo, DynamoStore, Store as _};
use fastrand::Rng;
use futures::future::join_all;
use geo_index::edge::{ANSWER_MAX, CacheCell};
use geo_index::{BBox, Grid, Meters, Position};
use serde_json::Value;

use super::super::bed::PATIENCE;
use super::super::process::Process;
use super::check::{Asked, History, Seen};
use cellar_test_kit::server::{Answer, link, request, send};
use cellar_test_kit::{TestStore, collection, fresh_store, place};

/// Places that move.
const MOVERS: usize = 20;
/// Tasks that write, each with its own movers.
const WRITERS: usize = 5;
/// Tasks that search.
const SEARCHERS: usize = 4;
/// The south-western corner of all there is, in ten-thousandths of a degree.
const CORNER: (i64, i64) = (480_000, 110_000);
/// What places are of: a search of all of them finds what one without a category does.
const CATEGORIES: [&str; 3] = ["cafe", "bar", "inn"];
/// Untrue answers that are told.
const TOLD: usize = 3;

/// How far places move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ranges {
    /// Kilometres: to another page as a rule, and often to another root.
    Far,
    /// 40 m, in a crowd: to the next page now and then.
    Near,
}

/// How often each mover moves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// As soon as the last write is acknowledged.
    Fast,
    /// At most so often in all.
    Every(Duration),
}

/// The places, the processes that serve them, and the history of it all.
pub(super) struct Herd {
    ranges: Ranges,
    processes: Vec<Process>,
    history: History,
    _store: TestStore,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) searches: usize,
    pub(super) writes: usize,
    /// Answers that took more than one pass.
    pub(super) repeated: usize,
    /// Answers that say that they are of no instant.
    pub(super) torn: usize,
    /// What is wrong with those that do not say so, for the writes of their own process.
    pub(super) untrue: Vec<String>,
    /// Answers that are of no instant if the writes of all processes count.
    pub(super) behind: usize,
    pub(super) took: Duration,
}

impl Ranges {
    /// Places that stay: enough for pages to be split.
    const fn still(self) -> usize {
        match self {
            Self::Far => 300,
            Self::Near => 500,
        }
    }

    /// Steps of the lattice that places are on, in ten-thousandths of a degree, and how many there are to each side.
    const fn lattice(self) -> (i64, i64) {
        match self {
            Self::Far => (800, 13),
            Self::Near => (4, 25),
        }
    }

    fn spot(self, random: &mut Rng) -> Position {
        let (step, count) = self.lattice();
        at(CORNER.0 + step * random.i64(0..count), CORNER.1 + step * random.i64(0..count))
    }

    fn next(self, from: Option<Position>, random: &mut Rng) -> Position {
        let (Self::Near, Some(from)) = (self, from) else { return self.spot(random) };
        let (step, count) = self.lattice();
        let units = |degrees: f64| (degrees * 1e4).round() as i64;
        let walk =
            |units: i64, corner: i64, by: i64| (units + by * step).clamp(corner, corner + step * (count - 1));
        let (south, east) = (random.i64(-1..=1), random.i64(-1..=1));
        at(walk(units(from.lat()), CORNER.0, south), walk(units(from.lon()), CORNER.1, east))
    }

    fn radius_m(self, random: &mut Rng) -> f64 {
        let radii = match self {
            Self::Far => [5_000.0, 30_000.0, 150_000.0],
            Self::Near => [60.0, 300.0, 1_500.0],
        };
        radii[random.usize(..radii.len())]
    }

    fn cell_level(self) -> u8 {
        match self {
            Self::Far => 4,
            Self::Near => 6,
        }
    }
}

/// What a search of all categories says of them.
const ALL_CATEGORIES: &str = "&category=cafe,bar,inn";

/// In ten-thousandths of a degree, so that every text of them reads back as the same number.
fn at(lat: i64, lon: i64) -> Position {
    Position::new(lat as f64 / 1e4, lon as f64 / 1e4).unwrap()
}

/// A version of a place. Each is of another category than the one before.
fn version(number: usize, at: Position, version: usize) -> Place {
    let category = CATEGORIES[(number + version) % CATEGORIES.len()];
    let properties = format!(r#"{{"v":{version},"category":"{category}"}}"#);
    place(&number.to_string(), at.lat(), at.lon(), &properties)
}

impl Herd {
    /// Places in a table of their own, served by processes.
    pub(super) async fn new(
        ranges: Ranges,
        processes: impl FnOnce(&DynamoStore) -> Vec<Process>,
    ) -> Arc<Self> {
        let (store, name, mut random) = (fresh_store().await, collection("herd"), Rng::with_seed(7));
        store.put_collection(&CollectionInfo { name: name.clone(), title: None }).await.unwrap();
        let history = History::new(MOVERS + ranges.still());
        let places: Vec<_> = (0..history.places())
            .map(|number| {
                let at = ranges.spot(&mut random);
                history.begin(number, Some(at));
                version(number, at, 1)
            })
            .collect();
        store.put_many(&name, &places).await.unwrap();
        (0..history.places()).for_each(|number| history.end(number));
        let processes = processes(&store);
        Arc::new(Self { ranges, processes, history, _store: store })
    }

    /// Lets the movers move while others make so many searches.
    pub(super) async fn live(self: &Arc<Self>, searches: usize, pace: Pace) -> Tally {
        let (started, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let mut random = Rng::with_seed(11);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (herd, stop, random) = (Arc::clone(self), Arc::clone(&stop), random.fork());
                tokio::spawn(async move { herd.write(writer, pace, &stop, random).await })
            })
            .collect();
        let left = Arc::new(AtomicUsize::new(searches));
        let searchers = (0..SEARCHERS).map(|searcher| {
            let (herd, left, random) = (Arc::clone(self), Arc::clone(&left), random.fork());
            tokio::spawn(async move { herd.search(searcher, &left, random).await })
        });
        let mut stats = Tally::default();
        for some in join_all(searchers).await {
            let some = some.unwrap();
            stats.searches += some.searches;
            stats.repeated += some.repeated;
            stats.torn += some.torn;
            stats.behind += some.behind;
            stats.untrue.extend(some.untrue);
        }
        stats.took = started.elapsed();
        stop.store(true, Ordering::SeqCst);
        for writes in join_all(writers).await {
            stats.writes += writes.unwrap();
        }
        stats.untrue.truncate(TOLD);
        stats
    }

    /// Which process writes a mover.
    fn process_of(&self, mover: usize) -> usize {
        mover % WRITERS % self.processes.len()
    }

    async fn write(&self, writer: usize, pace: Pace, stop: &AtomicBool, mut random: Rng) -> usize {
        let movers: Vec<_> = (0..MOVERS).filter(|mover| mover % WRITERS == writer).collect();
        let mut writes = 0;
        let mut pause = match pace {
            Pace::Fast => None,
            Pace::Every(pause) => Some(tokio::time::interval(pause * WRITERS as u32)),
        };
        while !stop.load(Ordering::SeqCst) {
            if let Some(pause) = &mut pause {
                pause.tick().await;
            }
            let process = &self.processes[self.process_of(writer)];
            let mover = movers[random.usize(..movers.len())];
            let uri = format!("/v1/collections/herd/items/{mover}");
            let answer = match random.u8(..20) {
                0 if self.history.position(mover).is_some() => {
                    self.history.begin(mover, None);
                    let answer = process.send(Method::DELETE, &uri, String::new()).await;
                    self.history.end(mover);
                    answer
                }
                1 => self.write_all(process, &movers, &mut random).await,
                _ => {
                    let body = self.moved(mover, &mut random);
                    let answer = process.send(Method::PUT, &uri, body).await;
                    self.history.end(mover);
                    answer
                }
            };
            assert!(answer.status.is_success(), "{} {}", answer.status, answer.text);
            writes += 1;
        }
        writes
    }

    async fn write_all(&self, process: &Process, movers: &[usize], random: &mut Rng) -> Answer {
        let features: Vec<_> = movers.iter().map(|mover| self.moved(*mover, random)).collect();
        let body = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
        let answer = process.send(Method::POST, "/v1/collections/herd/items", body).await;
        for mover in movers {
            self.history.end(*mover);
        }
        answer
    }

    /// The feature of the next version of a mover, whose write begins.
    fn moved(&self, mover: usize, random: &mut Rng) -> String {
        let to = self.ranges.next(self.history.position(mover), random);
        let number = self.history.begin(mover, Some(to));
        version(mover, to, number).feature()
    }

    async fn search(&self, searcher: usize, left: &AtomicUsize, mut random: Rng) -> Tally {
        let process = searcher % self.processes.len();
        let client = NearbyClient::new(Via(self.processes[process].router.clone()));
        let mut stats = Tally::default();
        while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let (origin, radius_m) = (self.ranges.spot(&mut random), self.ranges.radius_m(&mut random));
            stats.searches += 1;
            match random.u8(..10) {
                0 | 1 => self.nearby(process, origin, radius_m, (100, ""), &mut stats).await,
                2 | 3 => self.nearby(process, origin, radius_m, (100, ALL_CATEGORIES), &mut stats).await,
                4 => {
                    let category = ["", ALL_CATEGORIES][random.usize(..2)];
                    self.nearby(process, origin, radius_m, (12, category), &mut stats).await;
                }
                5 | 6 => self.items(process, origin, radius_m, &mut stats).await,
                7 => self.cell(process, origin, "", &mut stats).await,
                8 => self.cell(process, origin, "?category=bar%2Ccafe%2Cinn", &mut stats).await,
                _ => ask_as_client(&client, origin, radius_m).await,
            }
        }
        stats
    }

    /// The nearest places, and those behind them if there are more.
    async fn nearby(
        &self,
        process: usize,
        origin: Position,
        radius_m: f64,
        (limit, category): (usize, &str),
        stats: &mut Tally,
    ) {
        let asked = |after| Asked::Nearby { origin, radius_m, limit, after };
        let (lat, lon) = (origin.lat(), origin.lon());
        let uri = format!(
            "/v1/collections/herd/nearby?lat={lat}&lon={lon}&radius={radius_m}&limit={limit}{category}"
        );
        let answer = self.ask(process, &asked(None), &uri, stats).await;
        if let Some((last, next)) = last(&answer).zip(link(&answer, "next")) {
            stats.searches += 1;
            self.ask(process, &asked(Some(last)), next, stats).await;
        }
    }

    async fn items(&self, process: usize, origin: Position, radius_m: f64, stats: &mut Tally) {
        let reach = radius_m / 111_000.0;
        let edges = [origin.lon() - reach, origin.lat() - reach, origin.lon() + reach, origin.lat() + reach];
        // As the server reads them.
        let text = edges.map(|degrees| format!("{degrees:.4}"));
        let [west, south, east, north] = text.clone().map(|degrees| degrees.parse().unwrap());
        let asked = Asked::Items { bbox: BBox::new(west, south, east, north).unwrap() };
        let uri = format!("/v1/collections/herd/items?bbox={}&limit=100", text.join(","));
        self.ask(process, &asked, &uri, stats).await;
    }

    async fn cell(&self, process: usize, origin: Position, query: &str, stats: &mut Tally) {
        let cell = CacheCell::at(Grid::Geohash, origin, self.ranges.cell_level()).unwrap();
        let (origin, radius_m, limit) = (cell.centre(), cell.horizon().get(), ANSWER_MAX.get());
        let asked = Asked::Nearby { origin, radius_m, limit, after: None };
        self.ask(process, &asked, &format!("/v1/collections/herd/cells/{cell}/nearby{query}"), stats).await;
    }

    async fn ask(&self, process: usize, asked: &Asked, uri: &str, stats: &mut Tally) -> Value {
        let start = Instant::now();
        let answer = self.processes[process].get(uri).await;
        let end = Instant::now();
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text);
        let document = answer.json();
        let seen = seen(&document);
        stats.repeated += usize::from(answer.header("server-timing").contains("repeats"));
        let torn = answer.header("cache-status").contains("torn");
        stats.torn += usize::from(torn);
        let own = |place: usize| place >= MOVERS || self.process_of(place) == process;
        let (times, more) = ((start, end), link(&document, "next").is_some());
        let verdict = self.history.check(asked, times, &seen, more, own);
        // Even then no place is there twice.
        let counts = !torn || verdict.as_ref().is_err_and(|wrong| wrong.contains("twice"));
        if let Err(wrong) = verdict
            && counts
        {
            stats.untrue.push(format!("{uri}: {wrong}"));
        }
        stats.behind += usize::from(self.history.check(asked, times, &seen, more, |_| true).is_err());
        document
    }
}

fn last(document: &Value) -> Option<(f64, String)> {
    let last = document["features"].as_array()?.last()?;
    Some((last["distance_m"].as_f64()?, last["id"].as_str()?.to_owned()))
}

/// The places of an answer, in its order.
fn seen(document: &Value) -> Vec<Seen> {
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

/// Our own client takes whatever our own server answers.
async fn ask_as_client(client: &NearbyClient<Via>, position: Position, radius_m: f64) {
    let radius = Meters::new(radius_m).unwrap();
    let wanted = Wanted { collection: collection("herd"), category: None, position, radius, limit: 20 };
    let found = client.nearby(wanted, PATIENCE).await.expect("the client takes every answer");
    let refused = found.requests.iter().find(|request| matches!(request.outcome, Outcome::Failed(_)));
    assert!(refused.is_none(), "{refused:?}");
}

/// A router as a transport.
struct Via(axum::Router);

#[async_trait]
impl Transport for Via {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        let Answer { status, headers, text } = send(&self.0, request(Method::GET, path, "")).await;
        Ok(Response { status, headers, body: text.into() })
    }
}
