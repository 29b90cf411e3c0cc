//! What a job tells of its import, whoever carries it out.

use cellar_http::imports::{Job, JobState};
use cellar_jobs::import::{Cause, Done, ImportError, Summary};
use cellar_store::StoreError;

/// Notices that are kept of a job.
const MAX_NOTICES: usize = 20;

/// How a job ended.
pub enum End {
    /// All is stored or listed.
    Done(Box<Summary>),
    /// Why it came to nothing.
    Failed(String),
    /// Somebody wished so.
    Cancelled,
}

impl End {
    /// Tells it.
    pub fn tell(self, job: &mut Job) {
        match self {
            Self::Done(summary) => {
                job.state = JobState::Done;
                job.read_bytes = job.bytes;
                (job.read, job.stored) = (summary.read, summary.stored);
                (job.rejected, job.repeated) = (summary.rejected, summary.repeated);
                job.findings = serde_json::to_value(&summary.findings).ok();
            }
            Self::Failed(why) => {
                job.state = JobState::Failed;
                job.error = Some(why);
            }
            Self::Cancelled => job.state = JobState::Cancelled,
        }
    }
}

/// Something to know; of many, the first.
pub fn notice(job: &mut Job, text: &str) {
    if job.notices.len() < MAX_NOTICES {
        job.notices.push(text.to_owned());
    }
}

/// How the file is read. Its name is ours, and says nothing to the client.
pub fn recognised(job: &mut Job, what: &str) {
    job.recognised = Some(what.strip_prefix("body: ").unwrap_or(what).to_owned());
}

/// How far the import has come.
pub const fn counted(job: &mut Job, done: Done) {
    (job.read, job.stored) = (done.read, done.stored);
    (job.rejected, job.repeated) = (done.rejected, done.repeated);
}

/// Whether to try again: the table is away.
pub const fn is_passing(cause: &Cause) -> bool {
    matches!(cause, Cause::Store(StoreError::Deadline | StoreError::Throttled | StoreError::Failed(_)))
}

/// What the client is told of a list that has grown too long.
pub fn too_many_rejects(most_bytes: u64) -> String {
    format!("the list of rejected and repeated records is longer than {most_bytes} bytes")
}

/// What the client is told of a failure: nothing of tables and paths.
pub fn words(error: &ImportError) -> String {
    match &error.cause {
        Cause::Input { error, .. } => error.to_string(),
        Cause::Store(StoreError::Deleting { collection }) => {
            format!("the collection `{collection}` is being deleted, or is gone")
        }
        Cause::Store(error @ StoreError::TooLarge { .. }) => error.to_string(),
        Cause::Store(_) => "the store did not answer for too long; send the file again".into(),
        Cause::Rejects { .. } | Cause::RejectsAreForeign { .. } | Cause::RejectsAreInput { .. } => {
            "the list of rejected records cannot be written; the server's log has more".into()
        }
        Cause::NoCollection => error.to_string(),
    }
}
