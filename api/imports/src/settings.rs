//! Where bodies are kept, and how much of everything.

use std::path::PathBuf;
use std::time::Duration;

use cellar_config::{ConfigError, Env, number, text};
use cellar_jobs::import::CHUNK_RECORDS;

/// What takes the place of a directory where no imports are wanted.
const OFF: &str = "off";

/// Bounds of imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where bodies are kept.
    pub directory: PathBuf,
    /// Longest body, in bytes.
    pub max_body_bytes: u64,
    /// All that is kept, in bytes.
    pub max_kept_bytes: u64,
    /// Longest list of rejected records; an import that would make a longer one fails.
    pub max_rejects_bytes: u64,
    /// Jobs that are worked on at a time.
    pub running: usize,
    /// Jobs that wait, those included whose bodies are coming in.
    pub waiting: usize,
    /// Jobs that have ended and are still known.
    pub ended: usize,
    /// How long a job is known after its end.
    pub keep: Duration,
    /// Longest pause within a body.
    pub idle: Duration,
    /// Pause after a first failure of the table; it doubles with each, up to a minute.
    pub pause: Duration,
    /// Failures of the table in a row, without a record done, after which a job fails.
    pub failures: u32,
    /// Records that are stored at a time, and done after an interruption.
    pub chunk_records: usize,
}

impl Settings {
    /// The defaults, in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            max_body_bytes: 1 << 30,
            max_kept_bytes: 4 << 30,
            max_rejects_bytes: 64 << 20,
            running: 1,
            waiting: 8,
            ended: 1_000,
            keep: Duration::from_hours(24),
            idle: Duration::from_secs(30),
            pause: Duration::from_secs(1),
            failures: 60,
            chunk_records: CHUNK_RECORDS,
        }
    }

    /// Reads `CELLAR_IMPORT_DIR`, `CELLAR_IMPORT_MAX_MB`, `CELLAR_IMPORT_SPOOL_MB`, `CELLAR_IMPORT_REJECTS_MB`,
    /// `CELLAR_IMPORTS_RUNNING`, `CELLAR_IMPORTS_WAITING` and `CELLAR_IMPORT_KEEP_H`; `None` without a directory.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_imports::Settings;
    ///
    /// let env = HashMap::from([("CELLAR_IMPORT_DIR", "/var/spool/cellar"), ("CELLAR_IMPORT_MAX_MB", "10")]);
    /// let settings = Settings::from_env(&env, None)?.unwrap();
    /// assert_eq!(settings.max_body_bytes, 10 << 20);
    /// assert_eq!(Settings::from_env(&HashMap::from([("CELLAR_IMPORT_DIR", "off")]), Some("data".into()))?, None);
    /// # Ok::<(), cellar_config::ConfigError>(())
    /// ```
    pub fn from_env(env: &dyn Env, default: Option<PathBuf>) -> Result<Option<Self>, ConfigError> {
        let named = text(env, "CELLAR_IMPORT_DIR", "a directory, or `off`");
        let it = Self::new("");
        let mb = |name, default: u64| number(env, name, default >> 20, 1..=1 << 24).map(|mb: u64| mb << 20);
        let settings = Self {
            max_body_bytes: mb("CELLAR_IMPORT_MAX_MB", it.max_body_bytes)?,
            max_kept_bytes: mb("CELLAR_IMPORT_SPOOL_MB", it.max_kept_bytes)?,
            max_rejects_bytes: mb("CELLAR_IMPORT_REJECTS_MB", it.max_rejects_bytes)?,
            running: number(env, "CELLAR_IMPORTS_RUNNING", it.running, 1..=16)?,
            waiting: number(env, "CELLAR_IMPORTS_WAITING", it.waiting, 1..=1_000)?,
            keep: Duration::from_hours(number(env, "CELLAR_IMPORT_KEEP_H", 24, 1..=8_760)?),
            ..it
        };
        let directory = match named {
            Some(named) if named == OFF => None,
            Some(named) => Some(named.into()),
            None => default,
        };
        Ok(directory.map(|directory| Self { directory, ..settings }))
    }
}
