//! How a store is configured and connected.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{self, StalledStreamProtectionConfig};
use thiserror::Error;

use super::{DynamoStore, StoreError};

/// Name of the table unless another is given.
pub const DEFAULT_TABLE: &str = "cellar";

/// How long an attempt may take that a user waits for. A Query takes some ten milliseconds, with a megabyte a few times as
/// long; a connection that hangs must leave time for another attempt.
const ATTEMPT: Duration = Duration::from_millis(700);

/// How long a call of a job may take with its retries, and one attempt.
const JOB_CALL: Duration = Duration::from_mins(2);
const JOB_ATTEMPT: Duration = Duration::from_secs(30);

/// Settings of a store. Region and credentials come from the usual AWS environment.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Name of the table.
    pub table: String,
    /// Endpoint other than the region's own (DynamoDB Local, say).
    pub endpoint_url: Option<String>,
    /// Time limits of calls that a user waits for: one place read or written.
    pub interactive: CallLimits,
    /// Time limits of calls that move many places: a batch written, a part of a scan.
    pub bulk: CallLimits,
    /// Batches of 25 places that [`put_many`](super::Store::put_many) keeps in flight.
    pub batches_in_flight: usize,
}

/// Time limits of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// The whole call, with its retries. Range reads have a deadline of their caller's instead.
    pub call: Duration,
    /// One attempt.
    pub attempt: Duration,
    /// Whether throttling is waited out however long it lasts: for jobs that nobody waits for.
    pub waits_out_throttling: bool,
}

impl StoreConfig {
    /// A name for the store among others: the table, and where it is unless that is the region. What processes share
    /// of a store begins with it, so it must not differ between them.
    pub fn identity(&self) -> String {
        match &self.endpoint_url {
            None => self.table.clone(),
            Some(url) => format!("{}@{}", self.table, short_hash(url.as_bytes())),
        }
    }

    /// The same for a job that nobody waits for: it waits as long as the table throttles, and survives a disk or a network
    /// that stands still for a minute or two.
    #[must_use]
    pub fn patient(self) -> Self {
        let limits = CallLimits { waits_out_throttling: true, ..CallLimits::new(JOB_CALL, JOB_ATTEMPT) };
        Self { interactive: limits, bulk: limits, ..self }
    }

    /// The defaults, for a table of this name.
    pub fn new(table: impl Into<String>) -> Self {
        Self { table: table.into(), ..Self::default() }
    }
}

/// 8 hexadecimal digits.
pub fn short_hash(text: &[u8]) -> String {
    format!("{:08x}", xxhash_rust::xxh3::xxh3_64(text) as u32)
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            table: DEFAULT_TABLE.to_owned(),
            endpoint_url: None,
            interactive: CallLimits::new(Duration::from_secs(5), ATTEMPT),
            bulk: CallLimits::new(Duration::from_mins(1), Duration::from_secs(10)),
            batches_in_flight: 8,
        }
    }
}

impl CallLimits {
    /// Limits of a call and of its attempts; throttling is not waited out.
    pub const fn new(call: Duration, attempt: Duration) -> Self {
        Self { call, attempt, waits_out_throttling: false }
    }
}

/// Why a store or its table could not be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// No region anywhere.
    #[error("no AWS region is configured; set AWS_REGION (for a local endpoint, any name will do)")]
    NoRegion,
    /// The name is taken by a table that this program did not create.
    #[error("table `{table}` is not a table of places: {reason}")]
    ForeignTable {
        /// Name of the table.
        table: String,
        /// What is different about it.
        reason: String,
    },
    /// The table was still being created when patience ended.
    #[error("table `{table}` is still being created; try again later")]
    NotReady {
        /// Name of the table.
        table: String,
    },
    /// The request failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A store as the AWS environment describes it. No request is sent.
pub async fn connect(config: &StoreConfig) -> Result<DynamoStore, SetupError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(url) = &config.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    connect_with(config, &loader.load().await)
}

/// A store over an SDK configuration that is already loaded.
pub fn connect_with(config: &StoreConfig, sdk: &SdkConfig) -> Result<DynamoStore, SetupError> {
    // The SDK takes a variable that is set but empty for a region.
    if sdk.region().is_none_or(|region| region.as_ref().trim().is_empty()) {
        return Err(SetupError::NoRegion);
    }
    let mut tables = config::Builder::from(sdk);
    let mut streams = aws_sdk_dynamodbstreams::config::Builder::from(sdk);
    if let Some(url) = &config.endpoint_url {
        tables = tables.endpoint_url(url);
        streams = streams.endpoint_url(url);
    }
    Ok(DynamoStore::new(client(tables), streams.retry_config(RetryConfig::disabled()).build(), config))
}

/// A client without the SDK's retries, which the store's own replace, and without its watch over slow
/// downloads, which the time limits replace.
fn client(builder: config::Builder) -> Client {
    let config = builder
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}
