//! Limits of the API.

use std::time::Duration;

use axum::http::Uri;
use cellar_config::{ConfigError, Env, flag, number, text, text_or};
use geo_index::{HALF_CIRCUMFERENCE, Meters};

use super::clients::ClientConfig;
use super::cors::CorsConfig;

/// What one request may ask for and cost.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiConfig {
    /// Longest `radius` of a search.
    pub max_radius: Meters,
    /// How far a search without a `radius` looks.
    pub horizon: Meters,
    /// Longest request body, in bytes.
    pub max_body_bytes: usize,
    /// Most features in one batch.
    pub max_batch_features: usize,
    /// Time for a request that reads.
    pub read_time_limit: Duration,
    /// Time for a request that writes.
    pub write_time_limit: Duration,
    /// Time for a request that brings a file to be imported.
    pub upload_time_limit: Duration,
    /// Requests that read, worked on at a time; more are turned away.
    pub max_in_flight: usize,
    /// Whether fewer are let in while they take long.
    pub adaptive_limit: bool,
    /// Requests that write, worked on at a time, their bodies' way here included; more are turned away. As many searches that
    /// come in a body have room of their own.
    pub max_writes_in_flight: usize,
    /// Connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// Where clients reach the API, for links that have to be whole; without a slash at the end.
    pub public_url: Option<String>,
    /// Whether, where that is not known, links begin with the name that a request was sent to.
    pub links_by_host: bool,
    /// How often each client may ask, and who it is.
    pub clients: ClientConfig,
    /// What web pages may do.
    pub cors: CorsConfig,
    /// Share of the ordinary answers that have a line in the log, in percent: docs/COSTS.md.
    pub access_log_percent: u8,
    /// Name of the region that answers.
    pub region: String,
}

impl Default for ApiConfig {
    fn default() -> Self {
        let default_radius = Meters::new(200_000.0).unwrap_or(HALF_CIRCUMFERENCE);
        Self {
            max_radius: default_radius,
            horizon: default_radius,
            max_body_bytes: 4 << 20,
            max_batch_features: 1_000,
            read_time_limit: Duration::from_secs(2),
            write_time_limit: Duration::from_secs(10),
            upload_time_limit: Duration::from_mins(10),
            max_in_flight: 512,
            adaptive_limit: true,
            max_writes_in_flight: 128,
            max_connections: 8_192,
            public_url: None,
            links_by_host: true,
            clients: ClientConfig::default(),
            cors: CorsConfig::default(),
            access_log_percent: 100,
            region: "local".into(),
        }
    }
}

impl ApiConfig {
    /// Reads `CELLAR_MAX_RADIUS_M`, `CELLAR_HORIZON_M`, `CELLAR_MAX_BODY_BYTES`, `CELLAR_MAX_BATCH_FEATURES`,
    /// `CELLAR_READ_TIME_LIMIT_MS`, `CELLAR_WRITE_TIME_LIMIT_MS`, `CELLAR_IMPORT_UPLOAD_LIMIT_S`, `CELLAR_MAX_IN_FLIGHT`,
    /// `CELLAR_ADAPTIVE_LIMIT`, `CELLAR_MAX_WRITES_IN_FLIGHT`, `CELLAR_MAX_CONNECTIONS`, `CELLAR_PUBLIC_URL`,
    /// `CELLAR_ACCESS_LOG_PERCENT` and `AWS_REGION`, and what [`ClientConfig`] and [`CorsConfig`] read.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::ApiConfig;
    ///
    /// let env = HashMap::from([("CELLAR_MAX_RADIUS_M", "-5")]);
    /// let error = ApiConfig::from_env(&env).unwrap_err();
    /// assert_eq!(error.to_string(), "CELLAR_MAX_RADIUS_M is -5; allowed: 1 to 20015115");
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let default = Self::default();
        Ok(Self {
            max_radius: radius(env, "CELLAR_MAX_RADIUS_M", default.max_radius)?,
            horizon: radius(env, "CELLAR_HORIZON_M", default.horizon)?,
            max_body_bytes: number(
                env,
                "CELLAR_MAX_BODY_BYTES",
                default.max_body_bytes,
                (64 << 10)..=(64 << 20),
            )?,
            max_batch_features: number(
                env,
                "CELLAR_MAX_BATCH_FEATURES",
                default.max_batch_features,
                1..=10_000,
            )?,
            read_time_limit: millis(env, "CELLAR_READ_TIME_LIMIT_MS", default.read_time_limit)?,
            write_time_limit: millis(env, "CELLAR_WRITE_TIME_LIMIT_MS", default.write_time_limit)?,
            upload_time_limit: Duration::from_secs(number(
                env,
                "CELLAR_IMPORT_UPLOAD_LIMIT_S",
                default.upload_time_limit.as_secs(),
                1..=86_400,
            )?),
            max_in_flight: number(env, "CELLAR_MAX_IN_FLIGHT", default.max_in_flight, 1..=65_536)?,
            adaptive_limit: flag(env, "CELLAR_ADAPTIVE_LIMIT", default.adaptive_limit)?,
            max_writes_in_flight: number(
                env,
                "CELLAR_MAX_WRITES_IN_FLIGHT",
                default.max_writes_in_flight,
                1..=65_536,
            )?,
            max_connections: number(env, "CELLAR_MAX_CONNECTIONS", default.max_connections, 16..=1_000_000)?,
            public_url: public_url(env)?,
            links_by_host: default.links_by_host,
            clients: ClientConfig::from_env(env)?,
            cors: CorsConfig::from_env(env)?,
            access_log_percent: number(
                env,
                "CELLAR_ACCESS_LOG_PERCENT",
                default.access_log_percent,
                0..=100,
            )?,
            region: text_or(env, "AWS_REGION", &default.region, "the name of an AWS region"),
        })
    }
}

