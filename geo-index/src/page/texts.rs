//! Byte strings of many rows in one buffer.

use std::ops::Range;

use super::heap_bytes;

/// Byte strings of many rows, by where each one ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    /// The texts of all rows, in exactly as much memory as they need.
    pub(super) fn new<'a>(texts: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Self {
        let total = texts.clone().map(<[u8]>::len).sum();
        let mut all = Self { bytes: Vec::with_capacity(total), ends: Vec::with_capacity(texts.len()) };
        for text in texts {
            all.bytes.extend_from_slice(text);
            all.ends.push(u32::try_from(all.bytes.len()).expect("a page holds far less than 4 GiB"));
        }
        all
    }

    /// Texts whose ends are known: they ascend, and the last of them is the end of the bytes.
    pub(super) fn from_parts(bytes: Vec<u8>, ends: Vec<u32>) -> Self {
        Self { bytes, ends }
    }

    pub(super) fn get(&self, row: usize) -> &[u8] {
        &self.bytes[self.range(row)]
    }

    fn range(&self, row: usize) -> Range<usize> {
        let start = row.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        start as usize..self.ends[row] as usize
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn heap_bytes(&self) -> usize {
        heap_bytes(&self.bytes) + heap_bytes(&self.ends)
    }
}
