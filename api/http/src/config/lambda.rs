//! What the Lambda function reads from its environment.

use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;
use axum::http::Uri;
use cellar_cache::Policy;
use cellar_cache::remote::redis::{RedisUrl, RedisUrlError};
use cellar_config::{ConfigError, Env, Variable, aws_endpoint, flag, number, required, text, text_or};
use cellar_search::cells::EdgeConfig;
use cellar_search::edge_map::refresh;
use cellar_search::policy::{TABLE_SETTLES, cache_policy};

use super::{AccessConfig, ApiConfig, HealthConfig, UploadConfig, WriteConfig};

/// Size of the function's memory, in MB; Lambda sets it.
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// Part of the function's memory that pages may take, and that rendered cell answers may: what is left is for the
/// program, the requests under way and the C library.
const PAGES_PART: u64 = 4;
/// See [`PAGES_PART`].
const CELLS_PART: u64 = 16;

const ENDPOINT: &str = "http://<host>:<port> or https://<host>";
const REDIS: &str = "redis://, rediss://, redis+cluster:// or rediss+cluster://<host>:<port>";
const CA_FILE: &str = "a file of certificate authorities (PEM)";

/// Everything that the function is told.
#[derive(Clone, Debug)]
pub struct LambdaConfig {
    /// Of the function's role. They cannot be printed.
    pub credentials: Credentials,
    /// Name of the table.
    pub table: String,
    /// Endpoint other than the region's own.
    pub endpoint_url: Option<String>,
    /// The same by the variables that all programs of AWS read. It is none of the names that processes share.
    pub aws_endpoint_url: Option<String>,
    /// File of certificate authorities (PEM) to trust for DynamoDB instead of Amazon's.
    pub ca_bundle: Option<PathBuf>,
    /// The shared cache.
    pub redis: Option<RedisUrl>,
    /// File of certificate authorities (PEM) to trust for it instead of Amazon's.
    pub redis_ca: Option<PathBuf>,
    /// Connections to DynamoDB that are opened at the start; with 0 nothing is opened before it is needed.
    pub open_connections: u8,
    /// How long the start may wait for connections.
    pub init_limit: Duration,
    /// Time before the invocation's deadline at which the answer is on its way.
    pub deadline_margin: Duration,
    /// Whether metrics are written to the log, as `CloudWatch` reads them.
    pub metrics: bool,
    /// Which lines are logged, as `tracing` takes it: a level, or `target=level` with commas.
    pub log: String,
    /// Limits of the API, and the region.
    pub api: ApiConfig,
    /// Who may write.
    pub write: WriteConfig,
    /// API keys.
    pub access: AccessConfig,
    /// The read cache.
    pub cache: Policy,
    /// Lifetimes of cell answers.
    pub edge: EdgeConfig,
    /// Health checks.
    pub health: HealthConfig,
    /// Density maps.
    pub maps: refresh::Settings,
    /// Where files to import are sent, if anywhere.
    pub uploads: Option<UploadConfig>,
}

impl LambdaConfig {
    /// Reads all of it. docs/LAMBDA.md has the table.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::LambdaConfig;
    ///
    /// let mut env = HashMap::from([
    ///     ("AWS_REGION", "eu-west-1"),
    ///     ("AWS_ACCESS_KEY_ID", "key"),
    ///     ("AWS_SECRET_ACCESS_KEY", "secret"),
    /// ]);
    /// let error = LambdaConfig::from_env(&env).unwrap_err();
    /// assert_eq!(error.to_string(), "CELLAR_TABLE is not set; allowed: the name of the DynamoDB table");
    /// env.insert("CELLAR_TABLE", "places");
    /// assert_eq!(LambdaConfig::from_env(&env)?.table, "places");
    /// # Ok::<(), cellar_config::ConfigError>(())
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let env = &InMemory { env, memory_mb: number(env, MEMORY, 0, 0..=1 << 20)? };
        required(env, "AWS_REGION", "the name of an AWS region; Lambda sets it")?;
        Ok(Self {
            credentials: credentials(env)?,
            table: required(env, "CELLAR_TABLE", "the name of the DynamoDB table")?,
            endpoint_url: endpoint(env)?,
            aws_endpoint_url: aws_endpoint(env, "AWS_ENDPOINT_URL_DYNAMODB")?,
            ca_bundle: text(env, "AWS_CA_BUNDLE", CA_FILE).map(PathBuf::from),
            redis: redis(env)?,
            redis_ca: text(env, "CELLAR_REDIS_CA", CA_FILE).map(PathBuf::from),
            open_connections: number(env, "CELLAR_OPEN_CONNECTIONS", 2, 0..=8)?,
            init_limit: millis(env, "CELLAR_INIT_LIMIT_MS", 800, 10, 9_000)?,
            deadline_margin: millis(env, "CELLAR_DEADLINE_MARGIN_MS", 100, 20, 5_000)?,
            metrics: flag(env, "CELLAR_EMF", true)?,
            log: text_or(env, "RUST_LOG", "info", "a level, or `target=level` with commas"),
            // The function's own name is not that of the CDN before it.
            api: ApiConfig { links_by_host: false, ..ApiConfig::from_env(env)? },
            write: WriteConfig::from_env(env)?,
            access: AccessConfig::from_env(env)?,
            cache: cache_policy(env, TABLE_SETTLES)?,
            edge: EdgeConfig::from_env(env)?,
            health: HealthConfig::from_env(env)?,
            maps: refresh::Settings::from_env(env)?,
            uploads: UploadConfig::from_env(env)?,
        })
    }

    /// What [`LambdaConfig::from_env`] reads.
    ///
    /// # Errors
    ///
    /// If defaults are not usable.
    pub fn variables() -> Result<Vec<Variable>, ConfigError> {
        cellar_config::record(|env| Self::from_env(env).map(drop))
    }
}

