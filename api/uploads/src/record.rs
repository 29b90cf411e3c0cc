//! What is known of a job.

use cellar_http::imports::{Announced, Job, JobState};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// How long after the last moment at which an upload may begin it may still come: S3 looks at the signature first.
const UPLOAD_TAKES_MS: u64 = 6 * 3_600_000;

/// How long a job that has not ended is known, at most.
const LONGEST_MS: u64 = 14 * 24 * 3_600_000;

/// The worker of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which one: a text of its own.
    pub owner: String,
    /// Until when nobody else takes the job, in milliseconds since 1970. It is the end of the worker's invocation: the process
    /// does not outlive that.
    pub until_unix_ms: u64,
}

/// What is kept of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// As clients see it.
    #[serde(flatten)]
    pub job: Job,
    /// Of how the file is read and of what was announced.
    pub digest: String,
    /// Hash of the file, if it was announced: 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// Region of the bucket.
    pub region: String,
    /// Where the file is, and the list of what was not stored.
    pub bucket: String,
    /// Until when the upload may begin, in milliseconds since 1970.
    pub upload_until_unix_ms: u64,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// Makes every change a text that no other is.
    pub change: String,
}

impl Record {
    /// A job whose file is awaited in the bucket of a region.
    pub fn new(
        job: Job,
        announced: Announced,
        (region, bucket): (String, String),
        upload_until_unix_ms: u64,
    ) -> Self {
        let sha256 = announced.sha256.map(|sha256| hex(&sha256));
        let digest = digest(&job, sha256.as_deref());
        let job = Job { state: JobState::Uploading, ..job };
        let (lease, change) = (None, String::new());
        Self { job, digest, sha256, region, bucket, upload_until_unix_ms, lease, change }
    }

    /// The hash that was announced.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let text = self.sha256.as_deref().filter(|text| text.len() == 64 && text.is_ascii())?;
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(bytes)
    }

    /// Whether somebody works on it.
    pub fn is_leased(&self, now_unix_ms: u64) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.until_unix_ms > now_unix_ms)
    }

    /// The record ends a job.
    #[must_use]
    pub fn ended(self, now_unix_ms: u64, keep_ms: u64, tell: impl FnOnce(&mut Job)) -> Self {
        let mut job = self.job;
        tell(&mut job);
        job.ended_unix_ms = Some(now_unix_ms);
        job.expires_unix_ms = Some(now_unix_ms.saturating_add(keep_ms));
        Self { job, lease: None, ..self }
    }

    /// As it is now: a file that does not come has failed to come.
    #[must_use]
    pub fn at(self, now_unix_ms: u64) -> Self {
        if self.job.state != JobState::Uploading || now_unix_ms < self.given_up_unix_ms() {
            return self;
        }
        let expires = self.expires_unix_ms();
        let job = Job {
            state: JobState::Failed,
            error: Some("the file did not come in time; ask for another upload".into()),
            ended_unix_ms: Some(self.given_up_unix_ms()),
            expires_unix_ms: Some(expires),
            ..self.job
        };
        Self { job, ..self }
    }

    const fn given_up_unix_ms(&self) -> u64 {
        self.upload_until_unix_ms.saturating_add(UPLOAD_TAKES_MS)
    }

    /// When it is forgotten.
    pub fn expires_unix_ms(&self) -> u64 {
        self.job.expires_unix_ms.unwrap_or(self.job.created_unix_ms.saturating_add(LONGEST_MS))
    }
}

fn digest(job: &Job, sha256: Option<&str>) -> String {
    let mut hash = Xxh3::new();
    for (name, value) in &job.options {
        for part in [name.as_bytes(), &[0], value.as_bytes(), &[0]] {
            hash.update(part);
        }
    }
    hash.update(&job.bytes.to_le_bytes());
    hash.update(sha256.unwrap_or_default().as_bytes());
    format!("{:032x}", hash.digest128())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("strings take all");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sha256: Option<[u8; 32]>) -> Record {
        let job = Job::queued("0".repeat(32), "places".parse().unwrap(), [], 7, 1_000);
        Record::new(job, Announced { bytes: 7, sha256 }, ("eu-west-1".into(), "files".into()), 901_000)
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let hash: [u8; 32] = std::array::from_fn(|at| at as u8 * 8);
        let record = record(Some(hash));
        assert_eq!(record.sha256(), Some(hash));
        let read: Record = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(read, record);
        assert_eq!(Record { sha256: Some("é".repeat(32)), ..record }.sha256(), None);
    }

    #[test]
    fn a_file_that_does_not_come_is_given_up() {
        let record = record(None);
        assert_eq!(record.clone().at(901_000 + UPLOAD_TAKES_MS - 1).job.state, JobState::Uploading);
        let late = record.at(901_000 + UPLOAD_TAKES_MS).job;
        assert!(late.state == JobState::Failed && late.error.unwrap().contains("did not come"));
    }

    #[test]
    fn what_was_announced_makes_the_digest() {
        let job = |bytes, options: &[(&'static str, &str)]| {
            let options = options.iter().map(|&(name, value)| (name, value.to_owned()));
            Job::queued("0".repeat(32), "places".parse().unwrap(), options, bytes, 1)
        };
        let digests = [
            digest(&job(1, &[]), None),
            digest(&job(2, &[]), None),
            digest(&job(1, &[]), Some("00")),
            digest(&job(1, &[("skip", "1")]), None),
        ];
        assert!(digests.iter().enumerate().all(|(at, digest)| !digests[..at].contains(digest)));
    }
}
