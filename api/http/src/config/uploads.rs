//! Imports of files that are sent to a bucket.

use std::time::Duration;

use cellar_config::{ConfigError, Env, aws_endpoint, number, text};

const BUCKET: &str = "the name of the bucket for files to import; without it the function takes none";

/// Where files to import are sent on AWS, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadConfig {
    /// Name of the bucket.
    pub bucket: String,
    /// Endpoint of S3 other than the region's own.
    pub endpoint_url: Option<String>,
    /// Longest file, in bytes.
    pub max_bytes: u64,
    /// Jobs of a collection that have not ended, those included whose files are awaited.
    pub waiting: usize,
    /// How long after its order an upload may begin.
    pub upload_within: Duration,
    /// How long a job is known after its end.
    pub keep: Duration,
}

impl UploadConfig {
    /// Reads `CELLAR_IMPORT_BUCKET`, `CELLAR_IMPORT_MAX_MB`, `CELLAR_IMPORTS_WAITING`, `CELLAR_IMPORT_UPLOAD_WITHIN_S`,
    /// `CELLAR_IMPORT_KEEP_H` and the endpoint of S3; `None` without a bucket.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::UploadConfig;
    ///
    /// assert_eq!(UploadConfig::from_env(&HashMap::<&str, &str>::new())?, None);
    /// let env = HashMap::from([("CELLAR_IMPORT_BUCKET", "places-imports"), ("CELLAR_IMPORT_MAX_MB", "10")]);
    /// assert_eq!(UploadConfig::from_env(&env)?.unwrap().max_bytes, 10 << 20);
    /// # Ok::<(), cellar_config::ConfigError>(())
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Option<Self>, ConfigError> {
        let bucket = text(env, "CELLAR_IMPORT_BUCKET", BUCKET);
        let endpoint_url = aws_endpoint(env, "AWS_ENDPOINT_URL_S3")?;
        // A single `PUT` of S3 takes 5 GB.
        let max_mb: u64 = number(env, "CELLAR_IMPORT_MAX_MB", 1_024, 1..=5_000)?;
        let waiting = number(env, "CELLAR_IMPORTS_WAITING", 8, 1..=100)?;
        let within = number(env, "CELLAR_IMPORT_UPLOAD_WITHIN_S", 900, 60..=43_200)?;
        let keep = number(env, "CELLAR_IMPORT_KEEP_H", 24, 1..=8_760)?;
        Ok(bucket.map(|bucket| Self {
            bucket,
            endpoint_url,
            max_bytes: max_mb << 20,
            waiting,
            upload_within: Duration::from_secs(within),
            keep: Duration::from_hours(keep),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_variable_counts_and_has_a_range() {
        let read = |more: &[(&'static str, &'static str)]| {
            let env: HashMap<_, _> =
                [("CELLAR_IMPORT_BUCKET", "files")].into_iter().chain(more.iter().copied()).collect();
            UploadConfig::from_env(&env)
        };
        let default = read(&[]).unwrap().unwrap();
        for variable in [
            "CELLAR_IMPORT_MAX_MB",
            "CELLAR_IMPORTS_WAITING",
            "CELLAR_IMPORT_UPLOAD_WITHIN_S",
            "CELLAR_IMPORT_KEEP_H",
        ] {
            assert_ne!(read(&[(variable, "77")]).unwrap().unwrap(), default, "{variable}");
            let error = read(&[(variable, "0")]).unwrap_err().to_string();
            assert!(error.starts_with(variable) && error.contains("allowed: "), "{error}");
        }
        let endpoint = read(&[("AWS_ENDPOINT_URL_S3", "http://localhost:1")]).unwrap().unwrap();
        assert_eq!(endpoint.endpoint_url.as_deref(), Some("http://localhost:1"));
    }
}
