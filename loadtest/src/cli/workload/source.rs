//! Where searches come from: synthetic users, or a file.

use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

use cellar_cli_kit::CliError;
use cellar_input::{Input, ReadOptions, open_text};
use cellar_model::Collection;

use super::UsersArgs;
use crate::lines::BadLines;
use crate::plan::{Plan, Planned, scheduled};
use crate::replay;
use crate::workload::{Areas, Imported, SyntheticUsers, read_points};

/// A plan and its properties.
pub struct Source {
    /// The plan.
    pub plan: Plan,
    /// Its duration: until the last search if it comes from a file.
    pub duration: Duration,
    /// Number of searches, if it comes from a file.
    pub searches: Option<u64>,
    /// Notes for the user, such as lines that could not be read.
    pub notes: Vec<String>,
}

impl UsersArgs {
    /// The plan of these flags: synthetic users at the instants of a schedule, or a file with instants of its own.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or has no searches.
    pub fn source(
        &self,
        collection: Option<&Collection>,
        instants: impl Iterator<Item = Duration> + Send + 'static,
        duration: Duration,
    ) -> Result<Source, CliError> {
        let options = self.read.options();
        if self.positions.is_none() && options != ReadOptions::default() {
            return Err(CliError::usage(
                "options of how positions are read need --positions FILE".to_owned(),
            ));
        }
        if let Some(path) = &self.replay {
            return self.replayed(path, collection);
        }
        if let Some(path) = &self.stream {
            return streamed(path);
        }
        let (areas, notes) = match &self.positions {
            Some(path) => self.positioned(path, &options)?,
            None => (self.metropolitan(), Vec::new()),
        };
        let plan = scheduled(instants, SyntheticUsers::new(self.spec(), areas));
        Ok(Source { plan, duration, searches: None, notes })
    }

    fn positioned(&self, path: &Path, options: &ReadOptions) -> Result<(Areas, Vec<String>), CliError> {
        let points =
            read_points(Input::File(path.to_owned()), options).map_err(|why| unreadable(path, &why))?;
        let areas = Areas::points(&points, self.seed);
        if areas.is_empty() {
            return Err(unreadable(
                path,
                &format!("it has no position with a weight above 0; {}", points.bad_lines),
            ));
        }
        Ok((areas, notes(path, &points.bad_lines)))
    }

    fn replayed(&self, path: &Path, collection: Option<&Collection>) -> Result<Source, CliError> {
        let log = replay::read(open(path)?, collection, self.speed)
            .map_err(|e| unreadable(path, &e.to_string()))?;
        let Some(last) = log.searches.last() else {
            let why = format!("it has no search to replay; {} other requests, {}", log.other, log.bad_lines);
            return Err(unreadable(path, &why));
        };
        let mut notes = notes(path, &log.bad_lines);
        if log.nameless > 0 {
            notes.push(format!(
                "{}: {} searches have no client address, and count as those of one user",
                path.display(),
                log.nameless
            ));
        }
        if log.left_out > 0 {
            notes.push(format!("{}: {} searches left out", path.display(), log.left_out));
        }
        Ok(Source {
            duration: last.at,
            searches: Some(log.searches.len() as u64),
            plan: Box::new(log.searches.into_iter()),
            notes,
        })
    }
}

/// A stream is read twice: first to check it and find its duration, then incrementally.
fn streamed(path: &Path) -> Result<Source, CliError> {
    let imported = || Imported::new(open(path)?).map_err(|error| unreadable(path, &error.to_string()));
    let (mut bad_lines, mut searches, mut duration) = (BadLines::default(), 0, Duration::ZERO);
    for line in imported()? {
        match line {
            Ok(Planned { at, .. }) => (searches, duration) = (searches + 1, at),
            Err((number, why)) => bad_lines.add(number, why),
        }
    }
    if searches == 0 {
        return Err(unreadable(path, &format!("it has no searches; {bad_lines}")));
    }
    let plan = Box::new(imported()?.filter_map(Result::ok));
    Ok(Source { plan, duration, searches: Some(searches), notes: notes(path, &bad_lines) })
}

fn notes(path: &Path, bad_lines: &BadLines) -> Vec<String> {
    if bad_lines.count == 0 { Vec::new() } else { vec![format!("{}: {bad_lines}", path.display())] }
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, CliError> {
    open_text(path).map_err(|error| unreadable(path, &error.to_string()))
}

fn unreadable(path: &Path, why: &str) -> CliError {
    CliError::failure(format!("cannot use {}: {why}", path.display()))
}
