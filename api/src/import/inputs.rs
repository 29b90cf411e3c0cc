//! Which input the arguments mean: a stream, files, a directory of files, or an export of DynamoDB.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cellar_cli_kit::{CliError, progress, terminal};
use cellar_jobs::backup::{Backup, BackupError};
use cellar_jobs::import::Input;
use indicatif::ProgressStyle;

use super::args::ImportArgs;

/// What a file in a directory can be called to be imported; `.txt` only with a preset.
const IMPORTED: [&str; 16] = [
    "csv",
    "tsv",
    "tab",
    "json",
    "geojson",
    "geojsonl",
    "geojsons",
    "geojsonseq",
    "ndjson",
    "jsonl",
    "kml",
    "kmz",
    "parquet",
    "pbf",
    "gpx",
    "osm",
];

/// What packs a file.
const PACKED: [&str; 5] = ["gz", "zst", "bz2", "xz", "zip"];

/// What the arguments mean.
pub(super) struct Chosen {
    pub(super) input: Input,
    /// Its length, if it has one.
    pub(super) total_bytes: Option<u64>,
    /// Whether it is an export of DynamoDB.
    pub(super) restores: bool,
}

pub(super) fn choose(args: &ImportArgs) -> Result<Chosen, CliError> {
    if let [one] = args.files.as_slice() {
        return choose_one(one, args);
    }
    let mut paths = Vec::new();
    for path in &args.files {
        if path == Path::new("-") {
            return Err(CliError::usage("standard input cannot be imported together with files")
                .hint("import it by itself, with `-` only"));
        }
        let file = std::fs::metadata(path).map_err(|error| cannot_open(path, &error))?;
        if file.is_dir() {
            paths.extend(in_directory(path, args)?);
        } else if file.is_file() {
            paths.push(path.clone());
        } else {
            return Err(CliError::usage(format!(
                "{} is a pipe, and cannot be imported together with files",
                path.display()
            ))
            .hint("import it by itself"));
        }
    }
    several("several files".into(), paths)
}

fn choose_one(path: &Path, args: &ImportArgs) -> Result<Chosen, CliError> {
    if path == Path::new("-") {
        return Ok(Chosen {
            input: Input::Stream(Box::new(io::stdin())),
            total_bytes: None,
            restores: false,
        });
    }
    let file = std::fs::metadata(path).map_err(|error| cannot_open(path, &error))?;
    if file.is_dir() {
        return directory(path, args);
    }
    if file.is_file() {
        let input = Input::File(path.to_owned());
        return Ok(Chosen { input, total_bytes: Some(file.len()), restores: false });
    }
    // A pipe with a name, such as a shell's `<(…)`: it can be read only once.
    let pipe = File::open(path).map_err(|error| cannot_open(path, &error))?;
    Ok(Chosen { input: Input::Stream(Box::new(pipe)), total_bytes: None, restores: false })
}

fn directory(path: &Path, args: &ImportArgs) -> Result<Chosen, CliError> {
    match open_backup(path) {
        Ok(backup) => {
            let total_bytes = Some(backup.bytes());
            Ok(Chosen { input: Input::from(backup), total_bytes, restores: true })
        }
        Err(error @ BackupError::NoManifest { .. }) => {
            let paths = in_directory(path, args)?;
            if paths.is_empty() {
                return Err(CliError::failure(error.to_string()));
            }
            let name = path.canonicalize().ok();
            let name = name.as_deref().and_then(Path::file_name).unwrap_or(path.as_os_str());
            several(name.to_string_lossy().into_owned(), paths)
        }
        Err(error) => Err(CliError::failure(error.to_string())),
    }
}

fn several(name: String, paths: Vec<PathBuf>) -> Result<Chosen, CliError> {
    if paths.len() > usize::from(u16::MAX) {
        return Err(CliError::usage(format!(
            "these are {} files; at most {} can be imported at once",
            paths.len(),
            u16::MAX
        )));
    }
    let bytes = paths.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
    let mut paths = paths;
    let input = if paths.len() == 1 { Input::File(paths.remove(0)) } else { Input::Files { name, paths } };
    Ok(Chosen { input, total_bytes: Some(bytes), restores: false })
}

/// The files of a directory that can be imported, by name; the others are told.
fn in_directory(directory: &Path, args: &ImportArgs) -> Result<Vec<PathBuf>, CliError> {
    let entries = std::fs::read_dir(directory).map_err(|error| cannot_open(directory, &error))?;
    let files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && !is_list(path, args))
        .collect();
    let (mut paths, others): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|path| is_imported(path, args.read.preset.is_some()));
    paths.sort();
    if !paths.is_empty() && !others.is_empty() {
        let names: Vec<_> =
            others.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect();
        terminal::note(&format!("passed over in {}: {}", directory.display(), names.join(", ")));
    }
    Ok(paths)
}

/// Whether it is the list of what was rejected.
fn is_list(path: &Path, args: &ImportArgs) -> bool {
    let path = path.canonicalize().ok();
    path.is_some() && args.rejects.as_ref().and_then(|list| list.canonicalize().ok()) == path
}

fn is_imported(path: &Path, with_texts: bool) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let packed = name.rsplit_once('.').filter(|(_, ending)| PACKED.contains(ending));
    let plain = packed.map_or(name.as_str(), |(rest, _)| rest);
    let ending = plain.rsplit_once('.').map(|(_, ending)| ending);
    let known = ending.is_some_and(|ending| IMPORTED.contains(&ending) || with_texts && ending == "txt");
    known && !name.starts_with('.') && !name.ends_with(".rejected.jsonl")
}

/// Compares the files of an export with its manifest.
fn open_backup(directory: &Path) -> Result<Backup, BackupError> {
    let template = "{bar:32} {bytes} of {total_bytes} compared with the manifest, {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    let bar = progress::bar(0).with_style(style);
    let opened = Backup::open(directory, |read_bytes, total_bytes| {
        bar.set_length(total_bytes);
        bar.set_position(read_bytes);
    });
    bar.finish_and_clear();
    opened
}

fn cannot_open(path: &Path, error: &io::Error) -> CliError {
    CliError::failure(format!("cannot open {}: {error}", path.display()))
        .hint("name a file that can be read, or `-` for standard input")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_places_are_told_by_their_names() {
        for (name, with_texts, imported) in [
            ("a.csv", false, true),
            ("A.GeoJSON.gz", false, true),
            ("stops.txt", false, false),
            ("stops.txt", true, true),
            ("README.md", true, false),
            (".a.csv", false, false),
            ("a.csv.rejected.jsonl", false, false),
            ("a.gz", false, false),
        ] {
            assert_eq!(is_imported(Path::new(name), with_texts), imported, "{name}");
        }
    }
}
