//! A cache in memory that serves old values while it loads new ones.
//!
//! `cargo run -p cellar-cache --example memory_only`. Needs nothing but this program: the source is a slow function.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::model::{Key, Loaded, Loader, Value};
use cellar_cache::{Cache, Policy, Trace};

/// A weather station, by its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Station(u32);

/// Without a remote tier these names are never used.
impl Key for Station {
    fn remote(&self) -> String {
        format!("weather:{{{}}}:{}", self.group(), self.0)
    }

    fn group(&self) -> String {
        "stations".to_owned()
    }

    fn parse_remote(name: &str) -> Option<Self> {
        name.strip_prefix("weather:{stations}:")?.parse().ok().map(Self)
    }
}

/// What a station measures. `None`: there is no such station, which is worth remembering, too.
#[derive(Debug)]
struct Report(Option<String>);

impl Value<Station> for Report {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.0.as_ref().map_or(0, String::capacity)
    }

    fn is_negative(&self) -> bool {
        self.0.is_none()
    }

    fn encode(&self, _: &Station) -> Vec<u8> {
        self.0.clone().unwrap_or_default().into_bytes()
    }

    fn decode(_: &Station, bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        Some(Self((!text.is_empty()).then_some(text)))
    }
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("the weather service does not answer")]
struct NoAnswer;

/// A service that takes 50 ms for each report.
#[derive(Default)]
struct WeatherService {
    calls: AtomicU32,
}

struct Load(Arc<WeatherService>);

#[async_trait]
impl Loader<Station, Report> for Load {
    type Error = NoAnswer;
    type Cost = u32;

    async fn load(&self, station: &Station, _: Instant) -> Result<Loaded<Station, Report, u32>, NoAnswer> {
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let known = (station.0 < 100).then(|| format!("station {}: report {call}", station.0));
        Ok(Loaded { value: Report(known), others: Vec::new(), cost: 1 })
    }
}

type Weather = Cache<Station, Report, Load>;

/// Reads one report and prints what it took.
async fn read(cache: &Weather, station: u32) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let mut trace = Trace::default();
    let report = cache.get_or_load(&Station(station), started + Duration::from_secs(1), &mut trace).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
    println!("{took_ms:6.2} ms  {:45}  {:?}", trace.cache_status("memory", "none"), report.0);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = Arc::new(WeatherService::default());
    let policy = Policy::default()
        .fresh(Duration::from_millis(300))
        .stale_while_revalidate(Duration::from_mins(1))
        .memory_bytes(16 << 20);
    let cache = Cache::builder(Load(Arc::clone(&service))).policy(policy).build();

    println!("A thousand readers miss at once; one of them loads:");
    let readers: Vec<_> = (0..1_000)
        .map(|_| {
            let cache = cache.clone();
            let deadline = Instant::now() + Duration::from_secs(1);
            tokio::spawn(async move { cache.get_or_load(&Station(7), deadline, &mut Trace::default()).await })
        })
        .collect();
    for reader in readers {
        reader.await??;
    }
    println!("           {} call of the service", service.calls.load(Ordering::Relaxed));

    println!("Then it is in memory:");
    read(&cache, 7).await?;

    tokio::time::sleep(Duration::from_millis(400)).await;
    println!("Past its fresh time it is served all the same, and refreshed in the background:");
    read(&cache, 7).await?;
    cache.drain().await;
    read(&cache, 7).await?;

    println!("That there is no station 700 is remembered as well, for a time of its own:");
    read(&cache, 700).await?;
    read(&cache, 700).await?;

    println!("After an invalidation nothing older is served:");
    cache.invalidate(&[Station(7)]).await?;
    read(&cache, 7).await
}
