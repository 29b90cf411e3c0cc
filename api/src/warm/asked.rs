//! The area that was asked for, read before anything is opened.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read as _};
use std::path::Path;

use cellar_cli_kit::{CliError, code, terminal};
use cellar_input::open_text;
use cellar_model::Collection;
use cellar_warm::{CellList, LogCounts, PolygonArea, read_cells, read_log, read_polygons};
use geo_index::{Area, Cell};

use super::args::What;

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The area.
    pub(super) area: Area,
    /// Its cells, if it is made of cells.
    pub(super) cells: BTreeSet<Cell>,
    /// Lines that name no cell.
    bad_lines: u64,
    /// What the user may want to know.
    notes: Vec<String>,
}

impl Asked {
    pub(super) fn of_cells(cells: impl IntoIterator<Item = Cell>) -> Self {
        let cells: BTreeSet<Cell> = cells.into_iter().collect();
        Self { area: cells.iter().copied().collect(), cells, ..Self::default() }
    }

    /// Says what there is to say, to standard error.
    pub(super) fn tell(&self) {
        for note in &self.notes {
            terminal::note(note);
        }
    }

    /// The exit code if all goes well.
    pub(super) const fn code(&self) -> u8 {
        if self.bad_lines == 0 { code::OK } else { code::REJECTED }
    }
}

/// Reads what the arguments name. Hot cells come later, from the coordination store.
pub(super) fn read(what: &What, collection: &Collection) -> Result<Asked, CliError> {
    match what {
        What { cells: Some(path), .. } => read_file(path, read_cells).map(|list| of_list(list, path)),
        What { access_log: Some(path), .. } => {
            let counts = read_file(path, |reader| read_log(reader, collection))?;
            Ok(of_log(counts))
        }
        What { area: Some(path), .. } => of_area(path),
        What { bbox: Some(bbox), .. } => {
            let mut asked = Asked::default();
            asked.area.add_box(*bbox);
            Ok(asked)
        }
        _ => Ok(Asked::default()),
    }
}

fn of_list(list: CellList, path: &Path) -> Asked {
    let mut notes: Vec<String> = Vec::new();
    for line in &list.examples {
        notes.push(format!("{}, line {}: {}", path.display(), line.number, line.reason));
    }
    let unlisted = list.bad - list.examples.len() as u64;
    if unlisted > 0 {
        notes.push(format!("{}: {unlisted} more lines name no cell", path.display()));
    }
    Asked { bad_lines: list.bad, notes, ..Asked::of_cells(list.cells) }
}

fn of_log(counts: LogCounts) -> Asked {
    let LogCounts { cells, searches, other, bad, first_bad } = counts;
    let first =
        first_bad.map(|(line, reason)| format!(", the first is line {line}: {reason}")).unwrap_or_default();
    let note = format!(
        "{searches} searches from {} cells, {other} other requests, {bad} lines that cannot be read{first}",
        cells.len()
    );
    Asked { notes: vec![note], ..Asked::of_cells(cells.into_keys().map(Cell::H3)) }
}

fn of_area(path: &Path) -> Result<Asked, CliError> {
    let text = read_file(path, |mut reader| {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map(|_| text)
    })?;
    let read = read_polygons(&text).map_err(|error| {
        CliError::failure(format!("{}: {error}", path.display())).hint("mend the file, or name another")
    })?;
    let PolygonArea { area, polygons, taken_both_ways } = read;
    let note = format!(
        "{taken_both_ways} of {polygons} polygons have an edge of more than 180 degrees of longitude and are taken both \
         ways round; cut them at the antimeridian, or use longitudes beyond 180, to say which is meant"
    );
    let notes = if taken_both_ways > 0 { vec![note] } else { Vec::new() };
    Ok(Asked { area, notes, ..Asked::default() })
}

/// Reads a file, which may be packed, or standard input if it is `-`.
fn read_file<T>(path: &Path, read: impl FnOnce(Box<dyn BufRead>) -> io::Result<T>) -> Result<T, CliError> {
    open_text(path).map(|reader| reader as Box<dyn BufRead>).and_then(read).map_err(|error| {
        CliError::failure(format!("cannot read {}: {error}", path.display()))
            .hint("name a file that can be read, or `-` for standard input")
    })
}
