//! The thread that reads and parses. It hands on chunks and never touches the store.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use cellar_input::{Input, InputError, Mark, Plan, ReadOptions, Reading, Records, Source};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::chunk::{Chunk, Ledger};
use super::findings::Findings;

/// Chunks that wait between the thread and the writer, beside the one being parsed and the one being written.
const CHUNKS_WAITING: usize = 1;

/// What the thread says.
pub(super) enum Message {
    /// The input is open and its header is good; whether the records of an earlier run were found and skipped.
    Opened { resumed: bool },
    /// How a file is read.
    Plan { file: String, plan: Box<Plan> },
    /// The next records, and the plan of the file in which they end.
    Chunk { chunk: Chunk, plan: Option<Box<(u16, Plan)>> },
    /// The end, and what was found out on the way.
    Ended(Box<Findings>),
}

/// Where an earlier run of the same import got to.
pub(super) struct Resume {
    pub(super) mark: Mark,
    /// How it read the file that the mark is in.
    pub(super) plan: Option<(u16, Plan)>,
}

pub(super) struct Reader {
    messages: Receiver<Message>,
    thread: JoinHandle<Result<(), InputError>>,
    _waiting: Waiting,
}

/// Somebody who waits for what the thread reads: when they do not any more, it ends with its next read.
struct Waiting(Arc<Reading>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl Reader {
    /// Begins to read after the mark of an earlier run, or at the beginning.
    pub(super) fn start(
        input: Input,
        options: ReadOptions,
        chunk_records: usize,
        resume: Option<Resume>,
    ) -> std::io::Result<Self> {
        let (sender, messages) = mpsc::channel(CHUNKS_WAITING);
        let chunk_records = chunk_records.max(1);
        let reading: Arc<Reading> = Arc::default();
        let waiting = Waiting(Arc::clone(&reading));
        let work = Work { sources: input.sources(), options, chunk_records, reading, sender };
        let thread = thread::Builder::new().name("import-reader".into()).spawn(move || work.run(resume))?;
        Ok(Self { messages, thread, _waiting: waiting })
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
    sources: Vec<Source>,
    options: ReadOptions,
    chunk_records: usize,
    reading: Arc<Reading>,
    sender: Sender<Message>,
}

impl Work {
    fn run(mut self, resume: Option<Resume>) -> Result<(), InputError> {
        let (mut records, mut ledger, resumed) = match resume {
            Some(resume) => self.resumed(resume)?,
            None => (self.open(None).map_err(|(error, _)| error)?, self.ledger(), false),
        };
        // Sending fails when the import was given up; then there is nobody left to tell.
        if self.sender.blocking_send(Message::Opened { resumed }).is_err() {
            return Ok(());
        }
        loop {
            let (mut chunk, fault) = Chunk::read(&mut records, &mut ledger, self.chunk_records);
            chunk.read_bytes = self.reading.bytes();
            let last = fault.is_some() || chunk.records() == 0;
            let plan = records.plan().map(Box::new);
            let mut messages: Vec<Message> = records
                .untold_plans()
                .into_iter()
                .map(|(file, plan)| Message::Plan { file, plan: Box::new(plan) })
                .collect();
            if chunk.records() > 0 {
                messages.push(Message::Chunk { chunk, plan });
            }
            if last && fault.is_none() {
                messages.push(Message::Ended(Box::new(ledger.findings())));
            }
            if messages.into_iter().any(|message| self.sender.blocking_send(message).is_err()) {
                return Ok(());
            }
            if last {
                return fault.map_or(Ok(()), Err);
            }
        }
    }

    /// Reads again what an earlier run did; begins anew if that is not there.
    fn resumed(&mut self, resume: Resume) -> Result<(Records, Ledger, bool), InputError> {
        let sources = match self.open(resume.plan) {
            Ok(mut records) => {
                let mut ledger = self.ledger();
                if pass(&mut records, &mut ledger, resume.mark).unwrap_or(false) {
                    return Ok((records, ledger, true));
                }
                records.into_sources()
            }
            Err((_, sources)) => sources,
        };
        self.sources = sources;
        Ok((self.open(None).map_err(|(error, _)| error)?, self.ledger(), false))
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(self.options.on_repeat, self.options.only.clone())
    }

    fn open(&mut self, plan: Option<(u16, Plan)>) -> Result<Records, (InputError, Vec<Source>)> {
        self.reading.restart();
        let sources = std::mem::take(&mut self.sources);
        Records::open(sources, self.options.clone(), Arc::clone(&self.reading), plan)
    }
}

/// Reads the records of an earlier run, for their ids count; false if they are not the same.
fn pass(records: &mut Records, ledger: &mut Ledger, mark: Mark) -> Result<bool, InputError> {
    loop {
        let left = mark.records.saturating_sub(records.mark().records);
        if left == 0 {
            return Ok(records.mark() == mark);
        }
        let most = left.min(super::CHUNK_RECORDS as u64) as usize;
        let (chunk, fault) = Chunk::read(records, ledger, most);
        match fault {
            Some(error) => return Err(error),
            None if chunk.records() == 0 => return Ok(false),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::{Duration, Instant};

    use super::*;

    /// A header, and then empty lines without an end.
    struct Endless {
        header: &'static [u8],
        _open: Arc<()>,
    }

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let read = self.header.read(into)?;
            if read == 0 {
                into.fill(b'\n');
                return Ok(into.len());
            }
            Ok(read)
        }
    }

    #[tokio::test]
    async fn nobody_reads_on_for_an_import_that_was_given_up() {
        let open = Arc::new(());
        let endless = Endless { header: b"id,lat,lon\na,1,2\n", _open: Arc::clone(&open) };
        let input = Input::Stream(Box::new(endless));
        let mut reader = Reader::start(input, ReadOptions::default(), 10, None).unwrap();
        assert!(matches!(reader.next().await, Some(Message::Opened { .. })));
        assert_eq!(Arc::strong_count(&open), 2, "it reads on");
        drop(reader);
        let end = Instant::now() + Duration::from_mins(1);
        while Arc::strong_count(&open) > 1 {
            assert!(Instant::now() < end, "it still reads");
            std::thread::yield_now();
        }
    }
}
