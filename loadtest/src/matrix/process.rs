//! Processes of a stack.
//!
//! Invariant: a process does not outlive its handle. It is asked to terminate, and killed if it takes too long.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;
use thiserror::Error;

/// How long a process may take to terminate before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Interval of polling.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// Why a process of a stack did not start.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name} does not start: {why}")]
pub struct StartError {
    /// The program.
    pub name: &'static str,
    /// What went wrong, and how to fix it.
    pub why: String,
}

/// A process and its log.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    log: NamedTempFile,
}

impl Process {
    /// Starts a process. `hint` says how to get a program that is missing.
    pub(super) fn start(name: &'static str, command: &mut Command, hint: &str) -> Result<Self, StartError> {
        let failed = |error: io::Error| StartError { name, why: error.to_string() };
        let log = NamedTempFile::new().map_err(failed)?;
        let stderr = File::create(log.path()).map_err(failed)?;
        // In a group of its own: Ctrl-C must reach the load test only, which then stops the process.
        let child = command.process_group(0).stdin(Stdio::null()).stderr(stderr).spawn();
        let child = child.map_err(|error| StartError { name, why: format!("{error}; {hint}") })?;
        Ok(Self { name, child, log })
    }

    /// Starts a process and waits until it says where it listens.
    pub(super) fn listening(
        name: &'static str,
        command: &mut Command,
        hint: &str,
    ) -> Result<(Self, String), StartError> {
        let mut this = Self::start(name, command.stdout(Stdio::piped()), hint)?;
        let mut line = String::new();
        // Read in place, so that the pipe stays open and later writes of the process do not fail.
        if let Some(stdout) = this.child.stdout.as_mut() {
            let read = BufReader::new(stdout).read_line(&mut line);
            read.map_err(|error| StartError { name, why: error.to_string() })?;
        }
        match line.trim().strip_prefix("listening on ") {
            Some(url) => Ok((this, url.to_owned())),
            None => Err(this.complaint()),
        }
    }

    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Its last message.
    pub(super) fn complaint(&self) -> StartError {
        let text = std::fs::read_to_string(self.log.path()).unwrap_or_default();
        let why = text.lines().last().unwrap_or("it ended without a message").to_owned();
        StartError { name: self.name, why }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let process = Pid::from_raw(self.child.id() as i32);
        // It has not been waited for, so the process id is still its own.
        if let (false, Some(process)) = (self.has_ended(), process) {
            let _ = kill_process(process, Signal::TERM);
        }
        let until = Instant::now() + STOP_LIMIT;
        while !self.has_ended() && Instant::now() < until {
            thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
