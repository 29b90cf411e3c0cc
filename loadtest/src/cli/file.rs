//! Results as files.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use cellar_cli_kit::CliError;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// Writes a file completely or not at all; anything but a regular file (a terminal, a pipe) is written to directly. A new file has the
/// usual mode, 0666 without the umask.
pub(super) fn write(file: &Path, text: &str) -> Result<(), String> {
    let written = if file.exists() && !file.is_file() {
        File::options().write(true).open(file).and_then(|mut file| writeln!(file, "{text}"))
    } else {
        beside(file).and_then(|mut beside| {
            writeln!(beside, "{text}")?;
            beside.persist(file).map(drop).map_err(|error| error.error)
        })
    };
    written.map_err(|error| format!("cannot write the report to `{}`: {error}", file.display()))
}

/// Writes each of these files, even if another fails. The summary has already been printed.
pub(super) fn write_all(files: [Option<(&Path, String)>; 2]) -> Result<(), CliError> {
    let failed = files.into_iter().flatten().filter_map(|(file, text)| write(file, &text).err());
    let failed: Vec<String> = failed.collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(CliError::failure(format!("{}; the summary is above", failed.join("; "))))
}

/// A temporary file in the same directory.
fn beside(file: &Path) -> io::Result<NamedTempFile> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory.unwrap_or(Path::new(".")))
}

/// Reads a saved document of this kind.
pub(super) fn read<T: DeserializeOwned>(file: &Path, kind: &str) -> Result<T, CliError> {
    let name = file.display();
    let text =
        std::fs::read(file).map_err(|error| CliError::failure(format!("cannot read `{name}`: {error}")))?;
    serde_json::from_slice(&text)
        .map_err(|error| CliError::failure(format!("`{name}` is not a {kind}: {error}")))
}

/// The error for a document with another format version.
pub(super) fn foreign(file: &Path, form: u32, read: u32) -> CliError {
    CliError::failure(format!(
        "`{}` has format version {form}; this program reads version {read}",
        file.display()
    ))
}
