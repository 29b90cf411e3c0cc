//! From a row of CSV to a place.
//!
//! Columns are found by name, whatever their order: `id`, then a latitude (`lat`, `latitude`, `y`) and a longitude
//! (`lon`, `lng`, `long`, `longitude`, `x`), in upper or lower case, or as the options say. All others become
//! properties in their order; empty cells are left out, and a column without a name is `column_<n>`.
//!
//! A property is a number if its cell is the plain shortest decimal of one with at most 15 significant digits, which
//! a double holds exactly (`1418`, `-0.25`); everything else stays text (`01234`, `+49 30`, `1.50`, `1e5`, `true`).

use std::borrow::Cow;

use geo_index::{KeyError, PlaceId, Position};
use thiserror::Error;

use super::ColumnNames;
use super::frame::{InputError, cells};
use crate::geojson::MAX_FEATURE_BYTES;
use crate::place::{Place, Properties};

const ID: [&str; 1] = ["id"];
const LATITUDE: [&str; 3] = ["lat", "latitude", "y"];
const LONGITUDE: [&str; 5] = ["lon", "lng", "long", "longitude", "x"];

const MAX_NUMBER_DIGITS: usize = 15;

/// Why a row is not a place.
#[derive(Debug, Error, PartialEq)]
pub(super) enum RowError {
    #[error("not UTF-8 in cell `{column}`; convert the file, or mend this row")]
    NotUtf8 { column: String },
    #[error("it has {found} cells, but the header has {expected}{}", spread(*lines))]
    CellCount { found: usize, expected: usize, lines: usize },
    #[error("`{column}` is empty; every place needs an id")]
    NoId { column: String },
    #[error("`{column}` cannot be stored: {error}")]
    Id { column: String, error: KeyError },
    #[error("`{column}` is empty")]
    NoCoordinate { column: String },
    #[error("`{column}` is \"{value}\", not a number{}", comma_hint(value))]
    NotANumber { column: String, value: String },
    #[error("latitude {value} is not between -90 and 90{}", swap_hint(*swapped))]
    Latitude { value: f64, swapped: bool },
    #[error("longitude {value} is not between -180 and 180{}", swap_hint(*swapped))]
    Longitude { value: f64, swapped: bool },
    #[error("as a feature it would be longer than {MAX_FEATURE_BYTES} bytes")]
    TooLarge,
}

fn spread(lines: usize) -> String {
    if lines < 2 {
        String::new()
    } else {
        format!(" (it spreads over {lines} lines; is a quote not closed?)")
    }
}

fn comma_hint(value: &str) -> &'static str {
    let with_point = value.replacen(',', ".", 1);
    if with_point != value && with_point.parse::<f64>().is_ok() {
        "; write a decimal point, not a comma"
    } else {
        ""
    }
}

fn swap_hint(swapped: bool) -> &'static str {
    if swapped { "; latitude and longitude look swapped" } else { "" }
}

/// The columns of one input.
pub(super) struct Table {
    delimiter: u8,
    id: usize,
    lat: usize,
    lon: usize,
    names: Vec<String>,
    /// `"name":` of each column, as JSON.
    members: Vec<String>,
}

