//! An index in memory that counts what DynamoDB would bill, brute force, and data to search.

use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use geo_index::destination;
use geo_index::tree::{
    BoxAnswer, BoxQuery, BoxScan, LeafRead, NearbyAnswer, NearbyQuery, NearbySearch, PageLoad, Progress,
    ROOT_RESOLUTION, RunLoad, SearchLimits,
};
use geo_index::{
    GridCell, H3Cell, Leaf, Meters, Page, Position, RootsPage, Row, RunRead, SearchError, distance,
};
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
    pub(crate) rows: Vec<(Leaf, Point)>,
    kept: RefCell<FxHashMap<H3Cell, Arc<Page>>>,
    pub(crate) keep: Keep,
    /// Whether it is known which roots exist.
    pub(crate) knows_roots: bool,
    /// Roots that are listed beside those of the places: of a category, those of the whole collection.
    pub(crate) other_roots: Vec<H3Cell>,
    /// Places of pages that searches looked at.
    pub(crate) compared: Cell<usize>,
    /// Pauses of all searches so far.
    pub(crate) pauses: Cell<usize>,
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
        let mut rows: Vec<_> = points.iter().map(|point| (Leaf::at(point.position), point.clone())).collect();
        rows.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        Self {
            rows,
            kept: RefCell::default(),
            keep: Keep::All,
            knows_roots: true,
            other_roots: Vec::new(),
            compared: Cell::new(0),
            pauses: Cell::new(0),
            queries: Cell::new(0),
            read_units: Cell::new(0.0),
        }
    }

    /// The index of a category: of the roots, it knows that those of all places of the collection may exist.
    pub(crate) fn of_category(points: &[Point], all: &[Point], keep: Keep) -> Self {
        let roots = all.iter().filter_map(|point| Leaf::at(point.position).ancestor(ROOT_RESOLUTION));
        Self { other_roots: roots.collect(), ..Self::keeping(points, keep) }
    }

    pub(crate) fn keeping(points: &[Point], keep: Keep) -> Self {
        Self { keep, ..Self::new(points) }
    }

    /// The same index over other places, with what it has kept so far.
    pub(crate) fn with_points(self, points: &[Point]) -> Self {
        Self { rows: Self::new(points).rows, ..self }
    }

    /// One read; half a unit for each 4 KB, and at least half a unit, for every Query.
    fn read(&self, read: &LeafRead) -> (Vec<Row>, bool) {
        let (after, until) = (read.after.as_deref(), read.until.as_deref());
        let before = |(leaf, point): &(Leaf, Point)| {
            *leaf < read.first || (*leaf == read.first && after.is_some_and(|after| *point.id <= *after))
        };
        let within = |(leaf, point): &(Leaf, Point)| {
            *leaf < read.last || (*leaf == read.last && until.is_none_or(|until| *point.id <= *until))
        };
        let start = self.rows.partition_point(before);
        let end = self.rows.partition_point(within);
        let (mut at, mut rows, mut bytes) = (start, Vec::new(), 0);
        while at < end && rows.len() < read.limit && bytes < ONE_MEGABYTE {
            let (leaf, point) = &self.rows[at];
            let payload = if read.bare { Vec::new() } else { point.id.clone().into_bytes() };
            rows.push(Row {
                leaf: *leaf,
                id: point.id.clone(),
                position: point.position,
                category: point.category.clone().filter(|_| !read.bare),
                payload,
            });
            bytes += point.bytes;
            at += 1;
        }
        self.count(bytes);
        (rows, at == end && read.limit > 0 && bytes < ONE_MEGABYTE)
    }

    fn count(&self, bytes: usize) {
        self.queries.set(self.queries.get() + 1);
        self.read_units.set(self.read_units.get() + 0.5 * bytes.div_ceil(4096).max(1) as f64);
    }

    pub(crate) fn load(&self, cell: H3Cell) -> Vec<(H3Cell, Arc<Page>)> {
        self.load_from(cell, None)
    }

    pub(crate) fn load_from(&self, cell: H3Cell, begin: Option<H3Cell>) -> Vec<(H3Cell, Arc<Page>)> {
        if cell.level() == H3Cell::COARSEST && self.knows_roots {
            return self.load_roots(cell);
        }
        let mut load = PageLoad::new(cell);
        if let Some(begin) = begin {
            load = load.beginning_at(begin);
        }
        while let Some(read) = load.next_read() {
            let (rows, complete) = self.read(&read);
            load.accept(rows, complete);
        }
        load.finish().into_iter().map(|(cell, page)| (cell, Arc::new(page))).collect()
    }

    /// All roots are listed together.
    fn load_roots(&self, cell: H3Cell) -> Vec<(H3Cell, Arc<Page>)> {
        let own = self.rows.iter().filter_map(|(leaf, _)| leaf.ancestor(ROOT_RESOLUTION));
        let mut roots: Vec<H3Cell> = own.chain(self.other_roots.iter().copied()).collect();
        roots.sort_unstable();
        roots.dedup();
        self.count(100);
        let mut bases = H3Cell::coarsest();
        bases.sort_by_key(|base| *base != cell);
        let page = |base| (base, Arc::new(Page::Roots(RootsPage::new(base, roots.iter().copied()))));
        bases.into_iter().map(page).collect()
    }

    fn load_run(&self, run: &RunRead) -> Arc<Page> {
        let mut load = RunLoad::new(run.clone());
        while let Some(read) = load.next_read() {
            let (rows, complete) = self.read(&read);
            load.accept(rows, complete);
        }
        Arc::new(load.finish())
    }

    fn keep(&self, cell: H3Cell, page: &Arc<Page>) {
        let keep = match self.keep {
            Keep::Nothing => false,
            Keep::Splits => matches!(**page, Page::Split(_) | Page::Roots(_)),
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
        self.drive(NearbySearch::new(query.clone(), limits))
    }

    /// The same over a tree that has pages above the roots.
    pub(crate) fn nearby_coarse(
        &self,
        query: &NearbyQuery,
        limits: SearchLimits,
    ) -> Result<NearbyAnswer, SearchError> {
        self.drive(NearbySearch::new(query.clone(), limits).with_coarse_pages())
    }

    /// The same as [`nearby`](Self::nearby), but a search over its budget ends early.
    pub(crate) fn nearby_ending_early(
        &self,
        query: &NearbyQuery,
        limits: SearchLimits,
    ) -> Result<NearbyAnswer, SearchError> {
        self.drive(NearbySearch::new(query.clone(), limits).ending_early())
    }

    pub(crate) fn drive(&self, mut search: NearbySearch) -> Result<NearbyAnswer, SearchError> {
        loop {
            let look = |_, page: &Arc<Page>| {
                if let Page::Places(places) = &**page {
                    self.compared.set(self.compared.get() + places.len());
                }
            };
            match search.advance_observed(|cell| self.kept(cell), look)? {
                Progress::Done => return Ok(search.finish()),
                Progress::Paused => self.pauses.set(self.pauses.get() + 1),
                Progress::Need(cells) => {
                    let pages = self.load_all(cells, search.begins());
                    for (cell, page) in pages {
                        search.supply(cell, page);
                    }
                }
                Progress::NeedRuns(runs) => {
                    for run in runs {
                        let page = self.load_run(&run);
                        search.supply_run(run, page);
                    }
                }
            }
        }
    }

    pub(crate) fn scan(&self, query: &BoxQuery, limits: SearchLimits) -> BoxAnswer {
        self.drive_scan(BoxScan::new(query.clone(), limits))
    }

    /// The same over a tree that has pages above the roots.
    pub(crate) fn scan_coarse(&self, query: &BoxQuery, limits: SearchLimits) -> BoxAnswer {
        self.drive_scan(BoxScan::from_coarse_pages(query.clone(), limits))
    }

    pub(crate) fn drive_scan(&self, mut scan: BoxScan) -> BoxAnswer {
        loop {
            match scan.advance(|cell| self.kept(cell)) {
                Progress::Done => return scan.finish(),
                Progress::Paused => self.pauses.set(self.pauses.get() + 1),
                Progress::Need(cells) => {
                    for (cell, page) in self.load_all(cells, &[]) {
                        scan.supply(cell, page);
                    }
                }
                Progress::NeedRuns(runs) => {
                    for run in runs {
                        let page = self.load_run(&run);
                        scan.supply_run(run, page);
                    }
                }
            }
        }
    }

    /// Loads pages, and those that come along with them.
    fn load_all(&self, cells: Vec<H3Cell>, begins: &[(H3Cell, H3Cell)]) -> Vec<(H3Cell, Arc<Page>)> {
        let mut pages: Vec<(H3Cell, Arc<Page>)> = Vec::new();
        for cell in cells {
            if pages.iter().any(|(known, page)| *known == cell && matches!(**page, Page::Roots(_))) {
                continue;
            }
            let begin = begins.iter().find(|(asked, _)| *asked == cell).map(|(_, begin)| *begin);
            let loaded = self.load_from(cell, begin);
            for (cell, page) in &loaded {
                self.keep(*cell, page);
            }
            pages.extend(loaded);
        }
        pages
    }
}