const PUBLIC_URL_ALLOWED: &str = "http:// or https://, a host, and perhaps a path; no query, no fragment";

fn public_url(env: &dyn Env) -> Result<Option<String>, ConfigError> {
    const NAME: &str = "CELLAR_PUBLIC_URL";
    let Some(text) = text(env, NAME, PUBLIC_URL_ALLOWED) else { return Ok(None) };
    let url = text.trim_end_matches('/');
    let parsed: Option<Uri> = url.parse().ok();
    let is_good = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.query().is_none()
            && !url.contains('#')
    });
    if is_good {
        return Ok(Some(url.to_owned()));
    }
    let names_a_user = text.contains('@');
    let problem = if names_a_user {
        "is an address that names a user or a password".to_owned()
    } else {
        format!("is {text:?}, which is no address of a server")
    };
    Err(ConfigError { variable: NAME, problem, allowed: PUBLIC_URL_ALLOWED.to_owned() })
}

fn radius(env: &dyn Env, variable: &'static str, default: Meters) -> Result<Meters, ConfigError> {
    let longest = HALF_CIRCUMFERENCE.get().ceil();
    let meters = number(env, variable, default.get(), 1.0..=longest)?;
    Ok(Meters::new(meters).unwrap_or(default))
}

fn millis(env: &dyn Env, variable: &'static str, default: Duration) -> Result<Duration, ConfigError> {
    let default_ms = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
    number(env, variable, default_ms, 10..=60_000).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_is_not_set_or_empty_has_a_default() {
        let env = HashMap::from([("CELLAR_MAX_IN_FLIGHT", "")]);
        assert_eq!(ApiConfig::from_env(&env).unwrap(), ApiConfig::default());
    }

    #[test]
    fn what_is_set_counts() {
        let env = HashMap::from([
            ("CELLAR_MAX_RADIUS_M", "50000"),
            ("CELLAR_READ_TIME_LIMIT_MS", "750"),
            ("AWS_REGION", "eu-west-1"),
        ]);
        let config = ApiConfig::from_env(&env).unwrap();
        assert_eq!(config.max_radius, Meters::new(50_000.0).unwrap());
        assert_eq!(config.read_time_limit, Duration::from_millis(750));
        assert_eq!(config.region, "eu-west-1");
    }

    #[test]
    fn the_public_address_is_that_of_a_server() {
        let of = |url| ApiConfig::from_env(&HashMap::from([("CELLAR_PUBLIC_URL", url)]));
        assert_eq!(of("https://example.com/geo/").unwrap().public_url.unwrap(), "https://example.com/geo");
        for bad in [
            "example.com",
            "ftp://a",
            "https://",
            "https://u:p@a",
            "https://a?b",
            "https://a#b",
            "/v1",
            "a b",
        ] {
            let error = of(bad).unwrap_err().to_string();
            assert!(!error.contains("u:p"), "{error}");
            assert!(error.starts_with("CELLAR_PUBLIC_URL is ") && error.contains("https://"), "{error}");
        }
    }

    #[test]
    fn errors_name_the_variable_and_the_range() {
        for (variable, value, expected) in [
            (
                "CELLAR_READ_TIME_LIMIT_MS",
                "2s",
                r#"CELLAR_READ_TIME_LIMIT_MS is "2s", which is not such a number; allowed: 10 to 60000"#,
            ),
            ("CELLAR_MAX_IN_FLIGHT", "0", "CELLAR_MAX_IN_FLIGHT is 0; allowed: 1 to 65536"),
            ("CELLAR_HORIZON_M", "NaN", "CELLAR_HORIZON_M is NaN; allowed: 1 to 20015115"),
        ] {
            let env = HashMap::from([(variable, value)]);
            assert_eq!(ApiConfig::from_env(&env).unwrap_err().to_string(), expected);
        }
    }
}
