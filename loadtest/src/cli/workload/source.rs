//! Where asks come from: made-up users, or a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use cellar_api::cli::CliError;
use flate2::bufread::MultiGzDecoder;
use geo_index::Collection;

use super::UsersArgs;
use crate::lines::Broken;
use crate::plan::{Plan, Planned, scheduled};
use crate::replay;
use crate::workload::{Areas, Crowd, Imported, read_points};

/// A plan, and what is known of it.
pub struct Source {
    /// The plan.
    pub plan: Plan,
    /// How long it takes: until its last ask if it comes from a file.
    pub duration: Duration,
    /// How many asks there are, where a file says so.
    pub asks: Option<u64>,
    /// What somebody should know: lines that could not be read, say.
    pub notes: Vec<String>,
}

impl UsersArgs {
    /// The plan of these flags: of made-up users at the instants of a schedule, or of a file at its own.
    pub fn source(
        &self,
        collection: Option<&Collection>,
        instants: impl Iterator<Item = Duration> + Send + 'static,
        duration: Duration,
    ) -> Result<Source, CliError> {
        if let Some(path) = &self.replay {
            return self.replayed(path, collection);
        }
        if let Some(path) = &self.stream {
            return streamed(path);
        }
        let (areas, notes) = match &self.positions {
            Some(path) => self.positioned(path)?,
            None => (self.metropolitan(), Vec::new()),
        };
        let plan = scheduled(instants, Crowd::new(self.spec(), areas));
        Ok(Source { plan, duration, asks: None, notes })
    }

    fn positioned(&self, path: &Path) -> Result<(Areas, Vec<String>), CliError> {
        let points = read_points(open(path)?).map_err(|why| unreadable(path, &why))?;
        let areas = Areas::points(&points, self.seed);
        if areas.is_empty() {
            return Err(unreadable(path, &format!("it has no position of any weight, {}", points.broken)));
        }
        Ok((areas, notes(path, &points.broken)))
    }

    fn replayed(&self, path: &Path, collection: Option<&Collection>) -> Result<Source, CliError> {
        let log = replay::read(open(path)?, collection, self.speed)
            .map_err(|e| unreadable(path, &e.to_string()))?;
        let Some(last) = log.asks.last() else {
            let why = format!("it has no search to replay, {} other requests and {}", log.other, log.broken);
            return Err(unreadable(path, &why));
        };
        let mut notes = notes(path, &log.broken);
        if log.left_out > 0 {
            notes.push(format!("{}: {} searches left out", path.display(), log.left_out));
        }
        Ok(Source {
            duration: last.at,
            asks: Some(log.asks.len() as u64),
            plan: Box::new(log.asks.into_iter()),
            notes,
        })
    }
}

/// A stream is read twice: to see whether it can be read and how long it takes, and then bit by bit.
fn streamed(path: &Path) -> Result<Source, CliError> {
    let imported = || Imported::new(open(path)?).map_err(|error| unreadable(path, &error.to_string()));
    let (mut broken, mut asks, mut duration) = (Broken::default(), 0, Duration::ZERO);
    for line in imported()? {
        match line {
            Ok(Planned { at, .. }) => (asks, duration) = (asks + 1, at),
            Err((number, why)) => broken.add(number, why),
        }
    }
    if asks == 0 {
        return Err(unreadable(path, &format!("it has no asks, {broken}")));
    }
    let plan = Box::new(imported()?.filter_map(Result::ok));
    Ok(Source { plan, duration, asks: Some(asks), notes: notes(path, &broken) })
}

fn notes(path: &Path, broken: &Broken) -> Vec<String> {
    if broken.count == 0 { Vec::new() } else { vec![format!("{}: {broken}", path.display())] }
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, CliError> {
    let opened = || -> io::Result<Box<dyn BufRead + Send>> {
        let mut file = BufReader::new(File::open(path)?);
        let compressed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        Ok(if compressed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
    };
    opened().map_err(|error| unreadable(path, &error.to_string()))
}

fn unreadable(path: &Path, why: &str) -> CliError {
    CliError::failure(format!("cannot use {}: {why}", path.display()))
}