/// What a nearby search has to return: ids and distances.
pub(crate) fn brute_force(points: &[Point], query: &NearbyQuery) -> Vec<(String, f64)> {
    let mut found: Vec<(f64, &str)> = points
        .iter()
        .filter(|point| query.category.as_ref().is_none_or(|filter| filter.allows(point.category.as_deref())))
        .map(|point| (distance(query.origin, point.position).get(), point.id.as_str()))
        .filter(|(at, _)| *at <= query.radius.get())
        .filter(|found| query.after.as_ref().is_none_or(|key| *found > (key.distance.get(), key.id.as_str())))
        .collect();
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found.truncate(query.limit.get());
    found.into_iter().map(|(at, id)| (id.to_owned(), at)).collect()
}

pub(crate) fn found(answer: &NearbyAnswer) -> Vec<(String, f64)> {
    answer.hits.iter().map(|hit| (hit.id().to_owned(), hit.distance().unwrap().get())).collect()
}

/// A limit; 0 is none.
pub(crate) fn at_most(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap()
}

pub(crate) fn nearby(lat: f64, lon: f64, radius_m: f64, limit: usize) -> NearbyQuery {
    NearbyQuery {
        origin: Position::new(lat, lon).unwrap(),
        radius: Meters::new(radius_m).unwrap(),
        limit: at_most(limit),
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
            let position = destination(centre, away.min(2e6), rng.random_range(0.0..std::f64::consts::TAU));
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
            destination(point.position, spread_m * normal.abs(), rng.random_range(0.0..std::f64::consts::TAU))
        })
        .collect()
}

pub(crate) fn anywhere(rng: &mut impl Rng) -> Position {
    let z: f64 = rng.random_range(-1.0..=1.0);
    Position::new(z.asin().to_degrees(), rng.random_range(-180.0..=180.0)).unwrap()
}
