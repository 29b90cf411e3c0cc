//! A stream of lines that are made one after the other, from what is no text.

use std::io::{self, Read};

/// Puts out what `next` appends; it says false when there is no more.
pub(crate) struct Feed<F> {
    next: F,
    ready: Vec<u8>,
    read: usize,
    ended: bool,
}

impl<F: FnMut(&mut Vec<u8>) -> io::Result<bool>> Feed<F> {
    pub(crate) const fn new(next: F) -> Self {
        Self { next, ready: Vec::new(), read: 0, ended: false }
    }
}

impl<F: FnMut(&mut Vec<u8>) -> io::Result<bool>> Read for Feed<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.ready.len() && !self.ended {
            self.ready.clear();
            self.read = 0;
            self.ended = !(self.next)(&mut self.ready)?;
        }
        let ready = &self.ready[self.read..];
        let bytes = ready.len().min(into.len());
        into[..bytes].copy_from_slice(&ready[..bytes]);
        self.read += bytes;
        Ok(bytes)
    }
}
