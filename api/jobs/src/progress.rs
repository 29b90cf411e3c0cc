//! How a job tells how far it is.

use cellar_cli_kit::{progress, terminal};
use cellar_model::place::Place;
use cellar_model::{Collection, grouped};
use futures::future::{BoxFuture, ready};
use indicatif::{ProgressBar, ProgressStyle};

/// Told after every chunk is durable.
pub trait Progress: Send + Sync {
    /// Bytes of the input read, as stored, and records done.
    fn position(&self, read_bytes: u64, records: u64);

    /// Something to know, such as why an import begins at the beginning again.
    fn notice(&self, text: &str);

    /// How a file is read, before the first of its records is done.
    fn recognised(&self, _what: &str) {}

    /// What an import has done so far, durably: told after every chunk, and at the beginning of one that goes on.
    fn counted(&self, _done: Done) {}

    /// Whether a checkpoint may be written that says that so much is done. Whoever keeps the list of rejected records elsewhere sees
    /// to it that it is there by then; without the checkpoint what came since the last one is done again after an interruption.
    fn settle(&self, _done: Done) -> BoxFuture<'_, std::io::Result<bool>> {
        Box::pin(ready(Ok(true)))
    }

    /// Places that an import has just written, before the checkpoint that says so: caches may have to know.
    fn written<'a>(&'a self, _collection: &'a Collection, _places: &'a [Place]) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}

/// What an import has done up to a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Records read.
    pub read: u64,
    /// Places stored.
    pub stored: u64,
    /// Records that are no places.
    pub rejected: u64,
    /// Records whose id came before.
    pub repeated: u64,
    /// Length of the list of rejected and repeated records.
    pub rejects_bytes: u64,
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn position(&self, _: u64, _: u64) {}

    fn notice(&self, _: &str) {}
}

/// A bar on standard error with rate and time left; a spinner where the length is not known; nothing but
/// notices where standard error is no terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// Begins; `total_bytes` is the length of the input.
    pub fn new(total_bytes: Option<u64>) -> Self {
        let (bar, template) = match total_bytes {
            Some(bytes) => (
                progress::bar(bytes),
                "{bar:32} {bytes} of {total_bytes}, {msg} rows, {elapsed} gone, {eta} left",
            ),
            None => (progress::spinner(), "{spinner} {bytes} read, {msg} rows, {elapsed} gone"),
        };
        let style = ProgressStyle::with_template(template).expect("the template is valid");
        Self(bar.with_style(style).with_message("0"))
    }
}

impl Progress for Bar {
    fn position(&self, read_bytes: u64, records: u64) {
        let rate = records as f64 / self.0.elapsed().as_secs_f64().max(1e-3);
        self.0.set_message(format!("{} ({}/s)", grouped(records), grouped(rate as u64)));
        self.0.set_position(read_bytes);
    }

    fn notice(&self, text: &str) {
        self.0.suspend(|| terminal::note(text));
    }

    fn recognised(&self, what: &str) {
        self.notice(what);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
