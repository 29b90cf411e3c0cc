//! The list of records that were not stored, or not stored alone, a JSON object per line.
//!
//! Invariant: what is beyond the length in the checkpoint was not done yet; resuming cuts it off, so that no record is
//! listed twice. The file exists only if it lists something.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cellar_input::Reject;

pub(super) struct Rejects {
    path: Option<PathBuf>,
    file: Option<File>,
    bytes: u64,
}

impl Rejects {
    /// Lists nothing.
    pub(super) const fn nowhere() -> Self {
        Self { path: None, file: None, bytes: 0 }
    }

    /// Begins a new list; that of an earlier run goes.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Self { path: Some(path), file: None, bytes: 0 }),
        }
    }

    /// Goes on after so many bytes.
    pub(super) fn resume(path: PathBuf, bytes: u64) -> io::Result<Self> {
        if bytes == 0 {
            return Self::create(path);
        }
        let file = OpenOptions::new().append(true).open(&path)?;
        file.set_len(bytes)?;
        Ok(Self { path: Some(path), file: Some(file), bytes })
    }

    /// Appends to the list and waits until that is on disk.
    pub(super) fn append(&mut self, rejects: &[Reject]) -> io::Result<()> {
        let Some(path) = self.path.as_deref().filter(|_| !rejects.is_empty()) else { return Ok(()) };
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().create(true).append(true).open(path)?);
        }
        let mut lines = Vec::new();
        for reject in rejects {
            serde_json::to_writer(&mut lines, reject)?;
            lines.push(b'\n');
        }
        let file = self.file.as_mut().expect("it was opened above");
        file.write_all(&lines)?;
        file.sync_data()?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Its length.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it is, if it lists something.
    pub(super) fn written(&self) -> Option<&Path> {
        self.file.as_ref().and(self.path.as_deref())
    }
}

/// Where rejected records of an input are listed if nobody says otherwise: `places.csv` and `places.geojson` have
/// lists of their own.
pub(super) fn default_path(input_name: &str) -> PathBuf {
    PathBuf::from(format!("{input_name}.rejected.jsonl"))
}
