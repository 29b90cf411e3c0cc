//! How often clients may ask, and how they are told apart.

use cellar_config::{ConfigError, Env, number, text, text_or};
use ipnet::IpNet;

use crate::client::{ForwardedHeader, Proxies};
use crate::rate::Rate;

const PROXIES: &str = "CELLAR_TRUSTED_PROXIES";
const NETWORKS: &str = "addresses and networks such as 10.0.0.0/8, with commas";
const HEADER: &str = "CELLAR_FORWARDED_HEADER";
const HEADERS: &str = "x-forwarded-for or forwarded";

/// Limits of each client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientConfig {
    /// How often it may ask; `None` is as often as it likes.
    pub rate: Option<Rate>,
    /// Whose word about addresses counts.
    pub proxies: Proxies,
}

impl ClientConfig {
    /// Reads `CELLAR_CLIENT_RPS`, `CELLAR_CLIENT_BURST`, `CELLAR_TRUSTED_PROXIES` and `CELLAR_FORWARDED_HEADER`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::ClientConfig;
    ///
    /// let env = HashMap::from([("CELLAR_CLIENT_RPS", "20"), ("CELLAR_TRUSTED_PROXIES", "10.0.0.0/8, ::1")]);
    /// let config = ClientConfig::from_env(&env)?;
    /// assert_eq!(config.rate.map(|rate| rate.burst), Some(60));
    /// assert_eq!(config.proxies.trusted.len(), 2);
    /// # Ok::<(), cellar_config::ConfigError>(())
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let per_second = number(env, "CELLAR_CLIENT_RPS", 0.0, 0.0..=100_000.0)?;
        let burst = number(env, "CELLAR_CLIENT_BURST", 60, 1..=1_000_000)?;
        // Slower than one a minute is a mistake, or meant as off.
        let rate = (per_second >= 0.01).then_some(Rate { per_second, burst });
        let trusted = text(env, PROXIES, NETWORKS).map(|text| networks(&text)).transpose()?;
        Ok(Self { rate, proxies: Proxies { trusted: trusted.unwrap_or_default(), header: header(env)? } })
    }
}

fn networks(text: &str) -> Result<Vec<IpNet>, ConfigError> {
    let parse =
        |text: &str| text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let error = |part: &str| ConfigError {
        variable: PROXIES,
        problem: format!("has {part:?}, which is no address or network"),
        allowed: NETWORKS.to_owned(),
    };
    parts.map(|part| parse(part).map_err(|_| error(part))).collect()
}

fn header(env: &dyn Env) -> Result<ForwardedHeader, ConfigError> {
    match text_or(env, HEADER, "x-forwarded-for", HEADERS).to_ascii_lowercase().as_str() {
        "x-forwarded-for" => Ok(ForwardedHeader::XForwardedFor),
        "forwarded" => Ok(ForwardedHeader::Forwarded),
        other => Err(ConfigError {
            variable: HEADER,
            problem: format!("is {other:?}"),
            allowed: HEADERS.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn nobody_is_limited_unless_it_is_asked_for() {
        let none = ClientConfig::from_env(&HashMap::<&str, &str>::new()).unwrap();
        assert_eq!(none, ClientConfig::default());
        let off = HashMap::from([("CELLAR_CLIENT_RPS", "0"), ("CELLAR_CLIENT_BURST", "5")]);
        assert_eq!(ClientConfig::from_env(&off).unwrap().rate, None);
    }

    #[test]
    fn errors_name_the_variable() {
        for (variable, value) in [
            ("CELLAR_CLIENT_RPS", "-1"),
            ("CELLAR_CLIENT_RPS", "NaN"),
            ("CELLAR_CLIENT_BURST", "0"),
            (PROXIES, "10.0.0.0/33"),
            (PROXIES, "proxy.example.com"),
            (HEADER, "x-real-ip"),
        ] {
            let text = ClientConfig::from_env(&HashMap::from([(variable, value)])).unwrap_err().to_string();
            assert!(text.starts_with(variable) && text.contains("allowed: "), "{text}");
        }
    }
}
