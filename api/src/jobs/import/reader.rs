//! The thread that reads and parses. It hands on chunks and never touches the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::ReadOptions;
use super::chunk::Chunk;
use super::frame::InputError;
use super::records::{Mark, Records};
use super::source::Input;

/// Chunks that wait between the thread and the writer, beside the one being parsed and the one being written.
const CHUNKS_WAITING: usize = 1;

/// What the thread says.
pub(super) enum Message {
    /// The input is open and its header is good; whether the records of an earlier run were found and skipped.
    Opened { resumed: bool },
    /// The next records.
    Chunk(Chunk),
}

pub(super) struct Reader {
    messages: Receiver<Message>,
    thread: JoinHandle<Result<(), InputError>>,
}

impl Reader {
    /// Begins to read after the mark of an earlier run, or at the beginning.
    pub(super) fn start(
        input: Input,
        mut options: ReadOptions,
        chunk_records: usize,
        resume: Option<Mark>,
    ) -> std::io::Result<Self> {
        options.format = input.format().or(options.format);
        let (sender, messages) = mpsc::channel(CHUNKS_WAITING);
        let work =
            Work { input, options, chunk_records: chunk_records.max(1), read_bytes: Arc::default(), sender };
        let thread = thread::Builder::new().name("import-reader".into()).spawn(move || work.run(resume))?;
        Ok(Self { messages, thread })
    }

    /// The next message; `None` when the thread has ended, well or not.
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// Why the thread ended, after its last message.
    pub(super) fn outcome(self) -> Result<(), InputError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Work {
    input: Input,
    options: ReadOptions,
    chunk_records: usize,
    read_bytes: Arc<AtomicU64>,
    sender: Sender<Message>,
}

impl Work {
    fn run(mut self, resume: Option<Mark>) -> Result<(), InputError> {
        let mut records = self.open()?;
        let mut resumed = false;
        if let Some(mark) = resume {
            resumed = records.skip_to(mark).unwrap_or(false);
            if !resumed {
                records = self.open()?;
            }
        }
        // Sending fails when the import was given up; then there is nobody left to tell.
        if self.sender.blocking_send(Message::Opened { resumed }).is_err() {
            return Ok(());
        }
        loop {
            let (mut chunk, fault) = Chunk::read(&mut records, self.chunk_records);
            chunk.read_bytes = self.read_bytes.load(Ordering::Relaxed);
            let last = fault.is_some() || chunk.records() == 0;
            if chunk.records() > 0 && self.sender.blocking_send(Message::Chunk(chunk)).is_err() {
                return Ok(());
            }
            if last {
                return fault.map_or(Ok(()), Err);
            }
        }
    }

    fn open(&mut self) -> Result<Records, InputError> {
        let (name, parts) = (self.input.name(), self.input.parts());
        Records::open(self.input.open(&self.read_bytes)?, &name, parts, &self.options)
    }
}
