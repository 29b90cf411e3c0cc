//! Imports that a server takes in and carries out after the request that brought them (docs/adr/0033).
//!
//! ```text
//! POST → upload: body ⇒ spool/<id>/body, then job.json, both on disk ⇒ 202
//!                                      ↓ queue, in order
//! worker (threads of its own): cellar-jobs' import of that file ⇒ rejects.jsonl, checkpoint in the table
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | where bodies are kept, and how much of everything |
//! | [`options`] | parameters of a request as options of an import |
//! | [`outcome`] | what a job tells of its import |
//! | `spool` | the directory: bodies, records of jobs, lists of rejected records |
//! | `table` | which jobs there are and what state they are in |
//! | `shared` | what requests and workers share |
//! | `upload` | a body on its way into the spool |
//! | `run` | a job, from the queue to its end |
//! | [`service`] | all of it, as the routes see it |
//!
//! Invariants:
//! - A job whose acceptance was answered has its body and its record on disk. After a crash it is there, and goes on
//!   where its checkpoint is.
//! - What is kept is bounded: in bytes, in jobs that wait, in jobs that have ended, and in time.
//! - One process at a time uses a directory.

pub mod options;
pub mod outcome;
mod run;
pub mod service;
pub mod settings;
mod shared;
mod spool;
mod table;
mod upload;

pub use self::service::{Service, StartError, Workers};
pub use self::settings::Settings;
