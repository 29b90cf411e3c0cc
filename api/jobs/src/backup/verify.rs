//! Opening an export: its manifests are read, and each of its files is compared with them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use cellar_input::{Input, ItemFile};
use flate2::bufread::MultiGzDecoder;
use md5::{Digest as _, Md5};

use super::manifest::{self, DATA, FILES, FileEntry, SUMMARY, Summary};
use super::{BackupError, base64_of, find};

const READ_BYTES: usize = 64 * 1024;

/// An export whose files are all there and as they were exported.
#[derive(Clone, Debug)]
pub struct Backup {
    directory: PathBuf,
    files: Vec<DataFile>,
    bytes: u64,
}

/// A file of items, gzipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Where it is.
    pub path: PathBuf,
    /// Items in it.
    pub items: u64,
    /// Line ends in it.
    pub newlines: u64,
}

impl From<Backup> for Input {
    fn from(backup: Backup) -> Self {
        let file = |file: DataFile| ItemFile { path: file.path, newlines: file.newlines };
        Self::Backup { directory: backup.directory, files: backup.files.into_iter().map(file).collect() }
    }
}

impl Backup {
    /// Opens the export that is in a directory, or the only one below it; `progress` is told how many bytes of how
    /// many have been compared.
    pub fn open(directory: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Self, BackupError> {
        let directory = find::find(directory)?;
        let entries = entries(&directory)?;
        let mut named = Vec::new();
        let mut total_bytes = 0;
        for entry in entries {
            let path = data_path(&directory, &entry)?;
            total_bytes += std::fs::metadata(&path).map_err(|error| io_fault(&path, error))?.len();
            named.push((path, entry));
        }
        let mut read_bytes = 0;
        let mut files = Vec::with_capacity(named.len());
        for (path, entry) in named {
            files.push(check(path, &entry, |bytes| {
                read_bytes += bytes;
                progress(read_bytes, total_bytes);
            })?);
        }
        Ok(Self { directory, files, bytes: total_bytes })
    }

    /// The directory with the manifests.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its data files, in the order of the manifest.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// Length of all of them together, as stored.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The list of files, whose sum is that of the summary.
fn entries(directory: &Path) -> Result<Vec<FileEntry>, BackupError> {
    let path = directory.join(SUMMARY);
    let summary = Summary::parse(&manifest::read(directory, SUMMARY)?, &path)?;
    let entries = FileEntry::parse_all(&manifest::read(directory, FILES)?, &directory.join(FILES))?;
    let listed = entries.iter().map(|entry| entry.item_count).sum();
    if listed == summary.item_count {
        Ok(entries)
    } else {
        Err(BackupError::Count { path, expected: summary.item_count, found: listed })
    }
}

/// Keys are of the bucket; here the file is below the manifests, whatever the prefix was.
fn data_path(directory: &Path, entry: &FileEntry) -> Result<PathBuf, BackupError> {
    match Path::new(&entry.data_file_s3_key).file_name() {
        Some(name) => Ok(directory.join(DATA).join(name)),
        None => Err(BackupError::Manifest {
            path: directory.join(FILES),
            reason: format!("`{}` is not the name of a file", entry.data_file_s3_key),
        }),
    }
}

/// Reads a file once, as stored for its MD5 and unpacked for its items.
fn check(path: PathBuf, entry: &FileEntry, progress: impl FnMut(u64)) -> Result<DataFile, BackupError> {
    let file = File::open(&path).map_err(|error| io_fault(&path, error))?;
    let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(
        READ_BYTES,
        Hashed { file, hash: Md5::new(), progress },
    ));
    let counted = count(&mut decoder);
    // Whatever is damaged, the checksum says it best: the rest is read, too.
    let mut stored = decoder.into_inner();
    io::copy(&mut stored, &mut io::sink()).map_err(|error| io_fault(&path, error))?;
    let found = base64_of(stored.into_inner().hash);
    if found != entry.md5_checksum {
        return Err(BackupError::Checksum { path, expected: entry.md5_checksum.clone(), found });
    }
    let (items, newlines) = counted.map_err(|error| io_fault(&path, error))?;
    if items != entry.item_count {
        return Err(BackupError::Count { path, expected: entry.item_count, found: items });
    }
    Ok(DataFile { path, items, newlines })
}

/// Lines that are not blank, and line ends.
fn count(reader: &mut impl Read) -> io::Result<(u64, u64)> {
    let (mut items, mut newlines, mut blank) = (0, 0, true);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((items, newlines));
        }
        for &byte in &buffer[..read] {
            if byte == b'\n' {
                newlines += 1;
                blank = true;
            } else if blank && !byte.is_ascii_whitespace() {
                items += 1;
                blank = false;
            }
        }
    }
}

fn io_fault(path: &Path, error: io::Error) -> BackupError {
    BackupError::Io { path: path.to_owned(), error }
}

struct Hashed<P> {
    file: File,
    hash: Md5,
    progress: P,
}

impl<P: FnMut(u64)> Read for Hashed<P> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.hash.update(&into[..read]);
        (self.progress)(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_lines_that_are_not_blank() {
        for (text, expected) in
            [("", (0, 0)), ("\n \r\n", (0, 2)), ("a\nb", (2, 1)), ("\n a b\r\n\n{}\n", (2, 4))]
        {
            assert_eq!(count(&mut text.as_bytes()).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_key_stays_below_the_manifests() {
        let of = |key: &str| {
            let entry = FileEntry {
                item_count: 0,
                md5_checksum: String::new(),
                etag: String::new(),
                data_file_s3_key: key.into(),
            };
            data_path(Path::new("d"), &entry)
        };
        for key in ["AWSDynamoDB/1-a/data/x.json.gz", "x.json.gz", "/x.json.gz", "../../x.json.gz"] {
            assert_eq!(of(key).unwrap(), Path::new("d/data/x.json.gz"), "{key}");
        }
        for key in ["", "..", "a/.."] {
            assert!(matches!(of(key), Err(BackupError::Manifest { .. })), "{key}");
        }
    }
}
