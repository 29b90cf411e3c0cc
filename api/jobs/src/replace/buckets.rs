//! Sets of ids that need not fit into memory: files by hash, a line for each id.
//!
//! Ids have no control characters, so a line end can stand between them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};

use cellar_model::PlaceId;
use xxhash_rust::xxh3::xxh3_64;

/// Files of a set: of ten million ids each holds 156,000.
const BUCKETS: usize = 64;

/// Bytes that wait to be written to each file.
const BUFFER_BYTES: usize = 4 * 1024;

/// A set that is being filled. Its files go with it.
pub(super) struct Buckets(Vec<BufWriter<File>>);

/// A list of ids, read once.
pub(super) struct Ids {
    lines: BufReader<File>,
    count: u64,
}

impl Buckets {
    /// Files in the directory for temporary ones, without names.
    pub(super) fn new() -> io::Result<Self> {
        let file = || tempfile::tempfile().map(|file| BufWriter::with_capacity(BUFFER_BYTES, file));
        (0..BUCKETS).map(|_| file()).collect::<io::Result<_>>().map(Self)
    }

    /// Adds an id, which may be there already.
    pub(super) fn add(&mut self, id: &str) -> io::Result<()> {
        let bucket = xxh3_64(id.as_bytes()) as usize % BUCKETS;
        self.0[bucket].write_all(id.as_bytes())?;
        self.0[bucket].write_all(b"\n")
    }

    /// What is here and not there, each once.
    pub(super) fn without(self, other: Self) -> io::Result<Ids> {
        let mut list = BufWriter::new(tempfile::tempfile()?);
        let mut count = 0;
        for (ours, theirs) in self.0.into_iter().zip(other.0) {
            let theirs = lines(theirs)?.collect::<io::Result<HashSet<_>>>()?;
            let mut listed = HashSet::new();
            for id in lines(ours)? {
                let id = id?;
                if !theirs.contains(&id) && listed.insert(id.clone()) {
                    writeln!(list, "{id}")?;
                    count += 1;
                }
            }
        }
        Ok(Ids { lines: BufReader::new(rewound(list)?), count })
    }
}

impl Ids {
    /// How many there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The next.
    pub(super) fn next(&mut self) -> io::Result<Option<PlaceId>> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        line.trim_end_matches('\n').parse().map(Some).map_err(io::Error::other)
    }
}

fn lines(written: BufWriter<File>) -> io::Result<io::Lines<BufReader<File>>> {
    Ok(BufReader::new(rewound(written)?).lines())
}

fn rewound(written: BufWriter<File>) -> io::Result<File> {
    let mut file = written.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn buckets(ids: &[&str]) -> Buckets {
        let mut buckets = Buckets::new().unwrap();
        for id in ids {
            buckets.add(id).unwrap();
        }
        buckets
    }

    fn difference(ours: &[&str], theirs: &[&str]) -> Vec<String> {
        let mut list = buckets(ours).without(buckets(theirs)).unwrap();
        let mut ids: Vec<String> = Vec::new();
        while let Some(id) = list.next().unwrap() {
            ids.push(id.to_string());
        }
        assert_eq!(list.count(), ids.len() as u64);
        ids.sort();
        ids
    }

    #[test]
    fn what_is_gone_is_listed_once() {
        assert_eq!(difference(&["a", "b", "c", "a"], &["b", "x"]), ["a", "c"]);
        assert_eq!(difference(&[" é ", "#/"], &["é"]), [" é ", "#/"]);
        assert_eq!(difference(&[], &["b"]), [""; 0]);
    }

    #[test]
    fn many_ids_are_compared_exactly() {
        let all: Vec<String> = (0..20_000).map(|i| format!("id-{i}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let kept: Vec<&str> = all.iter().copied().filter(|id| !id.ends_with('7')).collect();
        let gone: BTreeSet<String> = difference(&all, &kept).into_iter().collect();
        let expected: BTreeSet<String> =
            all.iter().filter(|id| id.ends_with('7')).map(|id| (*id).to_owned()).collect();
        assert_eq!(gone, expected);
    }
}