/// An environment ends before its credentials do: Lambda makes a new one with new ones.
fn credentials(env: &dyn Env) -> Result<Credentials, ConfigError> {
    let allowed = "credentials of the function's role; Lambda sets them";
    let id = required(env, "AWS_ACCESS_KEY_ID", allowed)?;
    let secret = required(env, "AWS_SECRET_ACCESS_KEY", allowed)?;
    Ok(Credentials::new(id, secret, text(env, "AWS_SESSION_TOKEN", allowed), None, "environment"))
}

fn millis(
    env: &dyn Env,
    variable: &'static str,
    default: u64,
    least: u64,
    most: u64,
) -> Result<Duration, ConfigError> {
    number(env, variable, default, least..=most).map(Duration::from_millis)
}

/// The SDK finds out about a text that is no URL only at the first request.
fn endpoint(env: &dyn Env) -> Result<Option<String>, ConfigError> {
    let Some(text) = text(env, "CELLAR_ENDPOINT_URL", ENDPOINT) else { return Ok(None) };
    let url: Option<Uri> = text.parse().ok();
    match url.as_ref().and_then(Uri::scheme_str) {
        Some("http" | "https") => Ok(Some(text)),
        _ => Err(ConfigError {
            variable: "CELLAR_ENDPOINT_URL",
            problem: format!("is {text:?}, which is no URL"),
            allowed: ENDPOINT.to_owned(),
        }),
    }
}

/// The text of the URL holds a password, and is not part of the error.
fn redis(env: &dyn Env) -> Result<Option<RedisUrl>, ConfigError> {
    let Some(text) = text(env, "CELLAR_REDIS_URL", REDIS) else { return Ok(None) };
    text.parse().map(Some).map_err(|error: RedisUrlError| ConfigError {
        variable: "CELLAR_REDIS_URL",
        problem: format!("cannot be read: {error}"),
        allowed: REDIS.to_owned(),
    })
}

/// An environment whose caches are as large as the function's memory allows, unless it says how large they are.
struct InMemory<'a> {
    env: &'a dyn Env,
    memory_mb: u64,
}

/// The function's memory is divided by this to have the default of a variable.
fn part(variable: &str) -> Option<u64> {
    match variable {
        "CELLAR_L1_MB" => Some(PAGES_PART),
        "CELLAR_EDGE_MEMORY_MB" => Some(CELLS_PART),
        _ => None,
    }
}

impl Env for InMemory<'_> {
    fn var(&self, name: &str) -> Option<String> {
        let Some(part) = part(name) else { return self.env.var(name) };
        let set = self.env.var(name).filter(|text| !text.is_empty());
        set.or_else(|| (self.memory_mb > 0).then(|| (self.memory_mb / part).to_string()))
    }

    fn declare(&self, variable: Variable) {
        let variable = match part(&variable.name) {
            Some(part) => variable.default(&format!("1/{part} of {MEMORY}")),
            None => variable,
        };
        self.env.declare(variable);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn env(more: &[(&'static str, &'static str)]) -> HashMap<&'static str, &'static str> {
        let least = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("CELLAR_TABLE", "places"),
        ];
        least.into_iter().chain(more.iter().copied()).collect()
    }

    #[test]
    fn caches_are_as_large_as_the_memory_allows() {
        let config = LambdaConfig::from_env(&env(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")])).unwrap();
        assert_eq!((config.cache.memory_bytes, config.edge.memory_bytes), (128 << 20, 32 << 20));
        let set = [("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"), ("CELLAR_L1_MB", "7")];
        assert_eq!(LambdaConfig::from_env(&env(&set)).unwrap().cache.memory_bytes, 7 << 20);
        let elsewhere = LambdaConfig::from_env(&env(&[])).unwrap();
        assert_eq!(elsewhere.cache, Policy::default().settle(TABLE_SETTLES));
        assert_eq!(elsewhere.edge, EdgeConfig::default());
    }

    #[test]
    fn credentials_are_not_printed() {
        let config = LambdaConfig::from_env(&env(&[("AWS_SESSION_TOKEN", "hunter3")])).unwrap();
        assert_eq!(config.credentials.session_token(), Some("hunter3"));
        assert!(!format!("{config:?}").contains("hunter"));
    }

    #[test]
    fn errors_name_the_variable_and_repeat_no_secret() {
        for (variable, value) in [
            ("AWS_REGION", " "),
            ("AWS_ACCESS_KEY_ID", ""),
            ("CELLAR_TABLE", ""),
            ("CELLAR_ENDPOINT_URL", "localhost"),
            ("AWS_ENDPOINT_URL", "localhost:8000"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000"),
            ("CELLAR_IMPORT_MAX_MB", "0"),
            ("CELLAR_REDIS_URL", "redis://user:hunter2@host:port"),
            ("CELLAR_OPEN_CONNECTIONS", "many"),
            ("CELLAR_INIT_LIMIT_MS", "0"),
            ("CELLAR_DEADLINE_MARGIN_MS", "1"),
            ("CELLAR_EMF", "yes"),
            ("CELLAR_MAX_RADIUS_M", "0"),
            ("CELLAR_FRESH_S", "0"),
            ("CELLAR_WRITE_TOKEN", "hunter2"),
        ] {
            let text = LambdaConfig::from_env(&env(&[(variable, value)])).unwrap_err().to_string();
            assert!(text.starts_with(variable) && text.contains("allowed: "), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
