//! How far reading is, told to others, and that nobody wants more of it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the thread that reads shares with others.
#[derive(Debug, Default)]
pub struct Reading {
    bytes: AtomicU64,
    given_up: AtomicBool,
}

impl Reading {
    /// Bytes read from the input as it is stored.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Begins to count anew.
    pub fn restart(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Lets the next read fail: nobody waits for what would be read.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Whether it was given up.
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Counts a read, unless it was given up.
    pub(crate) fn count(&self, bytes: usize) -> io::Result<()> {
        if self.is_given_up() {
            return Err(io::Error::other("nobody waits for it any more"));
        }
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Input, ReadOptions, Records};

    #[test]
    fn what_was_given_up_is_read_no_further() {
        let open = |reading: &Arc<Reading>| {
            let input = Input::Stream(Box::new(&b"id,lat,lon\na,1,2\n"[..]));
            Records::open(input.sources(), ReadOptions::default(), Arc::clone(reading), None)
        };
        let reading: Arc<Reading> = Arc::default();
        assert!(open(&reading).is_ok());
        assert_eq!(reading.bytes(), 17);
        reading.restart();
        reading.give_up();
        let error = open(&reading).map(drop).map_err(|(error, _)| error.to_string()).unwrap_err();
        assert!(error.contains("nobody waits for it any more"), "{error}");
        assert_eq!(reading.bytes(), 0);
    }
}
