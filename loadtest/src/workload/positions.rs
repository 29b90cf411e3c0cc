//! Positions from a file.

use cellar_input::{FoundPosition, Input, ReadOptions, read_positions};
use geo_index::Position;

use crate::lines::BadLines;

/// Most positions that a file may hold.
pub const MAX_POINTS: usize = 10_000_000;

/// What a file of positions holds.
#[derive(Clone, Debug, Default)]
pub struct Points {
    /// Positions with their weights.
    pub found: Vec<(Position, f64)>,
    /// Lines without a valid position.
    pub bad_lines: BadLines,
}

/// Columns of weights.
const WEIGHTS: [&str; 2] = ["weight", "population"];

/// Reads positions of any file that `cellar import` reads, weighed by a column `weight` or `population` if there is one; without a
/// header, latitude, longitude and weight. Without a weight column each position weighs 1.
///
/// # Errors
///
/// The file cannot be read, has no positions, or too many. The error is one line.
pub fn read_points(input: Input, options: &ReadOptions) -> Result<Points, String> {
    let mut points = Points::default();
    let mut too_many = false;
    let read = read_positions(input, options, &WEIGHTS, |line| match line {
        Ok(_) if points.found.len() == MAX_POINTS => too_many = true,
        Ok(FoundPosition { line, position, number }) => match number.unwrap_or(1.0) {
            weight if weight < 0.0 => points.bad_lines.add(line, format!("weight {weight} is not 0 or more")),
            weight => points.found.push((position, weight)),
        },
        Err(reject) => points.bad_lines.add(reject.line, reject.reason),
    });
    read.map_err(|error| error.to_string())?;
    if too_many { Err(format!("more than {MAX_POINTS} positions")) } else { Ok(points) }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Points {
        read_points(Input::Stream(Box::new(text.as_bytes())), &ReadOptions::default()).unwrap()
    }

    fn at(lat: f64, lon: f64) -> Position {
        Position::new(lat, lon).unwrap()
    }

    #[test]
    fn columns_are_found_by_name_or_place() {
        let named = read("id,name,LON,Lat,population\n1,\"A, B\",2.5,48.5,7\n2,C,180,-90,0\n");
        assert_eq!(named.found, [(at(48.5, 2.5), 7.0), (at(-90.0, 180.0), 0.0)]);
        assert_eq!(read("48.5,2.5\n1,2\n").found, [(at(48.5, 2.5), 1.0), (at(1.0, 2.0), 1.0)]);
        assert_eq!(read("48.5, 2.5, 3\n").found, [(at(48.5, 2.5), 3.0)]);
    }

    #[test]
    fn broken_lines_are_told_with_their_numbers() {
        let points = read("lat,lon,weight\n91,0,1\n1,2,3\n1\n1,2,-1\n1,x,1\n1,2,inf\n");
        assert_eq!(points.found, [(at(1.0, 2.0), 3.0)]);
        let lines: Vec<u64> = points.bad_lines.first.iter().map(|(line, _)| *line).collect();
        assert_eq!((points.bad_lines.count, lines), (5, vec![2, 4, 5, 6, 7]));
        assert_eq!(points.bad_lines.first[1].1, "it has 1 cells, but the header has 3");
        let other =
            read_points(Input::Stream(Box::new("name,town\nx,y\n".as_bytes())), &ReadOptions::default());
        assert!(other.unwrap_err().contains("latitude"));
    }
}
