//! What errors mean for the person at the terminal: one line, and what to do.

use cellar_cli_kit::CliError;
use cellar_client::ClientError;
use cellar_config::ConfigError;
use cellar_model::Collection;
use cellar_search::pages::PageError;
use cellar_store::{EmbeddedError, SetupError, StoreError};

/// An error that the person at the terminal can be told.
pub(crate) trait Explain {
    /// What went wrong and how to mend it.
    fn explain(self) -> CliError;
}

/// A result whose error can be explained.
pub(crate) trait OrExplain<T> {
    /// The value, or what went wrong and how to mend it.
    fn explained(self) -> Result<T, CliError>;
}

impl<T, E: Explain> OrExplain<T> for Result<T, E> {
    fn explained(self) -> Result<T, CliError> {
        self.map_err(Explain::explain)
    }
}

/// A collection that is not there.
pub(crate) fn no_collection(name: &Collection) -> CliError {
    CliError::failure(format!("there is no collection `{name}`"))
        .hint(format!("`cellar import FILE --collection {name}` creates it"))
}

impl Explain for ConfigError {
    fn explain(self) -> CliError {
        CliError::usage(self.to_string())
    }
}

impl Explain for StoreError {
    fn explain(self) -> CliError {
        let hint = match self {
            StoreError::Throttled | StoreError::Deadline => "try again later",
            StoreError::Failed(_) => "check the endpoint, the region and the credentials",
            StoreError::Deleting { .. } => {
                "wait until it is gone (`cellar collections`), or use another name"
            }
            // These say what to do.
            StoreError::NoTable { .. }
            | StoreError::NoCategoryIndex
            | StoreError::Damaged { .. }
            | StoreError::TooLarge { .. } => {
                return CliError::failure(self.to_string());
            }
        };
        CliError::failure(self.to_string()).hint(hint)
    }
}

impl Explain for SetupError {
    fn explain(self) -> CliError {
        match self {
            SetupError::Store(error) => error.explain(),
            other => CliError::failure(other.to_string()),
        }
    }
}

impl Explain for EmbeddedError {
    fn explain(self) -> CliError {
        let hint = match self {
            EmbeddedError::Database { .. } => "restore the file, or name another directory with --data",
            _ => "name another directory with --data",
        };
        CliError::failure(self.to_string()).hint(hint)
    }
}

impl Explain for ClientError {
    fn explain(self) -> CliError {
        let hint = match self {
            ClientError::Invalid { .. } => return CliError::usage(self.to_string()),
            ClientError::Unreachable(_) => "check --url, and that `cellar serve` or an edge runs there",
            ClientError::Refused { status: 400..=499, .. } => "check --collection and the other arguments",
            ClientError::Refused { .. } | ClientError::Deadline => "try again later",
            ClientError::Broken(_) => "check that --url names this API",
        };
        CliError::failure(self.to_string()).hint(hint)
    }
}

impl Explain for PageError {
    fn explain(self) -> CliError {
        match self {
            PageError::Store(error) => error.explain(),
            PageError::NothingInTime => CliError::failure(self.to_string()),
            PageError::Search(error) => CliError::failure(error.to_string()),
        }
    }
}
