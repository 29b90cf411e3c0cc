//! Two processes that share Redis: what one loads the other finds, and what one invalidates the other forgets.
//!
//! `cargo run -p cellar-cache --example two_tiers -- redis://127.0.0.1:6379`. Both processes live in this program, each with
//! its own cache and its own connections.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::model::{Key, Loaded, Loader, Value};
use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
use cellar_cache::{Cache, Policy, Trace};

/// A product of a shop. A shop's products are a group: they share a fence, and in a cluster a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Product {
    shop: String,
    number: u32,
}

impl Key for Product {
    fn remote(&self) -> String {
        format!("product:{{{}}}:{}", self.shop, self.number)
    }

    fn group(&self) -> String {
        self.shop.clone()
    }

    fn parse_remote(name: &str) -> Option<Self> {
        let (shop, number) = name.strip_prefix("product:{")?.split_once("}:")?;
        Some(Self { shop: shop.to_owned(), number: number.parse().ok()? })
    }
}

/// A price in cents.
#[derive(Debug)]
struct Price(u64);

impl Value<Product> for Price {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }

    fn is_negative(&self) -> bool {
        false
    }

    fn encode(&self, _: &Product) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn decode(_: &Product, bytes: &[u8]) -> Option<Self> {
        Some(Self(u64::from_le_bytes(bytes.try_into().ok()?)))
    }
}

/// The database.
#[derive(Clone, Default)]
struct Prices(Arc<Mutex<HashMap<u32, u64>>>);

impl Prices {
    fn set(&self, number: u32, cents: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, cents);
    }
}

#[async_trait]
impl Loader<Product, Price> for Prices {
    type Error = Infallible;
    type Cost = u32;

    async fn load(&self, product: &Product, _: Instant) -> Result<Loaded<Product, Price, u32>, Infallible> {
        let cents = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&product.number).copied();
        Ok(Loaded { value: Price(cents.unwrap_or(0)), others: Vec::new(), cost: 1 })
    }
}

/// A process: its cache, which listens to the others.
struct Process {
    name: &'static str,
    cache: Cache<Product, Price, Prices>,
}

impl Process {
    fn start(name: &'static str, url: &str, prices: &Prices) -> Result<Self, Box<dyn Error>> {
        let config = RedisConfig::new(url.parse()?, "cellar-example:");
        let remote = Arc::new(RedisRemote::new(config)?);
        let policy = Policy::default().fresh(Duration::from_mins(1));
        let cache = Cache::builder(prices.clone()).policy(policy).remote(remote).build();
        // It ends by itself when the last handle on the cache is gone.
        tokio::spawn(cache.run());
        Ok(Self { name, cache })
    }

    async fn read(&self, product: &Product) -> Result<u64, Box<dyn Error>> {
        let mut trace = Trace::default();
        let deadline = Instant::now() + Duration::from_secs(1);
        let price = self.cache.get_or_load(product, deadline, &mut trace).await?;
        println!("{}: {} cents   {}", self.name, price.0, trace.cache_status("memory", "redis"));
        Ok(price.0)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let prices = Prices::default();
    let product = Product { shop: "corner".to_owned(), number: 1 };
    prices.set(product.number, 250);
    let (one, two) = (Process::start("one", &url, &prices)?, Process::start("two", &url, &prices)?);
    // So that nothing of an earlier run is left. It fails if there is no Redis.
    one.cache.invalidate(std::slice::from_ref(&product)).await?;

    println!("One loads, and the other finds it in Redis:");
    one.read(&product).await?;
    one.cache.drain().await;
    two.read(&product).await?;
    two.read(&product).await?;

    println!("The price changes. One says so, and the other hears it over the bus:");
    prices.set(product.number, 199);
    one.cache.invalidate(std::slice::from_ref(&product)).await?;
    one.read(&product).await?;
    one.cache.drain().await;
    let end = Instant::now() + Duration::from_secs(2);
    while two.read(&product).await? != 199 {
        if Instant::now() > end {
            return Err("nothing was heard".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    println!(
        "A heartbeat says that every change until now has been told, so memory may be trusted for longer:"
    );
    one.cache.send_heartbeat(Duration::ZERO).await?;
    while !two.cache.is_trusted() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("two: trusts its memory: {}", two.cache.is_trusted());
    Ok(())
}
