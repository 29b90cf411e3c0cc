//! A bounded look ahead into a byte stream, which knows its line and a hash of all that went by.
//!
//! Framing needs to look ahead (is this quote ever closed?) and sometimes to think better of it. Nothing is
//! gone until it is consumed.
//!
//! Invariant: line and hash depend on what was consumed, never on how the reads happened to be cut.

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

const READ_BYTES: usize = 64 * 1024;

pub(crate) struct Window {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    line: u64,
    hash: Xxh3,
}

impl Window {
    /// Looks at a stream. The salt makes the hashes of one stream that is read in different ways differ.
    pub(crate) fn new(reader: Box<dyn Read + Send>, salt: &str) -> Self {
        let mut hash = Xxh3::new();
        hash.update(salt.as_bytes());
        Self { reader, buffer: Vec::new(), start: 0, ended: false, line: 1, hash }
    }

    /// What has been read and not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Reads on behind what is unread; false at the end of the stream.
    pub(crate) fn grow(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        self.ended = matches!(read, Ok(0));
        Ok(read? > 0)
    }

    /// Reads on until at least so many bytes are unread, or the stream ends.
    pub(crate) fn fill(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.unread().len() < bytes && self.grow()? {}
        Ok(self.unread())
    }

    /// The first unread byte; `None` at the end.
    pub(crate) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.fill(1)?.first().copied())
    }

    /// Lets go of the first unread bytes.
    pub(crate) fn consume(&mut self, bytes: usize) {
        let gone = &self.buffer[self.start..self.start + bytes];
        self.hash.update(gone);
        self.line += newlines(gone);
        self.start += bytes;
    }

    /// Consumes bytes as long as they satisfy the condition.
    pub(crate) fn skip_while(&mut self, mut skipped: impl FnMut(u8) -> bool) -> io::Result<()> {
        loop {
            if let Some(end) = self.unread().iter().position(|&b| !skipped(b)) {
                self.consume(end);
                return Ok(());
            }
            self.consume(self.unread().len());
            if !self.grow()? {
                return Ok(());
            }
        }
    }

    /// Consumes up to and with the next such byte, or to the end.
    pub(crate) fn skip_through(&mut self, last: u8) -> io::Result<()> {
        self.skip_while(|b| b != last)?;
        let found = self.unread().len().min(1);
        self.consume(found);
        Ok(())
    }

    /// Index of the next such byte; `Ok(None)` when there is none within so many bytes, and the length of what
    /// is unread when the stream ends first.
    pub(crate) fn find(&mut self, wanted: u8, limit_bytes: usize) -> io::Result<Option<usize>> {
        let mut seen = 0;
        loop {
            let found = self.unread()[seen..].iter().position(|&b| b == wanted).map(|i| seen + i);
            seen = self.unread().len();
            let ended = found.is_none() && seen <= limit_bytes && !self.grow()?;
            if let Some(end) = found.or_else(|| ended.then_some(seen)) {
                return Ok((end <= limit_bytes).then_some(end));
            }
            if seen > limit_bytes {
                return Ok(None);
            }
        }
    }

    /// Line of the first unread byte, from 1.
    pub(crate) const fn line(&self) -> u64 {
        self.line
    }

    /// Hash of the salt and of everything consumed.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.digest()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

pub(crate) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&b| u64::from(b == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out so many bytes at a time.
    struct Drip(Vec<u8>, usize);

    impl Read for Drip {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let bytes = self.1.min(self.0.len()).min(into.len());
            into[..bytes].copy_from_slice(&self.0[..bytes]);
            self.0.drain(..bytes);
            Ok(bytes)
        }
    }

    #[test]
    fn line_and_hash_do_not_depend_on_how_reads_are_cut() {
        let text = b"one\ntwo\r\n\nthree".to_vec();
        let marks = [1, 2, 5, 1000].map(|step| {
            let mut window = Window::new(Box::new(Drip(text.clone(), step)), "salt");
            window.skip_through(b'\n').unwrap();
            assert_eq!(window.line(), 2);
            assert_eq!(window.find(b'\n', 100).unwrap(), Some(4));
            assert_eq!(window.find(b'\n', 3).unwrap(), None);
            window.consume(2);
            window.skip_while(|b| b != b't').unwrap();
            assert_eq!(window.find(b'\n', 100).unwrap(), Some(5), "the end");
            (window.line(), window.hash())
        });
        assert_eq!(marks, [marks[0]; 4]);
        assert_eq!(marks[0].0, 4);
    }

    #[test]
    fn another_salt_or_another_byte_is_another_hash() {
        let hash = |text: &str, salt: &str| {
            let mut window = Window::new(Box::new(Drip(text.into(), 3)), salt);
            window.skip_while(|_| true).unwrap();
            window.hash()
        };
        assert_ne!(hash("abc", "1"), hash("abd", "1"));
        assert_ne!(hash("abc", "1"), hash("abc", "2"));
    }
}
