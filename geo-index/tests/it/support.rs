//! An index in memory that counts what DynamoDB would bill, brute force, and data to search.

use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use geo_index::edge::crowd::offset;
use geo_index::tree::{
    BoxAnswer, BoxQuery, BoxScan, LeafRead, NearbyAnswer, NearbyQuery, NearbySearch, PageLoad, Progress,
    SearchLimits,
};
use geo_index::{H3Cell, Meters, Page, Position, Row, SearchError, distance};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A place as tests see it.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) id: String,
    pub(crate) position: Position,
    pub(crate) category: Option<String>,
    /// Size of its item in the index.
    pub(crate) bytes: usize,
    /// How likely a user is here.
    pub(crate) weight: f64,
}

impl Point {
    pub(crate) fn new(id: impl Into<String>, lat: f64, lon: f64) -> Self {
        let position = Position::new(lat, lon).unwrap();
        Self { id: id.into(), position, category: None, bytes: 200, weight: 1.0 }
    }
}

/// The index: rows by leaf and id, read as DynamoDB reads them.
pub(crate) struct Index {
    rows: Vec<(u64, Point)>,
    kept: RefCell<FxHashMap<H3Cell, Arc<Page>>>,
    pub(crate) keep: Keep,
    pub(crate) queries: Cell<usize>,
    pub(crate) read_units: Cell<f64>,
}

/// Which pages are kept between searches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Nothing,
    Splits,
    All,
}

const ONE_MEGABYTE: usize = 1 << 20;

impl Index {
    pub(crate) fn new(points: &[Point]) -> Self {
        let mut rows: Vec<_> =
            points.iter().map(|point| (H3Cell::leaf(point.position).index(), point.clone())).collect();
        rows.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        Self {
            rows,
            kept: RefCell::default(),
            keep: Keep::All,
            queries: Cell::new(0),
            read_units: Cell::new(0.0),
        }
    }

    pub(crate) fn keeping(points: &[Point], keep: Keep) -> Self {
        Self { keep, ..Self::new(points) }
    }

    /// The same index over other places, with what it has kept so far.
    pub(crate) fn with_points(self, points: &[Point]) -> Self {
        Self { rows: Self::new(points).rows, ..self }
    }

    /// One read; half a unit for each 4 KB, and at least half a unit, for every Query.
    fn read(&self, read: LeafRead) -> (Vec<Row>, bool) {
        let start = self.rows.partition_point(|(leaf, _)| *leaf < read.first);
        let end = self.rows.partition_point(|(leaf, _)| *leaf <= read.last);
        let (mut at, mut rows) = (start, Vec::new());
        loop {
            let mut bytes = 0;
            while at < end && rows.len() < read.limit && bytes < ONE_MEGABYTE {
                let (leaf, point) = &self.rows[at];
                rows.push(Row {
                    leaf: H3Cell::from_index(*leaf).unwrap(),
                    id: point.id.clone(),
                    position: point.position,
                    category: point.category.clone(),
                    payload: point.id.clone().into_bytes(),
                });
                bytes += point.bytes;
                at += 1;
            }
            self.queries.set(self.queries.get() + 1);
            self.read_units.set(self.read_units.get() + 0.5 * bytes.div_ceil(4096).max(1) as f64);
            let complete = at == end && rows.len() < read.limit;
            if complete || !read.whole || rows.len() >= read.limit {
                return (rows, complete);
            }
        }
    }

    pub(crate) fn load(&self, cell: H3Cell) -> Result<Vec<(H3Cell, Arc<Page>)>, SearchError> {
        let mut load = PageLoad::new(cell);
        while let Some(read) = load.next_read() {
            let (rows, complete) = self.read(read);
            load.accept(rows, complete);
        }
        Ok(load.finish()?.into_iter().map(|(cell, page)| (cell, Arc::new(page))).collect())
    }

    fn keep(&self, cell: H3Cell, page: &Arc<Page>) {
        let keep = match self.keep {
            Keep::Nothing => false,
            Keep::Splits => matches!(**page, Page::Split(_)),
            Keep::All => true,
        };
        if keep {
            self.kept.borrow_mut().insert(cell, Arc::clone(page));
        }
    }

    pub(crate) fn kept(&self, cell: H3Cell) -> Option<Arc<Page>> {
        self.kept.borrow().get(&cell).cloned()
    }

    pub(crate) fn nearby(
        &self,
        query: &NearbyQuery,
        limits: SearchLimits,
    ) -> Result<NearbyAnswer, SearchError> {
        let mut search = NearbySearch::new(query.clone(), limits);
        while let Progress::Need(cells) = search.advance(|cell| self.kept(cell))? {
            for cell in cells {
                for (cell, page) in self.load(cell)? {
                    self.keep(cell, &page);
                    search.supply(cell, page);
                }
            }
        }
        Ok(search.finish())
    }

    pub(crate) fn scan(&self, query: &BoxQuery, limits: SearchLimits) -> Result<BoxAnswer, SearchError> {
        let mut scan = BoxScan::new(query.clone(), limits);
        while let Progress::Need(cells) = scan.advance(|cell| self.kept(cell)) {
            for cell in cells {
                for (cell, page) in self.load(cell)? {
                    self.keep(cell, &page);
                    scan.supply(cell, page);
                }
            }
        }
        Ok(scan.finish())
    }
}

