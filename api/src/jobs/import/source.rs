//! Where the bytes come from: a file or a stream, gzipped or not.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What is imported.
pub enum Input {
    /// A file: it has a length, and an import of it can be resumed.
    File(PathBuf),
    /// A stream that is read once, such as standard input.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    /// Name of the file; `stdin` for a stream.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Stream(_) => "stdin".into(),
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Stream(_) => None,
        }
    }

    /// Opens it, again and again if it is a file. What is read is counted, in bytes as they are stored.
    pub(super) fn open(&mut self, read_bytes: &Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
        let inner: Box<dyn Read + Send> = match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Stream(stream) => std::mem::replace(stream, Box::new(io::empty())),
        };
        read_bytes.store(0, Ordering::Relaxed);
        decompressed(BufReader::new(Counted { inner, read_bytes: Arc::clone(read_bytes) }))
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
