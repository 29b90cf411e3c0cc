//! Getting ready before users come: connections, and the caches of an area.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::{Clock as _, SystemClock};
use cellar_http::known::{Lifecycle, Purpose};
use cellar_model::Collection;
use cellar_search::hot;
use cellar_search::pages::StorePages;
use cellar_store::bounded;
use cellar_warm::{Report, Warm, warm};
use geo_index::{Area, Cell};
use serde::Serialize;

use super::function::{Function, REST_LIMIT};
use super::{Budget, Refusal, Target, WarmOrder};

/// How the connections of the function are.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Opened {
    /// `ok` or `failing`.
    pub(super) dynamodb: &'static str,
    /// `ok`, `failing` or `off`.
    pub(super) redis: &'static str,
}

/// What the warmer is told.
#[derive(Serialize)]
pub(super) struct Warmth<'a> {
    /// Whether this was the first event of the environment.
    cold: bool,
    instance: &'a str,
    region: &'a str,
    version: &'static str,
    #[serde(flatten)]
    opened: Opened,
}

/// What a warm-up did.
#[derive(Serialize)]
pub(super) struct WarmUp<'a> {
    /// Whether everything was visited, and nothing failed or differed.
    complete: bool,
    instance: &'a str,
    #[serde(flatten)]
    report: Report,
}

impl Function {
    pub(super) async fn warmer(&self, budget: Budget) -> Warmth<'_> {
        let cold = self.state.instance.use_now();
        let opened = self.open(1, budget.at_most(REST_LIMIT)).await;
        if let Err(Refusal(reason)) = self.carry_on_deletions(budget).await {
            tracing::warn!(reason, "deletions");
        }
        Warmth {
            cold,
            instance: &self.state.instance.id,
            region: &self.state.config.region,
            version: env!("CARGO_PKG_VERSION"),
            opened,
        }
    }

    /// Opens connections, or finds them open: `connections` to DynamoDB, and Redis, all at a time. What the first
    /// requests need to know is asked for on the way: which collections there are, and what Redis must not be trusted
    /// with.
    pub(super) async fn open(&self, connections: u8, limit: Duration) -> Opened {
        let deadline = Instant::now() + limit;
        let pings = (1..connections).map(|_| bounded(deadline, self.state.store.ping()));
        let collections = bounded(deadline, self.state.store.collections());
        let redis = async {
            match self.tiers.coordination {
                None => "off",
                Some(_) => match tokio::time::timeout_at(deadline.into(), self.sink.learn_now()).await {
                    Ok(Ok(())) => "ok",
                    _ => "failing",
                },
            }
        };
        let (collections, _, redis) = tokio::join!(collections, futures::future::join_all(pings), redis);
        let dynamodb = match collections {
            Ok(collections) => {
                for found in collections {
                    self.state.collections.remember(found.name);
                }
                "ok"
            }
            Err(error) => {
                tracing::warn!(%error, "DynamoDB does not answer");
                "failing"
            }
        };
        Opened { dynamodb, redis }
    }

    pub(super) async fn warm(&self, order: WarmOrder, budget: Budget) -> Result<WarmUp<'_>, Refusal> {
        self.state.instance.use_now();
        let area = match order.target {
            Target::Area(area) => area,
            Target::Hottest { count, hours } => self.hottest(&order.collection, count, hours, budget).await?,
        };
        let (store, collection) = (&*self.state.store, &order.collection);
        let lifecycle = self.state.collections.lifecycle(store, collection, Purpose::Read, budget.by).await;
        match lifecycle.map_err(|error| Refusal::new(format!("the table cannot be read: {error}")))? {
            Lifecycle::Live => {}
            Lifecycle::Deleting => {
                return Err(Refusal::new(format!("collection `{collection}` is being deleted")));
            }
            Lifecycle::Unknown => return Err(Refusal::new(format!("there is no collection `{collection}`"))),
        }
        let job = Warm {
            tree: order.collection.into(),
            area,
            margin: order.margin,
            concurrency: order.concurrency,
            max_pages: order.max_pages,
            verify: order.verify,
            until: Some(budget.by.checked_sub(self.margin).unwrap_or(budget.by)),
        };
        let fresh = StorePages::new(Arc::clone(&self.state.store));
        let report = warm(&job, &self.tiers.pages, &fresh, |_, _| {}).await;
        tracing::info!(
            pages = report.pages,
            left_out = report.left_out,
            failures = report.failures,
            "warmed"
        );
        Ok(WarmUp { complete: report.is_good(), instance: &self.state.instance.id, report })
    }

    async fn hottest(
        &self,
        collection: &Collection,
        count: usize,
        hours: u64,
        budget: Budget,
    ) -> Result<Area, Refusal> {
        let coordination = self.tiers.coordination.as_deref();
        let coordination = coordination
            .ok_or_else(|| Refusal::new("`top` needs CELLAR_REDIS_URL: hot cells are counted there"))?;
        let cells = hot::top(coordination, collection, SystemClock.unix_ms(), hours, count);
        let cells = match tokio::time::timeout_at(budget.by.into(), cells).await {
            Ok(Ok(cells)) => cells,
            Ok(Err(error)) => return Err(Refusal::new(format!("the hot cells cannot be read: {error}"))),
            Err(_) => return Err(Refusal::new("the hot cells cannot be read in time")),
        };
        Ok(cells.into_iter().map(|(cell, _)| Cell::H3(cell)).collect())
    }
}
