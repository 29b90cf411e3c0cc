use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use cellar_model::{Collection, PageTree};
use cellar_search::pages::{Fetched, FetchedRuns};
use geo_index::tree::{NearbyQuery, NearbySearch, PageLoad, Progress, SearchLimits};
use geo_index::{Area, Cell, Grid, H3Cell, Leaf, Meters, PlacesPage, Position, Row, RunRead, distance};

use super::*;
use crate::predict;

/// Pages made of rows in memory.
#[derive(Default)]
struct Rows {
    all: Vec<Row>,
    /// Whether pages that were fetched stay cached.
    keeps: bool,
    kept: Mutex<HashMap<H3Cell, Arc<Page>>>,
    /// Cells that cannot be had.
    broken: Vec<H3Cell>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Rows {
    fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_by(|a, b| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
        Self { all: rows, ..Self::default() }
    }

    fn keeping(rows: Vec<Row>) -> Self {
        Self { keeps: true, ..Self::new(rows) }
    }

    fn load(&self, cell: H3Cell) -> Vec<(H3Cell, Arc<Page>)> {
        let mut load = PageLoad::new(cell);
        while let Some(read) = load.next_read() {
            let in_range = |row: &&Row| (read.first..=read.last).contains(&row.leaf);
            let mut found: Vec<Row> =
                self.all.iter().filter(in_range).take(read.limit + 1).cloned().collect();
            let complete = found.len() < read.limit;
            found.truncate(read.limit);
            load.accept(found, complete);
        }
        load.finish().into_iter().map(|(cell, page)| (cell, Arc::new(page))).collect()
    }
}

#[async_trait]
impl PageSource for Rows {
    fn get_if_present(&self, _: &PageTree, cell: H3Cell, trace: &mut Trace) -> Option<Arc<Page>> {
        let page = self.kept.lock().unwrap().get(&cell).cloned();
        trace.memory.hits += u32::from(page.is_some());
        page
    }

