//! Where keys come from: fixed ones, or a file that is read again when it has changed.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Mutex, RwLock};

use super::Keyring;

/// How often the file is looked at, which is how long a revoked key goes on working.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is read even if it looks the same.
const READ_EVERY: Duration = Duration::from_mins(1);

/// The keys that are valid now.
///
/// Invariant: a file that cannot be read or understood changes nothing, and the log says so once for each change of it.
pub struct Keys {
    ring: RwLock<Arc<Keyring>>,
    file: Option<Watched>,
}

struct Watched {
    path: PathBuf,
    seen: Mutex<Seen>,
}

struct Seen {
    looked: Option<Instant>,
    read: Option<Instant>,
    stamp: Option<Stamp>,
}

/// What changes when a file does: it is replaced as a whole, so that its number is another one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(found);
        #[cfg(not(unix))]
        let number = 0;
        Self { modified: found.modified().ok(), length: found.len(), number }
    }
}

impl Keys {
    /// These and no others.
    pub fn fixed(ring: Keyring) -> Self {
        Self { ring: RwLock::new(Arc::new(ring)), file: None }
    }

    /// Those of a file.
    ///
    /// # Errors
    ///
    /// Why it cannot be read or understood.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let ring = read(path)?;
        let seen = Mutex::new(Seen { looked: None, read: None, stamp: None });
        Ok(Self { ring: RwLock::new(Arc::new(ring)), file: Some(Watched { path: path.to_owned(), seen }) })
    }

    /// Those that are valid now, by a clock that tells when to look at the file again.
    pub fn at(&self, now: Instant) -> Arc<Keyring> {
        if let Some(ring) = self.file.as_ref().and_then(|file| file.changed(now)) {
            *self.ring.write() = Arc::new(ring);
        }
        Arc::clone(&self.ring.read())
    }
}

impl Watched {
    /// What the file holds, if it is time to look and it holds something else.
    fn changed(&self, now: Instant) -> Option<Keyring> {
        // Others go on with what there is.
        let mut seen = self.seen.try_lock()?;
        let due =
            |last: Option<Instant>, every| last.is_none_or(|at| now.saturating_duration_since(at) >= every);
        if !due(seen.looked, LOOK_EVERY) {
            return None;
        }
        seen.looked = Some(now);
        let stamp = fs::metadata(&self.path).ok().map(|found| Stamp::of(&found));
        if stamp == seen.stamp && !due(seen.read, READ_EVERY) {
            return None;
        }
        let is_new = stamp != seen.stamp;
        (seen.stamp, seen.read) = (stamp, Some(now));
        match read(&self.path) {
            Ok(ring) => Some(ring),
            Err(problem) => {
                if is_new {
                    let file = self.path.display();
                    tracing::error!(%file, problem, "the API keys cannot be read; those known before stay valid");
                }
                None
            }
        }
    }
}

fn read(path: &Path) -> Result<Keyring, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    Keyring::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::super::{KeyFile, KeyRecord};
    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.json");
        let write = |keys: Vec<KeyRecord>| {
            let beside = directory.path().join("beside");
            fs::write(&beside, serde_json::to_string(&KeyFile { keys }).unwrap()).unwrap();
            fs::rename(beside, &path).unwrap();
        };
        let (record, key) =
            KeyRecord::generate(None, vec!["read:*".parse().unwrap()], SystemTime::now(), None);
        assert!(Keys::of_file(&path).err().unwrap().starts_with("cannot be read: "));
        write(Vec::new());
        let keys = Keys::of_file(&path).unwrap();
        let start = Instant::now();
        let finds = |after| keys.at(start + after).find(&key, SystemTime::now()).is_ok();
        assert!(!finds(Duration::ZERO));
        write(vec![record]);
        assert!(!finds(LOOK_EVERY / 2), "it is not looked at for every request");
        assert!(finds(LOOK_EVERY));
        fs::write(&path, "{").unwrap();
        assert!(finds(3 * LOOK_EVERY), "what cannot be read changes nothing");
        write(Vec::new());
        assert!(!finds(5 * LOOK_EVERY), "revoked");
    }
}
