//! Where the bytes come from: files, a stream, or the files of an export.
//!
//! Invariant: the files of an export are read as one input, in the order of its manifest, each followed by a line end of
//! ours; [`Parts`] knows from which file a line is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::Format;
use super::frame::InputError;
use super::plan::SAMPLE_BYTES;
use super::position::Crs;
use super::reading::Reading;
use super::reject::Reject;
use super::unpack::{Compression, unpacked};

/// What is imported.
pub enum Input {
    /// A file: it has a length, and an import of it can be resumed.
    File(PathBuf),
    /// Several files, one after the other, under a name for all; an import of them can be resumed.
    Files {
        /// What the list of rejected records is called after.
        name: String,
        /// Which files.
        paths: Vec<PathBuf>,
    },
    /// The data files of an export of DynamoDB that has been verified; an import of it can be resumed.
    Backup {
        /// Where they are.
        directory: PathBuf,
        /// Which they are.
        files: Vec<ItemFile>,
    },
    /// A stream that is read once, such as standard input.
    Stream(Box<dyn Read + Send>),
}

/// A file of an export of DynamoDB.
#[derive(Clone, Debug)]
pub struct ItemFile {
    /// Where it is.
    pub path: PathBuf,
    /// Lines of it that end.
    pub newlines: u64,
}

impl Input {
    /// Files that are read one after the other.
    pub fn files(paths: &[PathBuf]) -> Self {
        match paths {
            [one] => Self::File(one.clone()),
            several => Self::Files { name: "several files".into(), paths: several.to_vec() },
        }
    }

    /// Name of the file; `stdin` for a stream.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => name_of(path),
            Self::Files { name, .. } => name.clone(),
            Self::Backup { directory, .. } => name_of(directory),
            Self::Stream(_) => "stdin".into(),
        }
    }

    /// The files that it is, or the directory; none of a stream.
    pub fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::File(path) => vec![path.clone()],
            Self::Files { paths, .. } => paths.clone(),
            Self::Backup { directory, .. } => vec![directory.clone()],
            Self::Stream(_) => Vec::new(),
        }
    }

    /// What is read one after the other.
    pub fn sources(self) -> Vec<Source> {
        let file = |path: PathBuf| Source { name: name_of(&path), from: Origin::File(path) };
        match self {
            Self::File(path) => vec![file(path)],
            Self::Files { paths, .. } => paths.into_iter().map(file).collect(),
            Self::Backup { directory, files } => {
                vec![Source { name: name_of(&directory), from: Origin::Joined(files) }]
            }
            Self::Stream(stream) => vec![Source { name: "stdin".into(), from: Origin::Stream(stream) }],
        }
    }
}

/// One input that is read from its beginning to its end.
pub struct Source {
    pub(crate) name: String,
    from: Origin,
}

enum Origin {
    File(PathBuf),
    Joined(Vec<ItemFile>),
    Stream(Box<dyn Read + Send>),
}

/// An input that is open and unpacked.
pub(crate) struct Opened {
    pub(crate) compression: Compression,
    /// The format of what was no text, and is lines now.
    pub(crate) lines_of: Option<Format>,
    /// The coordinate reference system that it declares outside of its records.
    pub(crate) crs: Crs,
    /// The member that it declares to be the geometry.
    pub(crate) geometry: Option<String>,
    /// How it begins.
    pub(crate) beginning: Vec<u8>,
    /// Whether that is all.
    pub(crate) whole: bool,
    /// What follows the beginning.
    rest: Box<dyn Read + Send>,
}

impl Opened {
    fn read(compression: Compression, mut rest: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut beginning = Vec::new();
        rest.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut beginning)?;
        let whole = beginning.len() < SAMPLE_BYTES;
        let (lines_of, crs, geometry) = (None, Crs::default(), None);
        let opened = Self { compression, lines_of, crs, geometry, beginning, whole, rest };
        if begins_as_pbf(&opened.beginning) { opened.pbf() } else { Ok(opened) }
    }

    #[cfg(feature = "pbf")]
    fn pbf(self) -> io::Result<Self> {
        let compression = self.compression;
        let lines = super::pbf::lines(self.into_reader());
        Ok(Self { lines_of: Some(Format::Pbf), ..Self::read(compression, lines)? })
    }

    #[cfg(not(feature = "pbf"))]
    fn pbf(self) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, not_read("an OpenStreetMap PBF file", "pbf")))
    }

    #[cfg(not(feature = "parquet"))]
    fn parquet(_: File, _: &Arc<Reading>) -> Result<Self, InputError> {
        Err(InputError::Unreadable(not_read("a Parquet file", "parquet")))
    }

    #[cfg(feature = "parquet")]
    fn parquet(file: File, read_bytes: &Arc<Reading>) -> Result<Self, InputError> {
        let super::parquet::Parquet { crs, geometry, lines } = super::parquet::open(file, read_bytes)?;
        let crs = crs.map_err(InputError::Unreadable)?;
        let lines_of = Some(Format::Parquet);
        Ok(Self { lines_of, crs, geometry, ..Self::read(Compression::None, lines)? })
    }

    /// All of it.
    pub(crate) fn into_reader(self) -> Box<dyn Read + Send> {
        Box::new(io::Cursor::new(self.beginning).chain(self.rest))
    }
}