/// What a nearby search has to return: ids and distances.
pub(crate) fn brute_force(points: &[Point], query: &NearbyQuery) -> Vec<(String, f64)> {
    let mut found: Vec<(f64, &str)> = points
        .iter()
        .filter(|point| query.category.is_none() || point.category == query.category)
        .map(|point| (distance(query.origin, point.position).get(), point.id.as_str()))
        .filter(|(at, _)| *at <= query.radius.get())
        .filter(|found| query.after.as_ref().is_none_or(|key| *found > (key.distance.get(), key.id.as_str())))
        .collect();
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found.truncate(query.limit);
    found.into_iter().map(|(at, id)| (id.to_owned(), at)).collect()
}

pub(crate) fn found(answer: &NearbyAnswer) -> Vec<(String, f64)> {
    answer.hits.iter().map(|hit| (hit.id().to_owned(), hit.distance().unwrap().get())).collect()
}

pub(crate) fn nearby(lat: f64, lon: f64, radius_m: f64, limit: usize) -> NearbyQuery {
    NearbyQuery {
        origin: Position::new(lat, lon).unwrap(),
        radius: Meters::new(radius_m).unwrap(),
        limit,
        category: None,
        after: None,
    }
}

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Places in clusters of very different density over the whole sphere.
pub(crate) fn clustered(count: usize, seed: u64) -> Vec<Point> {
    in_clusters(count, count.div_ceil(300), seed)
}

/// The same in a given number of clusters: more places are then denser ones.
pub(crate) fn in_clusters(count: usize, clusters: usize, seed: u64) -> Vec<Point> {
    let mut rng = rng(seed);
    let clusters: Vec<(Position, f64, f64)> = (0..clusters)
        .map(|_| {
            let z: f64 = rng.random_range(-1.0..1.0);
            let centre = Position::new(z.asin().to_degrees(), rng.random_range(-180.0..180.0)).unwrap();
            (centre, 10f64.powf(rng.random_range(1.0..5.5)), rng.random_range(0.1..10.0))
        })
        .collect();
    (0..count)
        .map(|i| {
            let (centre, spread_m, weight) = clusters[rng.random_range(0..clusters.len())];
            let away = spread_m * (-rng.random::<f64>().max(1e-12).ln());
            let position = offset(centre, away.min(2e6), rng.random_range(0.0..std::f64::consts::TAU));
            let category = ["bar", "café", "museum"][rng.random_range(0..3)];
            Point {
                category: Some(category.into()),
                weight,
                ..Point::new(format!("p{i}"), position.lat(), position.lon())
            }
        })
        .collect()
}

fn data_folder() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("CELLAR_TEST_DATA").map_or(beside, PathBuf::from)
}

/// Whether the real places are there; figures that depend on them are checked only then.
pub(crate) fn have_real_data() -> bool {
    data_folder().join("cities.csv").is_file()
}

/// Real places of a file in the test data's folder; generated ones where that is absent.
pub(crate) fn real_or_generated(file: &str, seed: u64) -> Vec<Point> {
    let Ok(mut reader) = csv::Reader::from_path(data_folder().join(file)) else {
        println!("{file} is not there: generated places stand in for it");
        return clustered(40_000, seed);
    };
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name);
    let (id, lat, lon) = (column("id").unwrap(), column("lat").unwrap(), column("lon").unwrap());
    let (category, population) = (column("category"), column("population"));
    let point = |record: csv::StringRecord| {
        let position = Position::new(record[lat].parse().ok()?, record[lon].parse().ok()?).ok()?;
        Some(Point {
            id: record[id].to_owned(),
            position,
            category: category.map(|index| record[index].to_owned()),
            bytes: item_bytes(&headers, &record, &record[id]),
            weight: population.and_then(|index| record[index].parse().ok()).unwrap_or(1.0),
        })
    };
    reader.records().filter_map(|record| point(record.unwrap())).collect()
}

/// Size of an item as DynamoDB counts it: the names of the attributes, two keys of the index and one of the
/// table, two numbers, and the other columns as JSON.
fn item_bytes(headers: &csv::StringRecord, record: &csv::StringRecord, id: &str) -> usize {
    let collection = "cities#".len();
    let keys =
        "pk".len() + collection + id.len() + "root".len() + collection + 15 + "leaf".len() + 16 + id.len();
    let numbers = "lat".len() + "lon".len() + 2 * 6;
    let members = headers.iter().zip(record).filter(|(name, _)| !["id", "lat", "lon"].contains(name));
    keys + numbers
        + "props".len()
        + 2
        + members.map(|(name, value)| name.len() + value.len() + 6).sum::<usize>()
}

/// Users around places, as likely as their weights, at a normally distributed distance in any direction.
pub(crate) fn users(points: &[Point], count: usize, spread_m: f64, seed: u64) -> Vec<Position> {
    let mut rng = rng(seed);
    let mut sums = Vec::with_capacity(points.len());
    let mut sum = 0.0;
    for point in points {
        sum += point.weight;
        sums.push(sum);
    }
    (0..count)
        .map(|_| {
            let at = rng.random::<f64>() * sum;
            let point = &points[sums.partition_point(|s| *s < at).min(points.len() - 1)];
            let normal = (-2.0 * rng.random::<f64>().max(1e-12).ln()).sqrt()
                * (std::f64::consts::TAU * rng.random::<f64>()).cos();
            offset(point.position, spread_m * normal.abs(), rng.random_range(0.0..std::f64::consts::TAU))
        })
        .collect()
}

pub(crate) fn anywhere(rng: &mut impl Rng) -> Position {
    let z: f64 = rng.random_range(-1.0..=1.0);
    Position::new(z.asin().to_degrees(), rng.random_range(-180.0..=180.0)).unwrap()
}
