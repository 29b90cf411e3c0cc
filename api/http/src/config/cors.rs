//! Which web pages may read answers, and which may write.

use axum::http::{HeaderValue, Uri};
use cellar_config::{ConfigError, Env, text_or};

const READS: &str = "CELLAR_CORS_ORIGINS";
const WRITES: &str = "CELLAR_CORS_WRITE_ORIGINS";
const ORIGINS: &str =
    "origins between commas, such as https://example.com,http://localhost:5173, or * for reads";

/// Origins of web pages (Fetch Standard, "CORS protocol").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// All of them.
    Any,
    /// These, as browsers write them.
    These(Vec<HeaderValue>),
}

impl Origins {
    /// Whether a page of this origin is one of them.
    pub fn include(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::These(origins) => origins.contains(origin),
        }
    }
}

/// What web pages may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsConfig {
    /// Whose pages may read.
    pub reads: Origins,
    /// Whose pages may write, as far as any caller may. The pages of this machine need not be named.
    pub writes: Origins,
}

impl Default for CorsConfig {
    fn default() -> Self {
        Self { reads: Origins::Any, writes: Origins::These(Vec::new()) }
    }
}

impl CorsConfig {
    /// Reads `CELLAR_CORS_ORIGINS` and `CELLAR_CORS_WRITE_ORIGINS`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::CorsConfig;
    ///
    /// let env = HashMap::from([("CELLAR_CORS_WRITE_ORIGINS", "https://example.com/")]);
    /// let error = CorsConfig::from_env(&env).unwrap_err().to_string();
    /// assert!(error.starts_with("CELLAR_CORS_WRITE_ORIGINS has \"https://example.com/\", which is no origin"));
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let reads = text_or(env, READS, "*", ORIGINS);
        let reads = if reads.trim() == "*" { Origins::Any } else { Origins::These(origins(READS, &reads)?) };
        let writes = Origins::These(origins(WRITES, &text_or(env, WRITES, "", ORIGINS))?);
        Ok(Self { reads, writes })
    }
}

fn origins(variable: &'static str, text: &str) -> Result<Vec<HeaderValue>, ConfigError> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let origin = |name: &str| {
        let value = is_origin(name).then(|| HeaderValue::from_str(name).ok()).flatten();
        value.ok_or_else(|| ConfigError {
            variable,
            problem: format!("has {name:?}, which is no origin"),
            allowed: ORIGINS.to_owned(),
        })
    };
    names.map(origin).collect()
}

/// Scheme, host and, if it is not the scheme's own, port, in lower case: what a browser sends (RFC 6454, section 6.2).
fn is_origin(name: &str) -> bool {
    let Ok(uri) = name.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    let is_default = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
    matches!(scheme, "http" | "https")
        && !is_default
        && name == format!("{scheme}://{authority}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn origins_are_taken_as_browsers_write_them() {
        let env = HashMap::from([
            (READS, "https://example.com, http://localhost:5173"),
            (WRITES, "https://admin.example.com"),
        ]);
        let config = CorsConfig::from_env(&env).unwrap();
        assert!(config.reads.include(&HeaderValue::from_static("http://localhost:5173")));
        assert!(!config.reads.include(&HeaderValue::from_static("http://localhost")));
        assert!(config.writes.include(&HeaderValue::from_static("https://admin.example.com")));
        assert_eq!(CorsConfig::from_env(&HashMap::<&str, &str>::new()).unwrap(), CorsConfig::default());
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for bad in [
            "example.com",
            "https://example.com/",
            "https://Example.com",
            "https://example.com:443",
            "https://user@example.com/x",
            "ftp://example.com",
            "null",
            "https://*.example.com, *",
        ] {
            let text = CorsConfig::from_env(&HashMap::from([(WRITES, bad)])).unwrap_err().to_string();
            assert!(text.starts_with(WRITES) && text.contains("no origin"), "{text}");
        }
        assert!(CorsConfig::from_env(&HashMap::from([(WRITES, "*")])).is_err(), "not everybody");
    }
}
