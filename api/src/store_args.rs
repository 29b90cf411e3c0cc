//! Which store a subcommand works on: the same flags everywhere.

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::Uri;
use cellar_cli_kit::CliError;
use cellar_store::config::{connect, short_hash};
use cellar_store::{DynamoStore, Embedded, StoreConfig};
use clap::Args;

use crate::explain::OrExplain as _;

/// The embedded engine in a directory, unless a DynamoDB table is named
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Store")]
pub struct StoreArgs {
    /// Directory of the embedded engine's data
    #[arg(long, value_name = "DIR", env = "CELLAR_DATA", default_value = "cellar-data")]
    pub data: PathBuf,

    /// DynamoDB table to use instead; region and credentials come from the usual AWS environment
    #[arg(long, value_name = "NAME", env = "CELLAR_TABLE")]
    pub table: Option<String>,

    /// Endpoint to use instead of the region's own, such as `http://localhost:8000` for DynamoDB Local
    #[arg(long, value_name = "URL", env = "CELLAR_ENDPOINT_URL", requires = "table",
          value_parser = endpoint_url)]
    pub endpoint_url: Option<String>,
}

/// The SDK finds out about others only at the first request.
fn endpoint_url(text: &str) -> Result<String, String> {
    let url: Option<Uri> = text.parse().ok();
    let usable = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
    usable.map(|_| text.to_owned()).ok_or_else(|| "expected a URL, such as http://localhost:8000".to_owned())
}

/// A URL without who asks.
fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, host)) => format!("{scheme}://{host}"),
        None => url.to_owned(),
    }
}

/// A store, and the engine behind it if it is embedded.
pub struct OpenStore {
    /// The store.
    pub store: Arc<DynamoStore>,
    embedded: Option<Embedded>,
    config: StoreConfig,
}

impl StoreArgs {
    /// Whether the store is the embedded engine.
    pub(super) fn is_embedded(&self) -> bool {
        self.table.is_none()
    }

    /// A name for the store among others.
    pub(super) fn identity(&self) -> String {
        if self.table.is_some() {
            return self.config().identity();
        }
        let data = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
        format!("embedded@{}", short_hash(data.as_os_str().as_encoded_bytes()))
    }

    /// Where the data is, for people.
    pub(super) fn describe(&self) -> String {
        match (&self.table, &self.endpoint_url) {
            (Some(table), Some(url)) => format!("DynamoDB table {table} at {}", without_password(url)),
            (Some(table), None) => format!("DynamoDB table {table}"),
            (None, _) => {
                let data = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
                format!("{} (embedded engine)", data.display())
            }
        }
    }

    fn config(&self) -> StoreConfig {
        StoreConfig {
            endpoint_url: self.endpoint_url.clone(),
            ..self.table.as_ref().map_or_else(StoreConfig::default, StoreConfig::new)
        }
    }

    /// Settings of the table that the flags name.
    pub async fn connect(&self) -> Result<DynamoStore, CliError> {
        connect(&self.config()).await.explained()
    }

    /// Opens the store for a job: what moves many places waits as long as the table throttles. A DynamoDB table has to
    /// exist; the embedded one is created.
    pub async fn open(&self) -> Result<OpenStore, CliError> {
        self.open_with(self.config().patient()).await
    }

    /// The same for a command that only reads, and whose user waits for a single place: data that is not there is not
    /// created, for its name is mistyped.
    pub async fn open_existing(&self) -> Result<OpenStore, CliError> {
        // What is no directory is told of when it is opened.
        if self.table.is_none() && !Embedded::is_there(&self.data) && !self.data.is_file() {
            let message = format!("there is no data in {}", self.data.display());
            return Err(CliError::failure(message).hint("check --data, or import something first"));
        }
        let interactive = self.config().interactive;
        self.open_with(StoreConfig { interactive, ..self.config().patient() }).await
    }

    /// The same for a server, whose callers do not wait for long.
    pub(super) async fn open_to_serve(&self) -> Result<OpenStore, CliError> {
        self.open_with(self.config()).await
    }

    async fn open_with(&self, config: StoreConfig) -> Result<OpenStore, CliError> {
        if self.table.is_some() {
            let store = Arc::new(connect(&config).await.explained()?);
            return Ok(OpenStore { store, embedded: None, config });
        }
        OpenStore::embedded(Embedded::open(&self.data).await.explained()?).await
    }
}

impl OpenStore {
    /// A store on an embedded engine.
    pub async fn embedded(embedded: Embedded) -> Result<Self, CliError> {
        let config = StoreConfig::default();
        let store = Arc::new(embedded.store(&config).await.explained()?);
        Ok(Self { store, embedded: Some(embedded), config })
    }

    /// The same store for jobs beside requests: with connections, retries and patience of its own.
    pub(super) async fn for_jobs(&self) -> Result<Arc<DynamoStore>, CliError> {
        let config = self.config.clone().patient();
        let store = match &self.embedded {
            Some(embedded) => embedded.store(&config).await,
            None => connect(&config).await,
        };
        store.map(Arc::new).explained()
    }

    /// Whether the engine is this process's own: nobody else had the data open when it opened it.
    pub fn is_alone(&self) -> bool {
        self.embedded.as_ref().is_some_and(Embedded::is_owner)
    }

    /// Whether it is the embedded engine.
    pub(super) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Closes the engine, if there is one.
    pub async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.shutdown().await;
        }
    }
}
