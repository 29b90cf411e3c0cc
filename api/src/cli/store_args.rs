//! Which store a subcommand works on: the same flags everywhere.

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::Uri;
use clap::Args;

use super::CliError;
use crate::store::config::{connect, short_hash};
use crate::store::{DynamoStore, Embedded, EmbeddedError, SetupError, StoreConfig, StoreError};

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

/// A store, and the engine behind it if it is embedded.
pub struct OpenStore {
    /// The store.
    pub store: Arc<DynamoStore>,
    embedded: Option<Embedded>,
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

    fn config(&self) -> StoreConfig {
        StoreConfig {
            endpoint_url: self.endpoint_url.clone(),
            ..self.table.as_ref().map_or_else(StoreConfig::default, StoreConfig::new)
        }
    }

    /// Settings of the table that the flags name.
    pub async fn connect(&self) -> Result<DynamoStore, CliError> {
        Ok(connect(&self.config()).await?)
    }

    /// Opens the store. A DynamoDB table has to exist; the embedded one is created.
    pub async fn open(&self) -> Result<OpenStore, CliError> {
        if self.table.is_some() {
            let store = Arc::new(self.connect().await?);
            return Ok(OpenStore { store, embedded: None });
        }
        OpenStore::embedded(Embedded::open(&self.data).await?).await
    }
}

impl OpenStore {
    /// A store on an embedded engine.
    pub async fn embedded(embedded: Embedded) -> Result<Self, CliError> {
        let store = Arc::new(embedded.store(&StoreConfig::default()).await?);
        Ok(Self { store, embedded: Some(embedded) })
    }

    /// Closes the engine, if there is one.
    pub async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.shutdown().await;
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let hint = match error {
            StoreError::Throttled | StoreError::Deadline => "try again later",
            StoreError::Failed(_) => "check the endpoint, the region and the credentials",
            // These say what to do.
            StoreError::NoTable { .. } | StoreError::Damaged { .. } | StoreError::TooLarge { .. } => {
                return Self::failure(error.to_string());
            }
        };
        Self::failure(error.to_string()).hint(hint)
    }
}

impl From<SetupError> for CliError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Store(error) => error.into(),
            other => Self::failure(other.to_string()),
        }
    }
}

impl From<EmbeddedError> for CliError {
    fn from(error: EmbeddedError) -> Self {
        let hint = match error {
            EmbeddedError::Database { .. } => "restore the file, or name another directory with --data",
            _ => "name another directory with --data",
        };
        Self::failure(error.to_string()).hint(hint)
    }
}
