//! The list of records that were not stored, or not stored alone, a JSON object per line.
//!
//! Invariants:
//! - What is beyond the length in the checkpoint was not done yet; resuming cuts it off, so that no record is listed
//!   twice. The file exists only if it lists something.
//! - Nothing is replaced but a list that an import has made. A device or a FIFO is written to; anything else is left
//!   alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use cellar_cli_kit::output::{is_stream, open_stream};
use cellar_input::Reject;

use super::Cause;

/// Longest line that is looked at to see whether a file is a list: a record is cut off in it, and its id is bounded.
const LONGEST_LINE: u64 = 64 << 10;

pub(super) struct Rejects {
    path: Option<PathBuf>,
    file: Option<File>,
    /// Whether the file is a device or a FIFO, in which nothing is to be found again.
    is_stream: bool,
    bytes: u64,
}

impl Rejects {
    /// Lists nothing.
    pub(super) const fn nowhere() -> Self {
        Self { path: None, file: None, is_stream: false, bytes: 0 }
    }

    /// Begins a new list; that of an earlier run goes. A FIFO is opened at once, so that its reader sees the end of a
    /// list without records, too.
    pub(super) fn create(path: PathBuf) -> Result<Self, Cause> {
        let failed = |error| Cause::Rejects { path: path.clone(), error };
        if let Some(file) = open_stream(&path).map_err(failed)? {
            return Ok(Self { path: Some(path), file: Some(file), is_stream: true, bytes: 0 });
        }
        check(&path)?;
        clear(&path).map_err(failed)?;
        Ok(Self { path: Some(path), ..Self::nowhere() })
    }

    /// Goes on after so many bytes.
    pub(super) fn resume(path: PathBuf, bytes: u64) -> Result<Self, Cause> {
        if bytes == 0 {
            return Self::create(path);
        }
        check(&path)?;
        let opened = OpenOptions::new().append(true).open(&path);
        let cut = opened.and_then(|file| file.set_len(bytes).map(|()| file));
        let file = cut.map_err(|error| Cause::Rejects { path: path.clone(), error })?;
        Ok(Self { path: Some(path), file: Some(file), is_stream: false, bytes })
    }

    /// Appends to the list and waits until that is on disk, if it is to be found there.
    pub(super) fn append(&mut self, rejects: &[Reject]) -> io::Result<()> {
        let Some(path) = self.path.as_deref().filter(|_| !rejects.is_empty()) else { return Ok(()) };
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().create(true).append(true).open(path)?);
        }
        let mut lines = Vec::new();
        for reject in rejects {
            serde_json::to_writer(&mut lines, reject)?;
            lines.push(b'\n');
        }
        let file = self.file.as_mut().expect("it was opened above");
        file.write_all(&lines)?;
        if !self.is_stream {
            file.sync_data()?;
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Its length.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it is, if it lists something.
    pub(super) fn written(&self) -> Option<&Path> {
        self.path.as_deref().filter(|_| self.bytes > 0)
    }
}

/// Refuses a path under which there is something that a list may not replace.
pub(super) fn check(path: &Path) -> Result<(), Cause> {
    let unusable = |error| Cause::Rejects { path: path.to_owned(), error };
    if is_stream(path).map_err(unusable)? || !path.exists() || is_list(path).map_err(unusable)? {
        return Ok(());
    }
    Err(Cause::RejectsAreForeign { path: path.to_owned() })
}

/// Whether a file is empty, or an import has made it: its first line is a rejected record, or the beginning of one
/// that was cut off with the run that wrote it.
fn is_list(path: &Path) -> io::Result<bool> {
    let mut line = Vec::new();
    BufReader::new(File::open(path)?).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    let is_whole = line.ends_with(b"\n");
    let begins = [br#"{"line":"#.as_slice(), br#"{"file":"#].iter().any(|start| line.starts_with(start));
    Ok(line.is_empty() || (begins && (!is_whole || serde_json::from_slice::<Reject>(&line).is_ok())))
}

/// Takes the list of an earlier run away. A file that is empty already stays: somebody has made it for this.
fn clear(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.len() == 0 => Ok(()),
        // The link is not ours.
        Ok(_) if path.is_symlink() => OpenOptions::new().write(true).open(path)?.set_len(0),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Where rejected records of an input are listed if nobody says otherwise: `places.csv` and `places.geojson` have
/// lists of their own.
pub(super) fn default_path(input_name: &str) -> PathBuf {
    PathBuf::from(format!("{input_name}.rejected.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_are_taken_for_lists() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let reject = br#"{"line":3,"id":"a","reason":"no position","record":"a,,"}"#.to_vec();
        let listed = Reject { file: Some("a.csv".into()), ..serde_json::from_slice(&reject).unwrap() };
        let listed = serde_json::to_vec(&listed).unwrap();
        for (content, is) in [
            (&b""[..], true),
            (&[&reject[..], b"\n"].concat(), true),
            (&[&listed[..], b"\n", b"anything"].concat(), true),
            (&reject[..20], true),
            (b"{\"line\":3}\n", false),
            (b"{\"type\":\"FeatureCollection\"}", false),
            (b"id,lat,lon\n", false),
            (b"\n", false),
            (&[0; 100], false),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(is_list(&path).unwrap(), is, "{:?}", String::from_utf8_lossy(content));
        }
    }
}
