//! Compares sampled searches with brute force over a scan of the whole collection.
//!
//! The scan is kept in memory (about a hundred bytes a place). Places that change while the job runs show up
//! as differences: verify a collection that rests, or look at what differs.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use cellar_model::Collection;
use cellar_model::checksum::Checksum;
use cellar_search::pages::PageError;
use cellar_search::{Search, Work};
use cellar_store::{Store, StoreError};
use geo_index::tree::{NearbyKey, NearbyQuery};
use geo_index::{CATEGORY_SEPARATOR, CategoryFilter, EARTH_RADIUS_M, Meters, Position, distance};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// What to verify.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The collection.
    pub collection: Collection,
    /// Searches to compare.
    pub searches: usize,
    /// Longest radius to try.
    pub max_radius: Meters,
    /// Seed of the sample.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Places in the collection.
    pub places: usize,
    /// Checksum of them.
    pub checksum: Checksum,
    /// Searches that were compared; a search and each page of results behind it count as one.
    pub searches: usize,
    /// Places that all of them returned.
    pub results: usize,
    /// Searches that differed from brute force.
    pub differences: usize,
    /// The first few of those.
    pub examples: Vec<Difference>,
    /// DynamoDB Queries per search.
    pub queries_per_search: f64,
    /// Read units per search.
    pub read_units_per_search: f64,
    /// Round trips in sequence per search.
    pub rounds_per_search: f64,
}

/// A search whose answer is not what brute force finds.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Latitude of the origin.
    pub lat: f64,
    /// Longitude of the origin.
    pub lon: f64,
    /// Radius, in metres.
    pub radius_m: f64,
    /// Limit.
    pub limit: usize,
    /// Category, if one was asked for.
    pub category: Option<String>,
    /// Ids that should have come.
    pub expected: Vec<String>,
    /// Ids that came.
    pub found: Vec<String>,
}

/// Examples that a report lists.
const MAX_EXAMPLES: usize = 5;

/// Pages of results that one sampled search follows.
const PAGES_OF_RESULTS: usize = 3;

/// Time for one search.
const TIME_LIMIT: Duration = Duration::from_secs(30);

struct Known {
    id: String,
    position: Position,
    category: Option<String>,
}

/// Runs the job; `progress` is told how many places were read and searches compared.
pub async fn verify(
    job: &Verify,
    store: &dyn Store,
    search: &Search,
    mut progress: impl FnMut(usize, usize),
) -> Result<Report, PageError> {
    let (known, checksum) = read_all(&job.collection, store, &mut progress).await?;
    let mut report = Report { places: known.len(), checksum, ..Report::default() };
    let mut work = Work::default();
    let mut rng = ChaCha8Rng::seed_from_u64(job.seed);
    for number in 0..job.searches {
        let mut query = sample(&known, job.max_radius, number, &mut rng);
        for _ in 0..PAGES_OF_RESULTS {
            let deadline = Instant::now() + TIME_LIMIT;
            let answer = search.nearby(&job.collection, query.clone(), deadline).await?;
            let mut expected = brute_force(&known, &query);
            if let Some(next) = answer.next.as_ref().filter(|_| answer.hits.len() < query.limit.get()) {
                // It ended early: what is nearer than this is all there.
                expected.retain(|(at, _)| *at < next.distance.get());
            }
            let hits = answer.hits.iter();
            let found =
                hits.map(|hit| (hit.distance().map_or(0.0, Meters::get), hit.id().to_owned())).collect();
            compare(&query, expected, found, &mut report);
            work.cost += answer.work.cost;
            work.tree.rounds += answer.work.tree.rounds;
            query.after = answer.next;
            if query.after.is_none() {
                break;
            }
        }
        progress(known.len(), number + 1);
    }
    let per_search = |total: f64| total / report.searches.max(1) as f64;
    report.queries_per_search = per_search(f64::from(work.cost.queries));
    report.read_units_per_search = per_search(work.cost.read_units);
    report.rounds_per_search = per_search(work.tree.rounds as f64);
    Ok(report)
}

async fn read_all(
    collection: &Collection,
    store: &dyn Store,
    progress: &mut impl FnMut(usize, usize),
) -> Result<(Vec<Known>, Checksum), StoreError> {
    let (mut known, mut checksum, mut from) = (Vec::new(), Checksum::default(), None);
    loop {
        let part = store.scan(collection, from).await?;
        part.places.iter().for_each(|place| checksum.add(collection, place));
        known.extend(part.places.into_iter().map(|place| Known {
            id: place.id.to_string(),
            position: place.position,
            category: place.properties.category(),
        }));
        progress(known.len(), 0);
        from = part.next;
        if from.is_none() {
            return Ok((known, checksum));
        }
    }
}

