//! Which caches a subcommand uses: the same flags everywhere.

use std::path::PathBuf;
use std::time::Duration;

use cellar_cache::Policy;
use cellar_cache::remote::redis::{RedisConfig, RedisRemote, RedisUrl, RedisUrlError};
use cellar_cli_kit::CliError;
use cellar_config::{ConfigError, Env};
use cellar_search::policy::{TABLE_SETTLES, cache_policy};
use cellar_search::tiers;
use clap::Args;

use super::store_args::StoreArgs;

/// What everything of a store begins with in Redis.
pub fn namespace(store: &StoreArgs) -> String {
    tiers::namespace(&store.identity())
}

/// A cache in memory, always; with a URL, Redis or Valkey behind it
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cache")]
pub struct CacheArgs {
    /// Redis or Valkey that processes share: `redis://`, `rediss://` with TLS, `redis+cluster://` and
    /// `rediss+cluster://` in cluster mode, as in `rediss+cluster://user:password@host:6379`
    #[arg(long = "redis", value_name = "URL", env = "CELLAR_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// File of certificate authorities (PEM) to trust for TLS instead of the system's
    #[arg(long = "redis-ca", value_name = "FILE", env = "CELLAR_REDIS_CA", requires = "redis_url")]
    pub ca_file: Option<PathBuf>,
}

impl CacheArgs {
    /// The URL, if there is one. Parsed here and not by clap, which repeats what it cannot parse: passwords, too.
    pub fn url(&self) -> Result<Option<RedisUrl>, CliError> {
        let parsed = self.redis_url.as_ref().filter(|url| !url.is_empty()).map(|url| url.parse());
        parsed.transpose().map_err(|error: RedisUrlError| CliError::usage(format!("--redis: {error}")))
    }

    /// The remote tier, if one is asked for, for the places of a store. Connects to nothing yet.
    pub fn redis(&self, store: &StoreArgs) -> Result<Option<RedisRemote>, CliError> {
        let Some(url) = self.url()? else { return Ok(None) };
        let mut config = RedisConfig::new(url, namespace(store));
        config.ca_file.clone_from(&self.ca_file);
        RedisRemote::new(config).map(Some).map_err(|error| CliError::usage(error.to_string()))
    }
}

/// The policy that the environment asks for, over the embedded engine or a table.
pub(super) fn policy(env: &dyn Env, embedded: bool) -> Result<Policy, ConfigError> {
    cache_policy(env, if embedded { Duration::ZERO } else { TABLE_SETTLES })
}
