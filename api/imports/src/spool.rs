//! The directory: for each job one of its own, named by its id, with
//!
//! - `body`, the file as it was sent, until the job has ended;
//! - `job.json`, what is known of it, replaced as a whole;
//! - `rejects.jsonl`, what was not stored, if anything.
//!
//! Invariant: a directory without `job.json` is that of a body that did not come in whole; nobody was told of it.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cellar_http::imports::Job;
use serde::{Deserialize, Serialize};

/// What is kept of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) job: Job,
    /// The client's own name for it.
    pub(crate) key: Option<String>,
    /// Of the body and how it is read.
    pub(crate) digest: String,
}

/// The directory, which nobody else uses meanwhile.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    _lock: File,
}

impl Spool {
    /// Takes a directory, which is made if it is not there; `None` if another process has it.
    pub(crate) fn open(directory: &Path) -> io::Result<Option<Self>> {
        make_private(directory)?;
        let directory = directory.canonicalize()?;
        let lock = File::options().create(true).truncate(false).write(true).open(directory.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { directory, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn of(&self, id: &str) -> PathBuf {
        self.directory.join(id)
    }

    pub(crate) fn body(&self, id: &str) -> PathBuf {
        self.of(id).join("body")
    }

    pub(crate) fn rejects(&self, id: &str) -> PathBuf {
        self.of(id).join("rejects.jsonl")
    }

    /// A file for a body.
    pub(crate) fn begin(&self, id: &str) -> io::Result<File> {
        make_private(&self.of(id))?;
        File::create_new(self.body(id))
    }

    /// Keeps what is known of a job. It is on disk when this returns.
    pub(crate) fn save(&self, record: &Record) -> io::Result<()> {
        let directory = self.of(&record.job.id);
        let (draft, place) = (directory.join("job.new"), directory.join("job.json"));
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_all()?;
        fs::rename(draft, place)?;
        File::open(directory)?.sync_all()?;
        File::open(&self.directory)?.sync_all()
    }

    /// All that is known of jobs, the oldest first. What came in only in part goes.
    pub(crate) fn load(&self) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let Some(id) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_id(name)) else {
                continue;
            };
            match fs::read(path.join("job.json")) {
                Ok(json) => match serde_json::from_slice::<Record>(&json) {
                    Ok(record) if record.job.id == id => {
                        if record.job.state.is_end() {
                            self.drop_body(id);
                        }
                        records.push(record);
                    }
                    _ => tracing::warn!(
                        import = id,
                        "the record of an import cannot be read; it is left alone"
                    ),
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_dir_all(&path)?,
                Err(error) => return Err(error),
            }
        }
        records.sort_by(|a, b| (a.job.created_unix_ms, &a.job.id).cmp(&(b.job.created_unix_ms, &b.job.id)));
        Ok(records)
    }

    /// The body is not needed any more.
    pub(crate) fn drop_body(&self, id: &str) {
        gone(id, fs::remove_file(self.body(id)));
    }

    /// Nothing is left of a job.
    pub(crate) fn remove(&self, id: &str) {
        // First what says that it is one: what is left after a crash is taken for a body that did not come in whole.
        gone(id, fs::remove_file(self.of(id).join("job.json")));
        gone(id, fs::remove_dir_all(self.of(id)));
    }
}

fn gone(id: &str, removed: io::Result<()>) {
    if let Err(error) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(import = id, %error, "a file of an import cannot be removed");
    }
}

fn is_id(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Creates a directory that nobody else may look into, unless it is there.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
