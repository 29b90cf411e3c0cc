//! Files that a user names for results.
//!
//! Invariant: a device, a FIFO or a socket is written to and stays what it is, as with `>` in a shell; a regular file
//! is replaced when the new one is complete, and not before; a symbolic link goes on leading where it leads.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    /// What it will be once it is complete, unless it is written to as it is.
    whole: Option<(NamedTempFile, PathBuf)>,
}

impl OutputFile {
    /// Begins to write what a path names. Opening a FIFO waits for its reader.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// use std::io::Write as _;
    /// use cellar_cli_kit::output::OutputFile;
    ///
    /// let path = directory.path().join("report.json");
    /// let mut file = OutputFile::create(&path)?;
    /// writeln!(file, "{{}}")?;
    /// assert!(!path.exists(), "it is not complete");
    /// file.finish()?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "{}\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(file) = open_stream(path)? {
            return Ok(Self { file, whole: None });
        }
        let old = found(path)?;
        // What a link leads to is replaced, not the link.
        let path = if old.is_some() { path.canonicalize()? } else { path.to_owned() };
        let temporary = beside(&path, old.map(|old| old.permissions()))?;
        Ok(Self { file: temporary.reopen()?, whole: Some((temporary, path)) })
    }

    /// Makes it durable, and known by its name. Dropped instead, a regular file stays as it was.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        let Some((temporary, path)) = self.whole else { return Ok(()) };
        self.file.sync_all()?;
        temporary.persist(path).map(drop).map_err(|error| error.error)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether a path names something that can only be written to: a device, a FIFO, a socket, or standard output or error,
/// whatever these are. An error if it can be no file at all: a directory, or a link to nothing.
pub fn is_stream(path: &Path) -> io::Result<bool> {
    Ok(standard(path).is_some() || found(path)?.is_some_and(|found| !found.is_file()))
}

/// Opens what a path names if it [is a stream](is_stream). Opening a FIFO waits for its reader.
pub fn open_stream(path: &Path) -> io::Result<Option<File>> {
    if !is_stream(path)? {
        return Ok(None);
    }
    // Opened by its name it would be written from its beginning, over what this process has printed already.
    standard(path).unwrap_or_else(|| File::options().write(true).open(path)).map(Some)
}

/// What there is, if there is something.
fn found(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::Error::other("it is a directory")),
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) if path.is_symlink() => Err(io::Error::other("it is a link to nothing")),
        Err(_) => Ok(None),
    }
}

/// Another handle of this process's own output, if the path is a name of it.
#[cfg(unix)]
fn standard(path: &Path) -> Option<io::Result<File>> {
    use std::os::fd::AsFd as _;
    let file = match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => io::stdout().as_fd().try_clone_to_owned(),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => io::stderr().as_fd().try_clone_to_owned(),
        _ => return None,
    };
    Some(file.map(File::from))
}

#[cfg(not(unix))]
fn standard(_: &Path) -> Option<io::Result<File>> {
    None
}

/// A temporary file in the directory of the path, which goes when it is dropped. It may be read and written by whom
/// the one that it replaces may be; a new file by whom any new file may be, within the umask.
fn beside(path: &Path, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let name = path.file_name().ok_or_else(|| io::Error::other("it is not the name of a file"))?;
    let prefix = format!(".{}.", name.to_string_lossy());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(directory.unwrap_or(Path::new(".")))?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut file = OutputFile::create(path)?;
        file.write_all(text.as_bytes())?;
        file.finish()
    }

    #[test]
    fn a_device_stays_a_device() {
        write(Path::new("/dev/null"), "text").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("null");
        symlink("/dev/null", &link).unwrap();
        write(&link, "text").unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("/dev/null"));
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn a_link_leads_where_it_led_and_permissions_stay() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        symlink("file", &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_given_up_leaves_everything_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let mut file = OutputFile::create(&path).unwrap();
        file.write_all(b"half of the n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_a_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("nowhere", &link).unwrap();
        assert_eq!(write(&link, "").unwrap_err().to_string(), "it is a link to nothing");
        assert_eq!(write(directory.path(), "").unwrap_err().to_string(), "it is a directory");
        assert!(link.is_symlink());
    }
}
