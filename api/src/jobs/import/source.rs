//! Where the bytes come from: a file, a stream or the files of an export, gzipped or not.
//!
//! Invariant: the files of an export are read as one input, in the order of its manifest, each followed by a line end of
//! ours; [`Parts`] knows from which file a line is.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::format::Format;
use super::records::Reject;
use crate::jobs::backup::{Backup, DataFile};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What is imported.
pub enum Input {
    /// A file: it has a length, and an import of it can be resumed.
    File(PathBuf),
    /// An export of DynamoDB that has been verified; an import of it can be resumed.
    Backup(Backup),
    /// A stream that is read once, such as standard input.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    /// Name of the file; `stdin` for a stream.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => name_of(path),
            Self::Backup(backup) => name_of(backup.directory()),
            Self::Stream(_) => "stdin".into(),
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Backup(backup) => Some(backup.directory()),
            Self::Stream(_) => None,
        }
    }

    /// The format, where it is no question.
    pub(super) const fn format(&self) -> Option<Format> {
        match self {
            Self::Backup(_) => Some(Format::DynamodbJson),
            Self::File(_) | Self::Stream(_) => None,
        }
    }

    pub(super) fn parts(&self) -> Parts {
        match self {
            Self::Backup(backup) => Parts::of(backup.files()),
            Self::File(_) | Self::Stream(_) => Parts::default(),
        }
    }

    /// Opens it, again and again if it is a file. What is read is counted, in bytes as they are stored.
    pub(super) fn open(&mut self, read_bytes: &Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
        read_bytes.store(0, Ordering::Relaxed);
        let inner: Box<dyn Read + Send> = match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Backup(backup) => return Ok(Box::new(Joined::new(backup.files(), read_bytes))),
            Self::Stream(stream) => std::mem::replace(stream, Box::new(io::empty())),
        };
        counted(inner, read_bytes)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn counted(inner: Box<dyn Read + Send>, read_bytes: &Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
    decompressed(BufReader::new(Counted { inner, read_bytes: Arc::clone(read_bytes) }))
}

/// Which lines of a joined input are of which file; nothing for any other.
#[derive(Default)]
pub(super) struct Parts(Vec<Part>);

struct Part {
    file: String,
    /// Lines of the parts before it.
    lines_before: u64,
}

impl Parts {
    fn of(files: &[DataFile]) -> Self {
        let mut lines_before = 0;
        let part = |file: &DataFile| {
            let part = Part { file: name_of(&file.path), lines_before };
            lines_before += file.newlines + 1;
            part
        };
        Self(files.iter().map(part).collect())
    }

    /// Counts the line from the beginning of its file, and names that.
    pub(super) fn locate(&self, reject: Reject) -> Reject {
        let after = self.0.partition_point(|part| part.lines_before < reject.line);
        match after.checked_sub(1).map(|index| &self.0[index]) {
            Some(part) => {
                Reject { file: Some(part.file.clone()), line: reject.line - part.lines_before, ..reject }
            }
            None => reject,
        }
    }
}

/// Several files as one stream. At most one of them is open.
struct Joined {
    waiting: std::vec::IntoIter<PathBuf>,
    open: Option<Box<dyn Read + Send>>,
    read_bytes: Arc<AtomicU64>,
}

impl Joined {
    fn new(files: &[DataFile], read_bytes: &Arc<AtomicU64>) -> Self {
        let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
        Self { waiting: paths.into_iter(), open: None, read_bytes: Arc::clone(read_bytes) }
    }
}

impl Read for Joined {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let named = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        loop {
            if let Some(open) = &mut self.open {
                return match open.read(into)? {
                    0 if !into.is_empty() => {
                        self.open = None;
                        into[0] = b'\n';
                        Ok(1)
                    }
                    read => Ok(read),
                };
            }
            let Some(path) = self.waiting.next() else { return Ok(0) };
            let file = File::open(&path).and_then(|file| counted(Box::new(file), &self.read_bytes));
            self.open = Some(file.map_err(|error| named(&path, error))?);
        }
    }
}

/// The bytes themselves decide, not the name: a browser may have unpacked `.gz` on the way.
fn decompressed(mut reader: BufReader<Counted>) -> io::Result<Box<dyn Read + Send>> {
    let mut beginning = Vec::new();
    reader.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut beginning)?;
    let gzipped = beginning == GZIP_MAGIC;
    let whole = io::Cursor::new(beginning).chain(reader);
    Ok(if gzipped { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

struct Counted {
    inner: Box<dyn Read + Send>,
    read_bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.read_bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
