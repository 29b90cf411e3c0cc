//! A data directory: its files and who may use them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::EmbeddedError;

/// Name of the file with the database.
pub(super) const DATABASE: &str = "cellar.db";

/// Creates a directory that nobody else may look into, unless it is there.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A directory with `cellar.db`, `lock` and `endpoint` in it.
#[derive(Debug)]
pub(super) struct DataDir(PathBuf);

impl DataDir {
    pub(super) fn create(path: &Path) -> Result<Self, EmbeddedError> {
        let failed = |source| EmbeddedError::Directory { path: path.to_owned(), source };
        create_private(path).map_err(failed)?;
        // Absolute, so that SQLite takes the path for nothing but a path.
        Ok(Self(path.canonicalize().map_err(failed)?))
    }

    pub(super) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// The file whose lock stands for the directory. The system lets go of it when its holder ends.
    pub(super) fn lock_file(&self) -> Result<File, EmbeddedError> {
        let file = File::options().create(true).truncate(false).write(true).open(self.0.join("lock"));
        file.map_err(|source| self.failed(source))
    }

    /// Takes the lock if it is free.
    pub(super) fn try_own(&self, lock: &File) -> Result<bool, EmbeddedError> {
        match lock.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(self.failed(source)),
        }
    }

    /// Waits for the lock.
    pub(super) fn own(&self, lock: &File) -> Result<(), EmbeddedError> {
        lock.lock().map_err(|source| self.failed(source))
    }

    /// The address that the owner left. An owner that was killed leaves it behind.
    pub(super) fn endpoint(&self) -> Option<SocketAddr> {
        let url = fs::read_to_string(self.endpoint_file()).ok()?;
        url.trim_end().strip_prefix("http://")?.parse().ok()
    }

    /// Leaves an address for other processes. It is there whole or not at all.
    pub(super) fn set_endpoint(&self, address: SocketAddr) -> Result<(), EmbeddedError> {
        let draft = self.0.join("endpoint.new");
        fs::write(&draft, format!("http://{address}\n"))
            .and_then(|()| fs::rename(&draft, self.endpoint_file()))
            .map_err(|source| self.failed(source))
    }

    /// Removes the address of an owner that is gone.
    pub(super) fn clear_endpoint(&self) -> Result<(), EmbeddedError> {
        match fs::remove_file(self.endpoint_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn endpoint_file(&self) -> PathBuf {
        self.0.join("endpoint")
    }

    fn failed(&self, source: io::Error) -> EmbeddedError {
        EmbeddedError::Directory { path: self.0.clone(), source }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_directory_is_private_and_one_that_is_there_stays_as_it_is() {
        let outer = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let new = outer.path().join("a/b");
        DataDir::create(&new).unwrap();
        assert_eq!((mode(&new), mode(&outer.path().join("a"))), (0o700, 0o700));
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        DataDir::create(&new).unwrap();
        assert_eq!(mode(&new), 0o755);
    }
}
