//! From a configuration to a function that can take events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::provider::SharedCredentialsProvider;
use cellar_cache::clock::SystemClock;
use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
use cellar_http::config::LambdaConfig;
use cellar_http::imports::Imports;
use cellar_http::state::AppState;
use cellar_search::edge_map::refresh;
use cellar_search::tiers::{Tiers, namespace};
use cellar_search::{Limits, Search};
use cellar_store::config::connect_with;
use cellar_store::{DynamoStore, Store, StoreConfig};
use cellar_uploads::Uploads;

use super::aws::{self, trusted};
use super::error::StartError;
use super::function::Function;

/// Makes the function, and opens its connections if it is told to. Neither DynamoDB nor Redis has to answer: the
/// requests find out, and a region's health check says so.
pub async fn start(config: LambdaConfig) -> Result<Function, StartError> {
    let started = Instant::now();
    let (open, limit, metrics) = (config.open_connections, config.init_limit, config.metrics);
    let function = function(config)?;
    let made = started.elapsed();
    if open > 0 {
        let opened = function.open(open, limit).await;
        let (dynamodb, redis) = (opened.dynamodb, opened.redis);
        let (made_ms, opened_ms) = (millis(made), millis(started.elapsed().saturating_sub(made)));
        tracing::info!(made_ms, opened_ms, dynamodb, redis, metrics, "started");
    } else {
        tracing::info!(made_ms = millis(made), metrics, "started");
    }
    Ok(function)
}

fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn function(config: LambdaConfig) -> Result<Function, StartError> {
    let table = StoreConfig { endpoint_url: config.endpoint_url.clone(), ..StoreConfig::new(&config.table) };
    let store = store(&table, &config)?;
    let imports = imports(&config, &store)?;
    let redis = redis(&table, &config)?;
    let tiers = Tiers::new(store.clone(), config.cache, redis);
    let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
    let state = AppState::builder(store, search)
        .config(config.api)
        .writes(config.write)
        .access(config.access)
        .edge(config.edge)
        .health(config.health)
        .imports(imports)
        .tiers(&tiers, None);
    let state = if config.metrics { state.request_stats() } else { state };
    // Nothing else goes on meanwhile.
    let maps = refresh::Settings { pause: Duration::ZERO, ..config.maps };
    Ok(Function::new(state.build(), tiers, config.deadline_margin, config.metrics).with_maps(maps))
}

fn store(table: &StoreConfig, config: &LambdaConfig) -> Result<Arc<dyn Store>, StartError> {
    let store: DynamoStore =
        connect_with(table, &aws::settings(config)?).map_err(|error| StartError(error.to_string()))?;
    Ok(Arc::new(store))
}

/// Imports that a worker carries out, if there is a bucket for their files.
fn imports(config: &LambdaConfig, store: &Arc<dyn Store>) -> Result<Option<Arc<dyn Imports>>, StartError> {
    let Some(uploads) = config.uploads.clone() else { return Ok(None) };
    let credentials = SharedCredentialsProvider::new(config.credentials.clone());
    let region = config.api.region.clone();
    let imports = Uploads::new(uploads, Arc::clone(store), region, credentials, Arc::new(SystemClock))
        .map_err(|problem| StartError(format!("CELLAR_IMPORT_BUCKET: {problem}")))?;
    Ok(Some(Arc::new(imports)))
}

fn redis(table: &StoreConfig, config: &LambdaConfig) -> Result<Option<RedisRemote>, StartError> {
    let Some(url) = config.redis.clone() else { return Ok(None) };
    let authorities = trusted("CELLAR_REDIS_CA", config.redis_ca.as_deref())?;
    let mut config = RedisConfig::new(url, namespace(&table.identity()));
    config.authorities = Some(authorities);
    RedisRemote::new(config).map(Some).map_err(|error| StartError(format!("CELLAR_REDIS_URL: {error}")))
}
