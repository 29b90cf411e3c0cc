//! What places take in memory, and what looking them up costs.
//!
//! `cargo bench -p cellar --bench pages`. All pages of the tree over cities.csv are built from the store and written to
//! a file; a process of its own, whose heap nothing else has used, brings them into the cache and compares how much it grew
//! (`VmRSS`) with what the cache accounts. Then: time of a hit, and of counting where a search came from.

#[allow(dead_code, reason = "shared by the benchmarks, each of which uses a part")]
mod support;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::clock::SystemClock;
use cellar_cache::model::{Loaded, Loader};
use cellar_cache::{Cache, Policy, Trace};
use cellar_model::PageKey;
use cellar_search::hot::HotCells;
use cellar_search::pages::{PageError, PageId, PageSource, StorePages};
use cellar_store::ReadCost;
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{H3Cell, Leaf, Page};
use support::{Places, collection};

const LOOKUPS: usize = 2_000_000;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [flag, file] = &args[..]
        && flag == "--measure"
    {
        return measure(Path::new(file)).await;
    }
    let places = Places::read();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("pages");
    write_pages(&places, &file).await;
    let this = std::env::current_exe().expect("this binary");
    let measured = Command::new(this).arg("--measure").arg(&file).status();
    assert!(measured.expect("this binary starts").success());
    offers(&places);
}

/// All pages of the tree, each as its cell, a length and its bytes.
async fn write_pages(places: &Places, file: &Path) {
    let (engine, store) = places.store().await;
    let pages = StorePages::new(store);
    let mut out = BufWriter::new(File::create(file).expect("a file"));
    let leaves = places.positions().map(Leaf::at);
    let mut cells: Vec<_> = leaves.filter_map(|leaf| leaf.ancestor(ROOT_RESOLUTION)).collect();
    cells.sort_unstable();
    cells.dedup();
    while let Some(cell) = cells.pop() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let fetched = pages.fetch(&collection().into(), &[cell], deadline, &mut Trace::default()).await;
        let found = fetched.expect("a page").pages.into_iter().find(|(found, _)| *found == cell);
        let (_, page) = found.expect("the page that was asked for");
        if let Page::Split(split) = &*page {
            cells.extend(split.children());
        }
        let bytes = page.encode(cell);
        let head = [cell.index().to_le_bytes(), (bytes.len() as u64).to_le_bytes()].concat();
        out.write_all(&head).and_then(|()| out.write_all(&bytes)).expect("written");
    }
    out.flush().expect("written");
    engine.shutdown().await;
}

/// Loads the page whose bytes were put here.
#[derive(Default)]
struct Slot(Arc<Mutex<Vec<u8>>>);

#[async_trait]
impl Loader<PageId, Page> for Slot {
    type Error = PageError;
    type Cost = ReadCost;

    async fn load(&self, id: &PageId, _: Instant) -> Result<Loaded<PageId, Page, ReadCost>, PageError> {
        let bytes = std::mem::take(&mut *self.0.lock().expect("no panic"));
        let value = Page::decode(id.0.cell(), &bytes).expect("a page");
        Ok(Loaded { value, others: Vec::new(), cost: ReadCost::default() })
    }
}

async fn measure(file: &Path) {
    let slot = Slot::default();
    let bytes = Arc::clone(&slot.0);
    let hour = Duration::from_hours(1);
    let policy = Policy::default()
        .fresh(hour)
        .negative_fresh(hour)
        .untrusted_ttl(hour)
        .early_refresh(0.0)
        .memory_bytes(16 << 30);
    let cache = Cache::builder(slot).policy(policy).build();
    let mut file = BufReader::new(File::open(file).expect("the pages"));
    let (mut ids, mut places, mut splits, mut empty) = (Vec::with_capacity(1 << 16), 0, 0, 0);
    let (collection, before) = (collection(), resident_bytes());
    let (mut head, mut trace) = ([0; 16], Trace::default());
    while file.read_exact(&mut head).is_ok() {
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("8 bytes"));
        let mut encoded = vec![0; number(8) as usize];
        file.read_exact(&mut encoded).expect("a whole page");
        *bytes.lock().expect("no panic") = encoded;
        let cell = H3Cell::from_index(number(0)).expect("a cell");
        let id = PageId(PageKey::new(collection.clone(), cell).expect("below a root"));
        let page = cache.get_or_load(&id, Instant::now() + hour, &mut trace).await.expect("a page");
        match &*page {
            Page::Split(_) => splits += 1,
            Page::Crowd(_) | Page::Roots(_) => {}
            Page::Places(page) => {
                places += page.len();
                empty += usize::from(page.is_empty());
            }
        }
        ids.push(id);
    }
    cache.run_pending_tasks();
    let grown = resident_bytes() - before;
    let (entries, accounted) = cache.memory_size();
    let per_place = |bytes: f64| bytes / places as f64;
    println!("{entries} pages ({splits} splits, {empty} empty) with {places} places");
    println!("{:>24} {:>14} {:>12} {:>8}", "", "bytes", "per place", "ratio");
    println!("{:>24} {accounted:>14} {:>12.1} {:>8.2}", "accounted", per_place(accounted as f64), 1.0);
    let ratio = grown / accounted as f64;
    println!("{:>24} {grown:>14.0} {:>12.1} {ratio:>8.2}", "resident", per_place(grown));

    let mut random = fastrand::Rng::with_seed(3);
    let wanted: Vec<_> = (0..LOOKUPS).map(|_| random.usize(..ids.len())).collect();
    let started = Instant::now();
    for index in wanted {
        black_box(cache.get_if_present(&ids[index], &mut trace).expect("it is in memory"));
    }
    println!("a hit, any page: {:.0} ns", nanoseconds(started, LOOKUPS));
}

fn offers(places: &Places) {
    let users = places.users(LOOKUPS / 2, 4);
    for one_in in [cellar_search::hot::ONE_IN, 1] {
        let (hot, collection) = (HotCells::sampling(Arc::new(SystemClock), one_in), collection());
        let started = Instant::now();
        for user in &users {
            hot.offer(&collection, *user);
        }
        println!(
            "offered to the hot cells, one in {one_in} counted: {:.0} ns",
            nanoseconds(started, users.len())
        );
    }
}

fn nanoseconds(since: Instant, count: usize) -> f64 {
    since.elapsed().as_secs_f64() * 1e9 / count as f64
}

/// Memory of this process, from Linux's account.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1024.0
}