/// Most origins lie near a place, every fourth anywhere; radii are spread evenly over their magnitudes.
fn sample(known: &[Known], max_radius: Meters, number: usize, rng: &mut ChaCha8Rng) -> NearbyQuery {
    let near = (!known.is_empty() && number % 4 != 3).then(|| &known[rng.random_range(0..known.len())]);
    let origin = match near {
        Some(place) => beside(place.position, rng),
        None => anywhere(rng),
    };
    let radius = Meters::new(max_radius.get().powf(rng.random_range(0.0..=1.0))).unwrap_or(max_radius);
    let category = near.filter(|_| number.is_multiple_of(3)).and_then(|place| place.category.as_deref());
    let category = category.map(|all| one_of(all, number, rng));
    let limit = NonZeroUsize::new(rng.random_range(1..=100)).expect("at least 1");
    NearbyQuery { origin, radius, limit, category, after: None }
}

/// One of the categories of a place, now and then all but this one.
fn one_of(all: &str, number: usize, rng: &mut ChaCha8Rng) -> CategoryFilter {
    let names: Vec<&str> = all.split(CATEGORY_SEPARATOR).collect();
    let one = CategoryFilter::only(names[rng.random_range(0..names.len())]);
    // With only few places of other categories, that is a search of everything.
    if number.is_multiple_of(30) { format!("!{one}").parse().unwrap_or(one) } else { one }
}

fn anywhere(rng: &mut ChaCha8Rng) -> Position {
    let lat = rng.random_range(-1.0..=1.0_f64).asin().to_degrees();
    Position::new(lat, rng.random_range(-180.0..=180.0)).expect("within the ranges")
}

/// Up to 30 km away, mostly much less, and now and then on the very spot.
fn beside(position: Position, rng: &mut ChaCha8Rng) -> Position {
    let away = (30_000.0 * rng.random::<f64>().powi(4) / EARTH_RADIUS_M).to_degrees();
    let lat = (position.lat() + away * rng.random_range(-1.0..=1.0)).clamp(-90.0, 90.0);
    let lon = position.lon() + away * rng.random_range(-1.0..=1.0);
    Position::new(lat, (lon + 540.0).rem_euclid(360.0) - 180.0).expect("clamped and wrapped")
}

fn brute_force(known: &[Known], query: &NearbyQuery) -> Vec<(f64, String)> {
    let behind = |at: f64, id: &str| {
        let key = |after: &NearbyKey| (at, id) > (after.distance.get(), after.id.as_str());
        query.after.as_ref().is_none_or(key)
    };
    let mut found: Vec<(f64, &str)> = known
        .iter()
        .filter(|place| query.category.as_ref().is_none_or(|filter| filter.allows(place.category.as_deref())))
        .map(|place| (distance(query.origin, place.position).get(), place.id.as_str()))
        .filter(|&(at, id)| at <= query.radius.get() && behind(at, id))
        .collect();
    let by_key = |a: &(f64, &str), b: &(f64, &str)| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1));
    if found.len() > query.limit.get() {
        // On a crowded point nearly all places are found, and only a few of them compared.
        found.select_nth_unstable_by(query.limit.get(), by_key);
        found.truncate(query.limit.get());
    }
    found.sort_by(by_key);
    found.into_iter().map(|(at, id)| (at, id.to_owned())).collect()
}

fn compare(
    query: &NearbyQuery,
    expected: Vec<(f64, String)>,
    found: Vec<(f64, String)>,
    report: &mut Report,
) {
    report.searches += 1;
    report.results += found.len();
    if expected == found {
        return;
    }
    report.differences += 1;
    if report.examples.len() < MAX_EXAMPLES {
        let ids = |places: Vec<(f64, String)>| places.into_iter().map(|(_, id)| id).collect();
        report.examples.push(Difference {
            lat: query.origin.lat(),
            lon: query.origin.lon(),
            radius_m: query.radius.get(),
            limit: query.limit.get(),
            category: query.category.as_ref().map(ToString::to_string),
            expected: ids(expected),
            found: ids(found),
        });
    }
}
