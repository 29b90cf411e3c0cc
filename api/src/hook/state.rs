//! Where a hook stands, and what could not be delivered.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cellar_changes::log::Token;
use cellar_cli_kit::CliError;
use cellar_model::Collection;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::changes::text;

/// The file of a hook's state.
pub(super) struct State {
    path: PathBuf,
    collection: Collection,
    token: Option<Token>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    collection: String,
    token: String,
}

#[derive(Serialize)]
struct DeadLetter<'a> {
    id: &'a str,
    reason: &'a str,
    body: &'a RawValue,
}

impl State {
    /// Reads the file, if it is there.
    pub(super) fn open(path: &Path, collection: &Collection) -> Result<Self, CliError> {
        let mut state = Self { path: path.to_owned(), collection: collection.clone(), token: None };
        let shown = path.display();
        let stored = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(state),
            Err(error) => return Err(CliError::failure(format!("cannot read {shown}: {error}"))),
            Ok(stored) => stored,
        };
        let stored: Option<Stored> = serde_json::from_str(&stored).ok();
        let token = stored.as_ref().and_then(|stored| Token::decode(&stored.token).ok());
        match (stored, token) {
            (Some(stored), Some(_)) if stored.collection != collection.as_str() => {
                Err(CliError::usage(format!("{shown} is of the collection `{}`", stored.collection))
                    .hint("give each hook a --state of its own"))
            }
            (_, Some(token)) => {
                state.token = Some(token);
                Ok(state)
            }
            _ => Err(CliError::failure(format!("{shown} is no state of a hook"))
                .hint("remove it to begin with what happens from now on")),
        }
    }

    /// Where to go on.
    pub(super) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Notes where to go on, durably: the file is replaced as a whole.
    pub(super) fn save(&mut self, token: &Token) -> Result<(), CliError> {
        let stored = Stored { collection: self.collection.to_string(), token: text(token)? };
        let stored = serde_json::to_string(&stored).map_err(|error| self.failed(&error))?;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(stored.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)?;
            File::open(directory)?.sync_all()
        };
        write().map_err(|error: io::Error| self.failed(&error))?;
        self.token = Some(token.clone());
        Ok(())
    }

    /// Keeps a message that could not be delivered, durably.
    pub(super) fn bury(&self, id: &str, reason: &str, body: &str) -> Result<(), CliError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".dead");
        let body: &RawValue = serde_json::from_str(body).map_err(|error| self.failed(&error))?;
        let letter = DeadLetter { id, reason, body };
        let mut line = serde_json::to_string(&letter).map_err(|error| self.failed(&error))?;
        line.push('\n');
        let write = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()
        };
        tracing::warn!(id, reason, "a message is not taken; it is kept in the file of dead letters");
        write().map_err(|error: io::Error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> CliError {
        CliError::failure(format!("cannot write {}: {error}", self.path.display()))
    }
}
