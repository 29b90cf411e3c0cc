//! Reading and writing the numbers of an encoded page.

use crate::error::PageCodecError;

/// Most bytes of a LEB128 number of 64 bits.
const MAX_VARINT_BYTES: usize = 10;

/// Bytes still to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PageCodecError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(PageCodecError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PageCodecError> {
        let (&byte, rest) = self.0.split_first().ok_or(PageCodecError::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    /// A column of doubles.
    pub(super) fn doubles(
        &mut self,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = f64> + use<'a>, PageCodecError> {
        let bytes = self.take(count.checked_mul(8).ok_or(PageCodecError::Truncated)?)?;
        let (chunks, _) = bytes.as_chunks::<8>();
        Ok(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)))
    }

    /// A number in LEB128: seven bits a byte, the lowest first (DWARF 5, section 7.6).
    pub(super) fn varint(&mut self) -> Result<u64, PageCodecError> {
        let mut value = 0;
        for shift in (0..).step_by(7).take(MAX_VARINT_BYTES) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(PageCodecError::Malformed("number"))
    }

    pub(super) fn finish(self) -> Result<(), PageCodecError> {
        if self.0.is_empty() { Ok(()) } else { Err(PageCodecError::Trailing(self.0.len())) }
    }
}

/// Appends a number in LEB128.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 63, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused() {
        let too_large = [[0xff; 9].as_slice(), &[0x02]].concat();
        assert_eq!(Reader::new(&too_large).varint(), Err(PageCodecError::Malformed("number")));
        assert_eq!(Reader::new(&[0x80; 11]).varint(), Err(PageCodecError::Malformed("number")));
        assert_eq!(Reader::new(&[0x80; 3]).varint(), Err(PageCodecError::Truncated));
    }
}
