//! Results as files.

use std::io::Write as _;
use std::path::Path;

use cellar_cli_kit::CliError;
use cellar_cli_kit::output::OutputFile;
use serde::de::DeserializeOwned;

/// Writes a file completely or not at all; anything but a regular file (a terminal, a pipe) is written to directly.
pub(super) fn write(file: &Path, text: &str) -> Result<(), String> {
    let written = OutputFile::create(file).and_then(|mut output| {
        writeln!(output, "{text}")?;
        output.finish()
    });
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
