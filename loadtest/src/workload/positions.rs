//! Positions from a CSV file.

use std::io::Read;

use csv::StringRecord;
use geo_index::Position;

use super::areas::MAX_POINTS;
use crate::lines::Broken;

/// What a file of positions holds.
#[derive(Clone, Debug, Default)]
pub struct Points {
    /// Positions, and how likely each is relative to the others.
    pub found: Vec<(Position, f64)>,
    /// Lines that hold none.
    pub broken: Broken,
}

/// Where the columns are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Columns {
    lat: usize,
    lon: usize,
    weight: Option<usize>,
}

/// Names of columns, in lower case.
const LAT: [&str; 3] = ["lat", "latitude", "y"];
const LON: [&str; 5] = ["lon", "lng", "long", "longitude", "x"];
const WEIGHT: [&str; 2] = ["weight", "population"];

/// Reads positions: the columns `lat` and `lon`, and `weight` or `population` if there is one, wherever they are by the
/// header; without a header the first two, and the third if there is one.
///
/// A position without a weight column weighs 1. An error says what is wrong with the file, in one line.
pub fn read_points(reader: impl Read) -> Result<Points, String> {
    let mut csv =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(reader);
    let (mut points, mut columns) = (Points::default(), None);
    let mut record = StringRecord::new();
    loop {
        match csv.read_record(&mut record) {
            Ok(false) => return Ok(points),
            Ok(true) => {}
            Err(error) if error.is_io_error() => return Err(error.to_string()),
            Err(error) => {
                points.broken.add(error.position().map_or(0, csv::Position::line), "not UTF-8");
                continue;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let Some(known) = columns else {
            columns = Some(header(&record)?);
            if let Ok(point) = point(&record, columns.unwrap_or(FIRST)) {
                points.found.push(point);
            }
            continue;
        };
        match point(&record, known) {
            Ok(point) => points.found.push(point),
            Err(why) => points.broken.add(line, why),
        }
        if points.found.len() > MAX_POINTS {
            return Err(format!("more than {MAX_POINTS} positions"));
        }
    }
}

const FIRST: Columns = Columns { lat: 0, lon: 1, weight: None };

/// The columns by the first record, which is a header unless it begins with two numbers.
fn header(record: &StringRecord) -> Result<Columns, String> {
    if point(record, FIRST).is_ok() {
        return Ok(Columns { weight: (record.len() > 2).then_some(2), ..FIRST });
    }
    let find = |names: &[&str]| record.iter().position(|cell| names.contains(&cell.to_lowercase().as_str()));
    match (find(&LAT), find(&LON)) {
        (Some(lat), Some(lon)) => Ok(Columns { lat, lon, weight: find(&WEIGHT) }),
        _ => Err("the first line has neither columns `lat` and `lon` nor two numbers".to_owned()),
    }
}

fn point(record: &StringRecord, columns: Columns) -> Result<(Position, f64), String> {
    let number = |name: &str, column: usize| {
        let cell = record.get(column).ok_or_else(|| format!("no {name}"))?;
        cell.parse::<f64>().map_err(|_| format!("{name} `{}` is no number", shortened(cell)))
    };
    let (lat, lon) = (number("latitude", columns.lat)?, number("longitude", columns.lon)?);
    let position = Position::new(lat, lon).map_err(|error| error.to_string())?;
    let weight = columns.weight.map_or(Ok(1.0), |column| number("weight", column))?;
    if !weight.is_finite() || weight < 0.0 {
        return Err(format!("weight {weight} is not 0 or more"));
    }
    Ok((position, weight))
}

fn shortened(text: &str) -> String {
    text.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Points {
        read_points(text.as_bytes()).unwrap()
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
        assert!(read("").found.is_empty());
    }

    #[test]
    fn broken_lines_are_told_with_their_numbers() {
        let points = read("lat,lon,weight\n91,0,1\n1,2,3\n1\n1,2,-1\n1,x,1\n1,2,inf\n");
        assert_eq!(points.found, [(at(1.0, 2.0), 3.0)]);
        let lines: Vec<u64> = points.broken.first.iter().map(|(line, _)| *line).collect();
        assert_eq!((points.broken.count, lines), (5, vec![2, 4, 5, 6, 7]));
        assert_eq!(points.broken.first[1].1, "no longitude");
        assert!(read_points("name,town\nx,y\n".as_bytes()).unwrap_err().contains("columns `lat` and `lon`"));
    }
}
