//! Lists of cells, one in a line.

use std::collections::BTreeSet;
use std::io::{self, BufRead};

use geo_index::{Cell, CellError, GeohashCell, H3Cell};

use super::lines::for_each_line;

/// Bad lines that are kept to be shown.
const MAX_EXAMPLES: usize = 20;

/// A list of cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellList {
    /// The cells, each once.
    pub cells: BTreeSet<Cell>,
    /// Lines that name no cell.
    pub bad: u64,
    /// The first of those.
    pub examples: Vec<BadLine>,
}

/// A line that names no cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1 on.
    pub number: u64,
    /// Why it names none.
    pub reason: CellError,
}

/// Reads a list. Empty lines and those that begin with `#` are passed over.
pub fn read_cells(reader: impl BufRead) -> io::Result<CellList> {
    let mut list = CellList::default();
    for_each_line(reader, |number, line| {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        match parse_cell(line) {
            Ok(cell) => drop(list.cells.insert(cell)),
            Err(reason) => {
                list.bad += 1;
                if list.examples.len() < MAX_EXAMPLES {
                    list.examples.push(BadLine { number, reason });
                }
            }
        }
    })?;
    Ok(list)
}

/// A cell as people write it: `gh:…`, `h3:…`, or bare. An H3 index has 15 characters, a geohash at most 12.
///
/// ```
/// use cellar_warm::parse_cell;
///
/// assert_eq!(parse_cell("u09tv").unwrap().to_string(), "gh:u09tv");
/// assert_eq!(parse_cell("861fb4667ffffff").unwrap().to_string(), "h3:861fb4667ffffff");
/// assert_eq!(parse_cell("h3:861fb4667ffffff"), parse_cell("861fb4667ffffff"));
/// assert!(parse_cell("Paris").is_err());
/// ```
pub fn parse_cell(text: &str) -> Result<Cell, CellError> {
    if text.contains(':') {
        return text.parse();
    }
    let h3 = text.parse::<H3Cell>().map(Cell::H3);
    h3.or_else(|_| text.parse::<GeohashCell>().map(Cell::Geohash)).map_err(|_| CellError::Scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_numbered_and_the_rest_is_read() {
        let text =
            "# towns\n861fb4667ffffff\n\ngh:u09tv\nParis\nu09tv\n  h3:861fb4667ffffff \r\nh3:u09\ngh:aaa\n";
        let list = read_cells(text.as_bytes()).unwrap();
        let cells: Vec<_> = list.cells.iter().map(Cell::to_string).collect();
        assert_eq!(cells, ["gh:u09tv", "h3:861fb4667ffffff"]);
        let bad = |number, reason| BadLine { number, reason };
        assert_eq!(list.bad, 3);
        assert_eq!(
            list.examples,
            [bad(5, CellError::Scheme), bad(8, CellError::H3), bad(9, CellError::Geohash)]
        );
    }

    #[test]
    fn examples_are_bounded() {
        let list = read_cells("?\n".repeat(1_000).as_bytes()).unwrap();
        assert_eq!((list.bad, list.examples.len()), (1_000, MAX_EXAMPLES));
    }
}