impl Table {
    /// Reads the header.
    pub(super) fn new(header: &str, delimiter: u8, wanted: &ColumnNames) -> Result<Self, InputError> {
        let names: Vec<String> = cells(header, delimiter).enumerate().map(column_name).collect();
        let fault = |problem: String| InputError::Columns { problem, columns: names.clone() };
        if header.contains('\r') && !header.contains('\n') {
            return Err(fault("its lines end with carriage returns only; convert them to newlines".into()));
        }
        if let ([_], Some(other)) = (names.as_slice(), other_delimiter(header, delimiter)) {
            return Err(fault(format!(
                "its cells seem to be separated by `{other}`; say --delimiter '{other}'"
            )));
        }
        if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            return Err(fault(format!("two columns are named `{}`", twice.1)));
        }
        let id = find(&names, wanted.id.as_deref(), &ID, "id", "--id-column").map_err(fault)?;
        let lat =
            find(&names, wanted.lat.as_deref(), &LATITUDE, "latitude", "--lat-column").map_err(fault)?;
        let lon =
            find(&names, wanted.lon.as_deref(), &LONGITUDE, "longitude", "--lon-column").map_err(fault)?;
        if id == lat || lat == lon || lon == id {
            return Err(fault("id, latitude and longitude must be three different columns".into()));
        }
        let members = names.iter().map(|name| format!("{}:", json_string(name))).collect();
        Ok(Self { delimiter, id, lat, lon, names, members })
    }

    /// Reads a row.
    pub(super) fn place(&self, row: &[u8]) -> Result<Place, RowError> {
        let Ok(text) = std::str::from_utf8(row) else {
            return Err(RowError::NotUtf8 { column: self.column_not_utf8(row) });
        };
        let cells: Vec<Cow<'_, str>> = cells(text, self.delimiter).collect();
        if cells.len() != self.names.len() {
            let lines = text.bytes().filter(|&b| b == b'\n').count() + 1;
            return Err(RowError::CellCount { found: cells.len(), expected: self.names.len(), lines });
        }
        let place = Place {
            id: self.place_id(&cells)?,
            position: self.position(&cells)?,
            properties: self.properties(&cells),
        };
        let small = place.properties.as_json().len() < MAX_FEATURE_BYTES / 2;
        let fits = small || place.feature().len() <= MAX_FEATURE_BYTES;
        fits.then_some(place).ok_or(RowError::TooLarge)
    }

    /// The id of a row that is not a place, if it has one.
    pub(super) fn id_of(&self, row: &str) -> Option<String> {
        cells(row, self.delimiter).nth(self.id).filter(|id| !id.is_empty()).map(Cow::into_owned)
    }

    fn place_id(&self, cells: &[Cow<'_, str>]) -> Result<PlaceId, RowError> {
        let (id, column) = (&cells[self.id], || self.names[self.id].clone());
        if id.trim().is_empty() {
            return Err(RowError::NoId { column: column() });
        }
        id.parse().map_err(|error| RowError::Id { column: column(), error })
    }

    fn position(&self, cells: &[Cow<'_, str>]) -> Result<Position, RowError> {
        let lat = self.coordinate(cells, self.lat)?;
        let lon = self.coordinate(cells, self.lon)?;
        let swapped = Position::new(lon, lat).is_ok();
        if !(-90.0..=90.0).contains(&lat) {
            return Err(RowError::Latitude { value: lat, swapped });
        }
        Position::new(lat, lon).map_err(|_| RowError::Longitude { value: lon, swapped })
    }

    fn coordinate(&self, cells: &[Cow<'_, str>], column: usize) -> Result<f64, RowError> {
        let (value, name) = (cells[column].trim(), || self.names[column].clone());
        if value.is_empty() {
            return Err(RowError::NoCoordinate { column: name() });
        }
        let number = value.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| RowError::NotANumber { column: name(), value: value.chars().take(40).collect() })
    }

    fn properties(&self, cells: &[Cow<'_, str>]) -> Properties {
        let mut json = String::from("{");
        for (i, cell) in cells.iter().enumerate() {
            if cell.is_empty() || [self.id, self.lat, self.lon].contains(&i) {
                continue;
            }
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&self.members[i]);
            if is_plain_number(cell) {
                json.push_str(cell);
            } else {
                json.push_str(&json_string(cell));
            }
        }
        json.push('}');
        Properties::from_stored(json).expect("names and cells were written as JSON")
    }

    fn column_not_utf8(&self, row: &[u8]) -> String {
        let lossy = String::from_utf8_lossy(row);
        let column = cells(&lossy, self.delimiter).position(|cell| cell.contains('\u{fffd}'));
        column.and_then(|i| self.names.get(i)).cloned().unwrap_or_else(|| "beyond the header".into())
    }
}

/// What separates the cells of a header that seems to have only one, as it is written on the command line.
fn other_delimiter(header: &str, delimiter: u8) -> Option<&'static str> {
    let others = [(b',', ","), (b';', ";"), (b'\t', "\\t"), (b'|', "|")];
    others
        .into_iter()
        .find(|&(byte, _)| byte != delimiter && header.contains(char::from(byte)))
        .map(|(_, text)| text)
}

fn column_name((index, cell): (usize, Cow<'_, str>)) -> String {
    match cell.trim() {
        "" => format!("column_{}", index + 1),
        name => name.to_owned(),
    }
}

/// Index of the column that an option names, or else of the first usual name that is there.
fn find(
    names: &[String],
    option: Option<&str>,
    usual: &[&str],
    what: &str,
    flag: &str,
) -> Result<usize, String> {
    let exact = option.and_then(|wanted| names.iter().position(|name| name == wanted));
    if let Some(column) = exact {
        return Ok(column);
    }
    let wanted = option.as_ref().map_or(usual, std::slice::from_ref);
    for wanted in wanted {
        let mut matching = (0..names.len()).filter(|&i| names[i].eq_ignore_ascii_case(wanted));
        match (matching.next(), matching.next()) {
            (Some(column), None) => return Ok(column),
            (Some(a), Some(b)) => {
                let (a, b) = (&names[a], &names[b]);
                return Err(format!("both `{a}` and `{b}` could be the {what}; choose with {flag} NAME"));
            }
            (None, _) => {}
        }
    }
    Err(match option {
        Some(wanted) => format!("there is no column `{wanted}`, which {flag} names"),
        None => {
            format!("there is no column for the {what} (`{}`); name it with {flag} NAME", usual.join("`, `"))
        }
    })
}

fn json_string(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// Whether the text is the one plain way to write a number that a double holds exactly.
fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && !fraction.ends_with('0') => (whole, fraction),
        Some(_) => return false,
        None => (unsigned, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let plain_whole = whole == "0" || !whole.is_empty() && !whole.starts_with('0');
    plain_whole
        && digits(whole)
        && digits(fraction)
        && whole.len() + fraction.len() <= MAX_NUMBER_DIGITS
        && text != "-0"
}

#[cfg(test)]
mod tests;
