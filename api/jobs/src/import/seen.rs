//! Which ids an input has had, and where: exact, in bounded memory.
//!
//! An id is kept as 16 bytes of hash with its line and the checksum of its place: 32 bytes. Past [`MAX_IN_MEMORY`]
//! the table is written to a temporary file as a sorted run, of which a Bloom filter and a sparse index stay in
//! memory, some 11 bits an id. The hash has 128 bits and a key of its own in every run of the program: among a
//! thousand million ids the chance that any two collide is below 10⁻²⁰.
//!
//! Invariant: [`Seen::note`] says where an id was last noted, for every id noted before.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use cellar_model::checksum::Checksum;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Ids kept in memory, at most 75 bytes each with the table's own room.
const MAX_IN_MEMORY: usize = 1_000_000;

/// Bytes of an entry in a run: hash, place, checksum.
const ENTRY_BYTES: usize = 32;

/// Entries between two of the sparse index.
const BLOCK_ENTRIES: usize = 128;

/// Bits an id in a Bloom filter, and how many are set: one look-up of a hundred goes to disk for nothing.
const FILTER_BITS: usize = 10;
const FILTER_HASHES: u64 = 7;

/// Where an id was met, and what was stored then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Met {
    /// Number of the file.
    pub(super) file: u16,
    /// Line in it.
    pub(super) line: u64,
    /// Checksum of the place.
    pub(super) checksum: Checksum,
}

const LINE_BITS: u32 = 48;

impl Met {
    fn place(self) -> u64 {
        u64::from(self.file) << LINE_BITS | self.line & ((1 << LINE_BITS) - 1)
    }

    fn of(place: u64, checksum: u64) -> Self {
        Self {
            file: (place >> LINE_BITS) as u16,
            line: place & ((1 << LINE_BITS) - 1),
            checksum: Checksum::from_bits(checksum),
        }
    }
}

/// Ids met so far.
pub(super) struct Seen {
    seed: u64,
    fresh: HashMap<u128, (u64, u64), BuildHasherDefault<AsItIs>>,
    runs: Vec<Run>,
    max_in_memory: usize,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self::bounded(MAX_IN_MEMORY)
    }

    fn bounded(max_in_memory: usize) -> Self {
        Self { seed: fastrand::u64(..), fresh: HashMap::default(), runs: Vec::new(), max_in_memory }
    }

    /// Where the key was met before. It is noted as met now if it is new, or if `replace` says so.
    pub(super) fn note(&mut self, key: &[u8], now: Met, replace: bool) -> io::Result<Option<Met>> {
        let hash = xxh3_128_with_seed(key, self.seed);
        let before = self.find(hash)?;
        if before.is_none() || replace {
            if self.fresh.len() >= self.max_in_memory {
                self.spill()?;
            }
            self.fresh.insert(hash, (now.place(), now.checksum.to_bits()));
        }
        Ok(before)
    }

    fn find(&mut self, hash: u128) -> io::Result<Option<Met>> {
        if let Some(&(place, checksum)) = self.fresh.get(&hash) {
            return Ok(Some(Met::of(place, checksum)));
        }
        // The newest first: it holds what replaced older entries.
        for run in self.runs.iter_mut().rev() {
            if let Some(met) = run.find(hash)? {
                return Ok(Some(met));
            }
        }
        Ok(None)
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut entries: Vec<_> = self.fresh.drain().collect();
        entries.sort_unstable_by_key(|&(hash, _)| hash);
        self.runs.push(Run::write(&entries)?);
        Ok(())
    }
}

/// Entries on disk, sorted by hash.
struct Run {
    file: File,
    entries: usize,
    /// The hash of every [`BLOCK_ENTRIES`]th entry.
    index: Vec<u128>,
    filter: Vec<u64>,
}

impl Run {
    fn write(entries: &[(u128, (u64, u64))]) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        let mut filter = vec![0_u64; (entries.len() * FILTER_BITS).div_ceil(64)];
        let mut out = BufWriter::new(&mut file);
        for (hash, (place, checksum)) in entries {
            out.write_all(&hash.to_le_bytes())?;
            out.write_all(&place.to_le_bytes())?;
            out.write_all(&checksum.to_le_bytes())?;
            for bit in filter_bits(*hash, filter.len()) {
                filter[bit / 64] |= 1 << (bit % 64);
            }
        }
        out.flush()?;
        drop(out);
        let index = entries.iter().step_by(BLOCK_ENTRIES).map(|&(hash, _)| hash).collect();
        Ok(Self { file, entries: entries.len(), index, filter })
    }

    fn find(&mut self, hash: u128) -> io::Result<Option<Met>> {
        let maybe =
            filter_bits(hash, self.filter.len()).all(|bit| self.filter[bit / 64] >> (bit % 64) & 1 == 1);
        let Some(block) = self.index.partition_point(|&first| first <= hash).checked_sub(1).filter(|_| maybe)
        else {
            return Ok(None);
        };
        let first = block * BLOCK_ENTRIES;
        let mut bytes = vec![0; (self.entries - first).min(BLOCK_ENTRIES) * ENTRY_BYTES];
        self.file.seek(SeekFrom::Start((first * ENTRY_BYTES) as u64))?;
        self.file.read_exact(&mut bytes)?;
        let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
        let found = entries.binary_search_by_key(&hash, |entry| u128::from_le_bytes(part(entry, 0)));
        Ok(found.ok().map(|at| {
            let number = |from| u64::from_le_bytes(part(&entries[at], from));
            Met::of(number(16), number(24))
        }))
    }
}

fn part<const N: usize>(entry: &[u8; ENTRY_BYTES], from: usize) -> [u8; N] {
    std::array::from_fn(|i| entry[from + i])
}

/// The bits of a hash in a filter of so many words (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
fn filter_bits(hash: u128, words: usize) -> impl Iterator<Item = usize> {
    let bits = (words * 64) as u64;
    let (one, two) = (hash as u64, (hash >> 64) as u64 | 1);
    (0..FILTER_HASHES).map(move |i| (one.wrapping_add(i.wrapping_mul(two)) % bits) as usize)
}

/// Hashes are as good as random already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn met(line: u64) -> Met {
        Met { file: (line % 3) as u16, line, checksum: Checksum::from_bits(line * 7) }
    }

    #[test]
    fn every_repeat_is_found_however_much_is_on_disk() {
        for (in_memory, ids) in [(1_000_000, 500), (1, 40), (64, 2_000), (300, 1_000)] {
            let (mut seen, mut expected) = (Seen::bounded(in_memory), BTreeMap::new());
            for line in 0..6_000_u64 {
                let id = line.wrapping_mul(2_654_435_761) % ids;
                let replace = line % 2 == 0;
                let before = seen.note(&id.to_le_bytes(), met(line), replace).unwrap();
                assert_eq!(before, expected.get(&id).copied(), "line {line}, {in_memory} in memory");
                if before.is_none() || replace {
                    expected.insert(id, met(line));
                }
            }
            assert_eq!(seen.runs.is_empty(), in_memory > 1_000, "{in_memory}");
        }
    }
}