impl Source {
    /// Opens it, again and again if it is a file. What is read is counted, in bytes as they are stored.
    pub(crate) fn open(&mut self, read_bytes: &Arc<Reading>) -> Result<Opened, InputError> {
        let (compression, reader) = match &mut self.from {
            Origin::File(path) if begins_as_parquet(path)? => {
                return Opened::parquet(File::open(&*path)?, read_bytes);
            }
            Origin::File(path) => unpacked(counted(Box::new(File::open(&*path)?), read_bytes), Some(path))?,
            Origin::Joined(files) => (Compression::None, Box::new(Joined::new(files, read_bytes)) as _),
            Origin::Stream(stream) => {
                let stream = std::mem::replace(stream, Box::new(io::empty()));
                unpacked(counted(stream, read_bytes), None)?
            }
        };
        Ok(Opened::read(compression, reader)?)
    }

    /// The path of what can be opened again.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.from {
            Origin::File(path) => Some(path),
            Origin::Joined(_) | Origin::Stream(_) => None,
        }
    }

    /// The format, where it is no question.
    pub(crate) const fn format(&self) -> Option<Format> {
        match self.from {
            Origin::Joined(_) => Some(Format::DynamodbJson),
            Origin::File(_) | Origin::Stream(_) => None,
        }
    }

    pub(crate) fn parts(&self) -> Parts {
        match &self.from {
            Origin::Joined(files) => Parts::of(files),
            Origin::File(_) | Origin::Stream(_) => Parts::default(),
        }
    }
}

/// How every Parquet file begins, and ends.
const PARQUET: &[u8] = b"PAR1";

fn begins_as_parquet(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    File::open(path)?.take(PARQUET.len() as u64).read_to_end(&mut beginning)?;
    Ok(beginning == PARQUET)
}

/// Whether an input begins with the header of `OpenStreetMap`'s binary format.
fn begins_as_pbf(beginning: &[u8]) -> bool {
    beginning.get(4..6) == Some(&[0x0a, 0x09]) && beginning[6..].starts_with(b"OSMHeader")
}

#[cfg(not(all(feature = "parquet", feature = "pbf")))]
fn not_read(what: &str, feature: &str) -> String {
    format!(
        "this is {what}, which this program was built without; `cellar import` reads it (feature `{feature}`)"
    )
}

/// Opens a file once more, without counting what is read.
pub(crate) fn reopened(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    unpacked(File::open(path)?, Some(path)).map(|(_, reader)| reader)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn counted(inner: Box<dyn Read + Send>, read_bytes: &Arc<Reading>) -> Counted {
    Counted { inner, read_bytes: Arc::clone(read_bytes) }
}

/// Which lines of a joined input are of which file; nothing for any other.
#[derive(Default)]
pub(crate) struct Parts(Vec<Part>);

struct Part {
    file: String,
    /// Lines of the parts before it.
    lines_before: u64,
}

impl Parts {
    fn of(files: &[ItemFile]) -> Self {
        let mut lines_before = 0;
        let part = |file: &ItemFile| {
            let part = Part { file: name_of(&file.path), lines_before };
            lines_before += file.newlines + 1;
            part
        };
        Self(files.iter().map(part).collect())
    }

    /// Counts the line from the beginning of its file, and names that.
    pub(crate) fn locate(&self, reject: Reject) -> Reject {
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
    read_bytes: Arc<Reading>,
}

impl Joined {
    fn new(files: &[ItemFile], read_bytes: &Arc<Reading>) -> Self {
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
            let file = File::open(&path)
                .and_then(|file| unpacked(counted(Box::new(file), &self.read_bytes), Some(&path)));
            self.open = Some(file.map_err(|error| named(&path, error))?.1);
        }
    }
}

struct Counted {
    inner: Box<dyn Read + Send>,
    read_bytes: Arc<Reading>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.read_bytes.count(read)?;
        Ok(read)
    }
}
