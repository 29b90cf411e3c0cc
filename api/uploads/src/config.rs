//! What the worker is told (`cellar-importer`). It is here for `cellar contract`, which knows all variables of all programs.

use std::path::PathBuf;
use std::time::Duration;

use cellar_config::{ConfigError, Env, Variable, aws_endpoint, number, required, text, text_or};

/// Everything that the worker is told.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Name of the table.
    pub table: String,
    /// Region of table, bucket and queue.
    pub region: String,
    /// Endpoint of DynamoDB other than the region's own.
    pub endpoint_url: Option<String>,
    /// Name of the bucket.
    pub bucket: String,
    /// URL of the queue.
    pub queue_url: String,
    /// Endpoint of S3 other than the region's own.
    pub s3_endpoint: Option<String>,
    /// Endpoint of SQS other than the region's own.
    pub sqs_endpoint: Option<String>,
    /// How often a message is received before it is a dead letter: `maxReceiveCount` of the queue.
    pub receives: u32,
    /// Longest list of rejected records; an import that would make a longer one fails.
    pub max_rejects_bytes: u64,
    /// How long a job is known after its end.
    pub keep: Duration,
    /// Where files are while they are read.
    pub directory: PathBuf,
    /// Which lines are logged, as `tracing` takes it.
    pub log: String,
}

impl WorkerConfig {
    /// Reads all of it. docs/LAMBDA.md has the table.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_uploads::WorkerConfig;
    ///
    /// let env = HashMap::from([
    ///     ("AWS_REGION", "eu-west-1"),
    ///     ("CELLAR_TABLE", "places"),
    ///     ("CELLAR_IMPORT_BUCKET", "places-imports"),
    ///     ("CELLAR_IMPORT_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/places-imports"),
    /// ]);
    /// assert_eq!(WorkerConfig::from_env(&env)?.receives, 5);
    /// # Ok::<(), cellar_config::ConfigError>(())
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let rejects_mb: u64 = number(env, "CELLAR_IMPORT_REJECTS_MB", 64, 1..=1_024)?;
        Ok(Self {
            table: required(env, "CELLAR_TABLE", "the name of the DynamoDB table")?,
            region: required(env, "AWS_REGION", "the name of an AWS region; Lambda sets it")?,
            endpoint_url: text(env, "CELLAR_ENDPOINT_URL", "http://<host>:<port> or https://<host>"),
            bucket: required(env, "CELLAR_IMPORT_BUCKET", "the name of the bucket for files to import")?,
            queue_url: required(
                env,
                "CELLAR_IMPORT_QUEUE_URL",
                "the URL of the queue that invokes the worker",
            )?,
            s3_endpoint: aws_endpoint(env, "AWS_ENDPOINT_URL_S3")?,
            sqs_endpoint: aws_endpoint(env, "AWS_ENDPOINT_URL_SQS")?,
            receives: number(env, "CELLAR_IMPORT_RECEIVES", 5, 2..=1_000)?,
            max_rejects_bytes: rejects_mb << 20,
            keep: Duration::from_hours(number(env, "CELLAR_IMPORT_KEEP_H", 24, 1..=8_760)?),
            directory: text_or(env, "CELLAR_IMPORT_DIR", "/tmp/cellar-imports", "a directory").into(),
            log: text_or(env, "RUST_LOG", "info", "a level, or `target=level` with commas"),
        })
    }

    /// What [`WorkerConfig::from_env`] reads.
    ///
    /// # Errors
    ///
    /// If defaults are not usable.
    pub fn variables() -> Result<Vec<Variable>, ConfigError> {
        cellar_config::record(|env| Self::from_env(env).map(drop))
    }
}
