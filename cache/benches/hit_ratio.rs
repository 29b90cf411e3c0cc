//! The share of requests that memory answers, on a Zipf stream, at several capacities.
//!
//! `cargo bench -p cellar-cache --bench hit_ratio [-- REQUESTS]`. In one run, on the same stream: this cache; moka alone, with
//! room for as many values, counted, and weighed alike; an exact LRU; and the best that any fixed choice of keys can do, the most frequent ones of
//! the stream, each missed once. Published for moka: `tinyufo/benches/bench_hit_ratio.rs` of cloudflare/pingora, 10,000 keys,
//! 5 million requests.

mod support;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cellar_cache::Trace;
use moka::sync::Cache as Moka;
use rustc_hash::FxHashMap;
use support::{Id, cache, entry_weight};

/// What cloudflare/pingora has measured of moka: skew, capacity as a share of the keys, hit ratio.
const PUBLISHED: [(f64, f64, f64); 8] = [
    (0.9, 0.005, 0.3333),
    (0.9, 0.01, 0.3798),
    (0.9, 0.05, 0.5517),
    (0.9, 0.1, 0.6414),
    (1.0, 0.005, 0.4557),
    (1.0, 0.01, 0.5064),
    (1.0, 0.05, 0.6688),
    (1.0, 0.1, 0.7422),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let requests = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(2_000_000);
    let weight = entry_weight().await;
    println!(
        "{:>9} {:>5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10}",
        "keys", "s", "capacity", "cellar", "weighed", "moka", "LRU", "best", "published"
    );
    for (keys, shares) in [(10_000, [0.005, 0.01, 0.05, 0.1]), (1_000_000, [0.001, 0.01, 0.03, 0.1])] {
        for skew in [0.9, 1.0] {
            let stream = zipf(keys, skew, requests);
            for share in shares {
                let room = (share * f64::from(keys)) as usize;
                let ours = of_cellar(&stream, room, weight).await;
                let counted = of_moka(&stream, &Moka::new(room as u64));
                let weighed = Moka::builder().max_capacity(room as u64 * weight);
                let weighed = of_moka(&stream, &weighed.weigher(move |_, ()| weight as u32).build());
                let (lru, best) = (of_lru(&stream, room), of_best(&stream, room));
                let published = PUBLISHED
                    .iter()
                    .find(|known| keys == 10_000 && (known.0, known.1) == (skew, share))
                    .map_or("-".to_owned(), |known| percent(known.2, 1));
                let all = [ours, weighed, counted, lru, best];
                let [ours, weighed, counted, lru, best] = all.map(|hits| percent(hits as f64, requests));
                println!(
                    "{keys:>9} {skew:>5} {:>9} {ours:>9} {weighed:>9} {counted:>9} {lru:>9} {best:>9} {published:>10}",
                    percent(share, 1)
                );
            }
        }
    }
}

fn percent(part: f64, of: usize) -> String {
    format!("{:.1} %", part / of as f64 * 100.0)
}

/// Keys of a Zipf distribution: the k-th is 1/k^skew as likely as the first.
fn zipf(keys: u32, skew: f64, count: usize) -> Vec<u32> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=keys).map(|rank| (sum += f64::from(rank).powf(-skew), sum).1).collect();
    let mut random = fastrand::Rng::with_seed(1);
    let mut draw = || {
        let at = random.f64() * sum;
        sums.partition_point(|end| *end < at) as u32
    };
    (0..count).map(|_| draw()).collect()
}

async fn of_cellar(stream: &[u32], room: usize, weight: u64) -> usize {
    let (cache, _) = cache(room as u64 * weight);
    let deadline = Instant::now() + Duration::from_hours(1);
    let mut trace = Trace::default();
    for key in stream {
        cache.get_or_load(&Id::new(u64::from(*key)), deadline, &mut trace).await.expect("a value");
    }
    trace.memory.hits as usize
}

fn of_moka(stream: &[u32], cache: &Moka<u32, ()>) -> usize {
    let mut hits = 0;
    for key in stream {
        if cache.get(key).is_some() {
            hits += 1;
        } else {
            cache.insert(*key, ());
        }
    }
    hits
}

/// Each use of a key is queued with its number; an entry of the queue that is not the key's last use is passed over.
fn of_lru(stream: &[u32], room: usize) -> usize {
    let (mut last_use, mut uses, mut hits) = (FxHashMap::default(), VecDeque::new(), 0);
    for (number, key) in stream.iter().enumerate() {
        hits += usize::from(last_use.insert(*key, number).is_some());
        uses.push_back((*key, number));
        while last_use.len() > room {
            let (oldest, number) = uses.pop_front().expect("every key has a last use");
            if last_use.get(&oldest) == Some(&number) {
                last_use.remove(&oldest);
            }
        }
    }
    hits
}

/// The most frequent keys of the stream are kept from their first use on, and no others.
fn of_best(stream: &[u32], room: usize) -> usize {
    let mut counts: FxHashMap<u32, usize> = FxHashMap::default();
    for key in stream {
        *counts.entry(*key).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.iter().take(room).map(|count| count - 1).sum()
}