    async fn fetch(
        &self,
        _: &PageTree,
        cells: &[H3Cell],
        _: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError> {
        let now = self.under_way.fetch_add(cells.len(), Ordering::Relaxed) + cells.len();
        self.most_under_way.fetch_max(now, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.under_way.fetch_sub(cells.len(), Ordering::Relaxed);
        if cells.iter().any(|cell| self.broken.contains(cell)) {
            return Err(StoreError::Throttled.into());
        }
        trace.source.loads += cells.len() as u32;
        let pages: Vec<_> = cells.iter().flat_map(|cell| self.load(*cell)).collect();
        if self.keeps {
            self.kept.lock().unwrap().extend(pages.clone());
        }
        let cost = ReadCost { queries: cells.len() as u32, read_units: 0.5 };
        Ok(Fetched { pages, cost })
    }

    async fn fetch_runs(&self, _: &PageTree, _: &[RunRead], _: Instant) -> Result<FetchedRuns, PageError> {
        unreachable!("no leaf has so many places here")
    }
}

fn at(lat: f64, lon: f64) -> Position {
    Position::new(lat, lon).unwrap()
}

fn origin() -> Position {
    at(48.8566, 2.3522)
}

/// Places around the origin, the denser the nearer.
fn rows(count: u32) -> Vec<Row> {
    let row = |i: u32| {
        let away = 10f64.powf(f64::from(i) / f64::from(count) * 4.0 - 4.0);
        let (sin, cos) = f64::from(i * 37 % 360).to_radians().sin_cos();
        let position = at(48.8566 + away * sin, 2.3522 + away * cos);
        let leaf = Leaf::at(position);
        Row { leaf, id: format!("p{i}"), position, category: None, payload: b"x".to_vec() }
    };
    (0..count).map(row).collect()
}

fn job(margin_m: f64) -> Warm {
    Warm {
        tree: "bars".parse::<Collection>().unwrap().into(),
        area: [Cell::at(Grid::H3, origin(), 6).unwrap()].into_iter().collect(),
        margin: Meters::new(margin_m).unwrap(),
        concurrency: 4,
        max_pages: 100_000,
        verify: 0.0,
        until: None,
    }
}

async fn run(job: &Warm, pages: &Rows) -> Report {
    warm(job, pages, pages, |_, _| {}).await
}

#[tokio::test]
async fn what_was_visited_is_accounted_for() {
    let pages = Rows::new(rows(3_000));
    let mut steps = Vec::new();
    let report =
        warm(&job(150_000.0), &pages, &pages, |report, ahead| steps.push((report.pages, ahead))).await;
    assert!(report.is_good(), "{report:?}");
    assert_eq!(report.pages, report.loaded + report.came_along);
    assert_eq!((report.in_memory, report.in_remote, report.verified), (0, 0, 0));
    assert_eq!(report.queries, report.loaded);
    assert!(report.came_along > 0 && report.splits > 0 && report.empty > 0, "{report:?}");
    let near = |row: &&Row| distance(row.position, origin()).get() < 150_000.0;
    let surely = pages.all.iter().filter(near).count() as u64;
    assert!((surely..=3_000).contains(&report.places), "{surely} and {}", report.places);
    assert_eq!(steps.len() as u64, report.pages);
    assert_eq!(*steps.last().unwrap(), (report.pages, 0));
    assert_eq!(pages.most_under_way.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_second_run_finds_all_cached() {
    let pages = Rows::keeping(rows(3_000));
    let first = run(&job(10_000.0), &pages).await;
    let second = run(&job(10_000.0), &pages).await;
    assert_eq!((second.in_memory, second.loaded, second.queries), (first.pages, 0, 0));
    assert_eq!((second.places, second.splits, second.empty), (first.places, first.splits, first.empty));
}

/// With what the job left in the cache, searches from within the area need nothing else.
#[tokio::test]
async fn searches_from_within_need_no_other_page() {
    let mut rng = fastrand::Rng::with_seed(5);
    for margin_m in [0.0, 500.0, 10_000.0, 60_000.0] {
        let pages = Rows::keeping(rows(4_000));
        let job = job(margin_m);
        run(&job, &pages).await;
        for _ in 0..200 {
            let from = at(origin().lat() + (rng.f64() - 0.5) * 0.1, origin().lon() + (rng.f64() - 0.5) * 0.1);
            if Cell::at(Grid::H3, from, 6) != Cell::at(Grid::H3, origin(), 6) {
                continue;
            }
            let radius = Meters::new(margin_m * rng.f64()).unwrap();
            let query = NearbyQuery {
                origin: from,
                radius,
                limit: 100.try_into().unwrap(),
                category: None,
                after: None,
            };
            let mut search = NearbySearch::new(query, SearchLimits::default());
            let progress =
                search.advance(|cell| pages.get_if_present(&job.tree, cell, &mut Trace::default()));
            assert_eq!(progress, Ok(Progress::Done), "{from:?} {radius}");
        }
    }
}

#[tokio::test]
async fn all_is_verified_if_asked_and_what_differs_is_found() {
    let (pages, store) = (Rows::keeping(rows(1_000)), Rows::new(rows(1_000)));
    let job = Warm { verify: 1.0, ..job(10_000.0) };
    let report = warm(&job, &pages, &store, |_, _| {}).await;
    assert!(report.is_good(), "{report:?}");
    assert_eq!(report.verified, report.pages - report.splits);
    assert_eq!(report.verify_queries, report.verified);

    // A cached page goes on without a place that the store has.
    let stale = {
        let mut kept = pages.kept.lock().unwrap();
        let holds = |page: &Page| matches!(page, Page::Places(places) if !places.is_empty());
        let wanted = |cell: &H3Cell| cell.covers(Leaf::at(origin()));
        let cell = *kept.iter().find(|(cell, page)| wanted(cell) && holds(page)).unwrap().0;
        kept.insert(cell, Arc::new(Page::Places(PlacesPage::default())));
        cell
    };
    let report = warm(&job, &pages, &store, |_, _| {}).await;
    assert!(!report.is_good());
    assert_eq!((report.differences, &report.differing[..]), (1, &[stale.to_string()][..]));
    assert!(report.lines().contains(&format!("differs from the store: the page of {stale}")));
}

#[tokio::test]
async fn a_write_meanwhile_is_no_difference() {
    /// Has an old page the first time it is asked.
    struct Behind(Rows, AtomicUsize);

    #[async_trait]
    impl PageSource for Behind {
        fn get_if_present(&self, _: &PageTree, _: H3Cell, _: &mut Trace) -> Option<Arc<Page>> {
            None
        }

        async fn fetch(
            &self,
            tree: &PageTree,
            cells: &[H3Cell],
            deadline: Instant,
            trace: &mut Trace,
        ) -> Result<Fetched, PageError> {
            if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
                let page = Arc::new(Page::Places(PlacesPage::default()));
                return Ok(Fetched { pages: vec![(cells[0], page)], ..Fetched::default() });
            }
            self.0.fetch(tree, cells, deadline, trace).await
        }

        async fn fetch_runs(
            &self,
            tree: &PageTree,
            runs: &[RunRead],
            deadline: Instant,
        ) -> Result<FetchedRuns, PageError> {
            self.0.fetch_runs(tree, runs, deadline).await
        }
    }

    let (pages, store) = (Behind(Rows::new(rows(20)), AtomicUsize::new(0)), Rows::new(rows(20)));
    let job = Warm { verify: 1.0, concurrency: 1, ..job(0.0) };
    let report = warm(&job, &pages, &store, |_, _| {}).await;
    assert!(report.verified > 0 && report.is_good(), "{report:?}");
    // One page was fetched a second time.
    assert_eq!(pages.1.load(Ordering::Relaxed) as u64, report.pages + 1);
}

#[tokio::test]
async fn the_budget_is_kept_and_its_end_is_loud() {
    let pages = Rows::new(rows(3_000));
    let all = run(&job(10_000.0), &pages).await.pages;
    for max_pages in [1, 3, 20, all] {
        let report = run(&Warm { max_pages, ..job(10_000.0) }, &pages).await;
        assert_eq!(report.pages, max_pages);
        assert_eq!(report.left_out > 0, max_pages < all, "{report:?}");
        assert_eq!(report.is_good(), max_pages == all);
    }
}

#[tokio::test]
async fn a_page_that_fails_is_counted_and_the_rest_is_warm() {
    let root = Leaf::at(origin()).ancestor(3).unwrap();
    let whole = run(&job(10_000.0), &Rows::new(rows(3_000))).await;
    let child = Leaf::at(origin()).ancestor(6).unwrap();
    let report = run(&job(10_000.0), &Rows { broken: vec![child], ..Rows::new(rows(3_000)) }).await;
    assert_eq!((report.failures, report.left_out), (1, 0), "{report:?}");
    assert!(report.pages > 10 && report.pages < whole.pages && !report.is_good());
    let reason = format!("page {child}: the store is throttling requests");
    assert_eq!(report.first_failure.as_deref(), Some(&*reason));

    // When nothing can be had, the job does not ask for all of it.
    let everything = Area::from_iter(root.ancestor(1).map(Cell::H3));
    let (roots, _) = everything.cells::<H3Cell>(3, 1_000);
    let report =
        run(&Warm { area: everything, ..job(0.0) }, &Rows { broken: roots, ..Rows::default() }).await;
    assert!((10..20).contains(&report.failures) && report.left_out > 10, "{report:?}");
}

#[tokio::test]
async fn a_dry_run_reads_nothing_and_says_what_it_does_not_know() {
    let pages = Rows::keeping(rows(3_000));
    let job = job(10_000.0);
    let cold = predict(&job, &pages).await;
    assert!(cold.at_least && cold.cached == 0 && cold.asked > 0, "{cold:?}");
    assert!((cold.queries - cold.asked as f64).abs() < 1e-9);
    assert!(cold.lines().iter().any(|line| line.ends_with(&format!("at least {}", cold.asked))));
    assert!(pages.kept.lock().unwrap().is_empty());

    let report = run(&job, &pages).await;
    let warm = predict(&job, &pages).await;
    assert_eq!((warm.cached, warm.asked, warm.at_least), (report.pages, 0, false));

    // With the splits alone it knows about how much is missing.
    pages.kept.lock().unwrap().retain(|_, page| matches!(**page, Page::Split(_)));
    let known = predict(&job, &pages).await;
    assert!(known.cached == report.splits && known.asked > 0, "{known:?}");
    assert!(known.read_units > 0.5 * known.asked as f64 && known.queries >= known.asked as f64);
}

#[tokio::test]
async fn an_area_of_nothing_is_done_at_once() {
    let report = run(&Warm { area: Area::default(), ..job(10_000.0) }, &Rows::default()).await;
    assert_eq!((report.pages, report.is_good()), (0, true));
}
