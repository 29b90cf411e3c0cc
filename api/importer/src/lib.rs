//! The worker that imports files from a bucket (docs/adr/0035): a Lambda function that a queue invokes.
//!
//! ```text
//! message: a file was put there, or go on → record: lease → file to the disk ⇒ cellar-jobs' import of it
//!    ↑                                                        ⇒ places and checkpoint in the table, list in the bucket
//!    └── time is up: a message of its own ←──────────────────┘ ⇒ record: done, failed or cancelled
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | what the function is told |
//! | [`event`] | batches of the queue, and what their messages ask for |
//! | [`worker`] | a message, from its receipt to its end |
//! | [`time`] | the time of an invocation |
//! | `tenure` | the record of a job while this worker has it |
//! | `run` | an import, until its end or the end of the time |
//! | [`process`] | the process: reads its environment and answers events until it is ended |
//!
//! Invariants:
//! - A job has one worker at a time: whoever holds its lease, which ends with the invocation and with it the process.
//! - A message goes only when its job has ended or another message goes on with it. So a worker that dies leaves a message, and
//!   the job goes on from its checkpoint.
//! - What the checkpoint says of the list of rejected records is in the bucket before the checkpoint is written.

pub mod event;
pub mod process;
mod run;
pub mod settings;
mod tenure;
pub mod time;
pub mod worker;

pub use self::event::{Batch, BatchReport};
pub use self::settings::Settings;
pub use self::worker::Worker;
