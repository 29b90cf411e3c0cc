//! Makes maps anew when they have become old: by `cellar serve` in the background, by a function on a schedule.
//!
//! Invariant: what is read for a map is bounded, and so is what all processes read in a day: who begins to read notes in the
//! table until when others leave the collection alone, and who has read in vain notes that nobody tries before the next map
//! would be due. A map that is missing or old changes no result, so nobody waits for one.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_config::{ConfigError, Env, number};
use cellar_model::Collection;
use cellar_model::key::registry;
use cellar_store::{Store, StoreError};
use geo_index::edge::{ANSWER_MAX, MapRules};
use serde::Serialize;
use tokio::task::JoinHandle;

use crate::cells::listed;

use super::make::{Next, Progress, make};
use super::stored::StoredMap;

/// How often to look for old maps, unless they become old faster.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// Time between two reads beside requests.
const PAUSE: Duration = Duration::from_millis(50);

/// How long who reads for a map is left to it, at most: one that ends meanwhile leaves nothing behind.
const READING: Duration = Duration::from_hours(1);

/// How old maps become, and what may be read for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Age at which a map is made anew; zero for never.
    pub every: Duration,
    /// Parts of the table, of 1 MB at most, that are read for one map. A larger table keeps the map that it has.
    pub most_parts: u64,
    /// Time between two reads: the table has others to serve.
    pub pause: Duration,
    /// Places in an answer, at most: what the server lists.
    pub listed: NonZeroUsize,
}

impl Default for Settings {
    /// Once a day, of tables of up to 4 GB.
    fn default() -> Self {
        Self { every: Duration::from_hours(24), most_parts: 4_000, pause: PAUSE, listed: ANSWER_MAX }
    }
}

impl Settings {
    /// From `CELLAR_EDGE_MAP_EVERY_S` (0 is never), `CELLAR_EDGE_MAP_MAX_READS` and `CELLAR_EDGE_ANSWER_PLACES`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::time::Duration;
    /// use cellar_search::edge_map::refresh::Settings;
    ///
    /// let env = HashMap::from([("CELLAR_EDGE_MAP_EVERY_S", "3600")]);
    /// assert_eq!(Settings::from_env(&env)?.every, Duration::from_secs(3_600));
    /// # Ok::<(), cellar_config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A variable that is no such number.
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let usual = Self::default();
        let every_s = number(env, "CELLAR_EDGE_MAP_EVERY_S", usual.every.as_secs(), 0..=31_536_000)?;
        let most_parts = number(env, "CELLAR_EDGE_MAP_MAX_READS", usual.most_parts, 1..=1_000_000)?;
        Ok(Self { every: Duration::from_secs(every_s), most_parts, listed: listed(env)?, ..usual })
    }
}

/// What came of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its map is not old yet.
    Current,
    /// Somebody else is at it, or has found lately that it cannot be made.
    PutOff,
    /// It has a new map.
    Made,
    /// Somebody else made one meanwhile, or the collection is gone.
    Overtaken,
    /// The table is larger than what may be read.
    TooLarge,
    /// Time was up.
    Unfinished,
}

/// The maps of a table.
#[derive(Clone)]
pub struct Refresh {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

/// Maps that are made in the background.
pub struct Background(JoinHandle<()>);

impl Refresh {
    /// Over a table.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        Self { store, clock, settings }
    }

    /// Makes the maps that are old, one after the other, until an instant; what came of each collection.
    ///
    /// # Errors
    ///
    /// What the store fails with. The next call goes on.
    pub async fn run(&self, until: Option<Instant>) -> Result<Vec<(Collection, Outcome)>, StoreError> {
        let mut outcomes = Vec::new();
        if self.settings.every.is_zero() {
            return Ok(outcomes);
        }
        for info in self.store.collections().await? {
            let outcome = self.one(&info.name, until).await?;
            if !matches!(outcome, Outcome::Current | Outcome::PutOff) {
                tracing::info!(collection = %info.name, ?outcome, "density map");
            }
            outcomes.push((info.name, outcome));
        }
        Ok(outcomes)
    }

    async fn one(&self, collection: &Collection, until: Option<Instant>) -> Result<Outcome, StoreError> {
        let old = StoredMap::read(&*self.store, collection).await?;
        if old.as_ref().is_some_and(|map| !self.is_due(map)) {
            return Ok(Outcome::Current);
        }
        let until_ms = self.store.note(&registry::edge_map_reading_key(collection)).await?;
        if until_ms.and_then(|text| text.parse().ok()).is_some_and(|ms: u64| self.clock.unix_ms() < ms) {
            return Ok(Outcome::PutOff);
        }
        self.put_off(collection, READING.min(self.settings.every)).await?;
        let mut ended = None;
        let on = |done: Progress| {
            if done.parts >= self.settings.most_parts {
                ended = Some(Outcome::TooLarge);
            } else if until.is_some_and(|until| Instant::now() >= until) {
                ended = Some(Outcome::Unfinished);
            }
            if ended.is_some() { Next::Stop } else { Next::After(self.settings.pause) }
        };
        let certified = old.as_ref().map_or(MapRules::default().certified, |old| old.certified);
        let rules = MapRules { certified, listed: self.settings.listed };
        let Some(made) = make(&*self.store, collection, rules, &*self.clock, on).await? else {
            self.put_off(collection, self.settings.every).await?;
            return Ok(ended.unwrap_or(Outcome::Unfinished));
        };
        // Another process may have been faster, and the collection may have been deleted.
        let now = StoredMap::read(&*self.store, collection).await?;
        let overtaken = now.map(|map| map.made_unix_ms) != old.map(|map| map.made_unix_ms);
        if overtaken || self.store.collection(collection).await?.is_none() {
            return Ok(Outcome::Overtaken);
        }
        made.stored.write(&*self.store, collection).await?;
        Ok(Outcome::Made)
    }

    /// Keeps all processes from reading the collection for a while.
    async fn put_off(&self, collection: &Collection, time: Duration) -> Result<(), StoreError> {
        let until_ms = self.clock.unix_ms().saturating_add(time.as_millis() as u64);
        self.store.put_note(&registry::edge_map_reading_key(collection), Some(&until_ms.to_string())).await
    }

    fn is_due(&self, map: &StoredMap) -> bool {
        let every_ms = self.settings.every.as_millis() as u64;
        map.made_unix_ms.saturating_add(every_ms) <= self.clock.unix_ms()
    }

    /// Does so in the background, again and again.
    pub fn start(self) -> Background {
        let every = self.settings.every.clamp(Duration::from_secs(1), LOOK_EVERY);
        Background(tokio::spawn(async move {
            while !self.settings.every.is_zero() {
                // Processes that began together should not read together.
                tokio::time::sleep(every.mul_f64(0.5 + fastrand::f64())).await;
                if let Err(error) = self.run(None).await {
                    tracing::warn!(%error, "density maps are put off");
                }
            }
        }))
    }
}

impl Background {
    /// Stops at once: a map that is half made is made anew by whoever looks next.
    pub fn stop(self) {
        self.0.abort();
    }
}
