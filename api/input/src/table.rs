//! From a row of CSV to a place, as the plan says what each column is.
//!
//! All columns but id and coordinates become properties, in their order. Empty cells are left out. A number is a cell
//! that is the plain shortest decimal of one with at most 15 significant digits, which a double holds exactly (`1418`,
//! `-0.25`), in a column where all cells are; everything else stays text (`01234`, `+49 30`, `1.50`, `1e5`, `true`).

use cellar_model::geojson::MAX_FEATURE_BYTES;
use cellar_model::place::{Place, Properties};
use cellar_model::{KeyError, PlaceId};
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use super::frame::{Cell, Dialect, cells};
use super::members::{ObjectText, text as json_string};
use super::names::Role;
use super::numbers::is_plain_number;
use super::options::Kind;
use super::plan::{Column, Plan, TablePlan};
use super::position::{Axis, Fault, Located, Rules, Xy, degrees, located, of_text};

/// What separates categories within a cell.
const CATEGORY_SEPARATORS: [char; 2] = [';', '|'];

/// Why a row is not a place.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum RowError {
    #[error(
        "not UTF-8 in cell `{column}`; say --encoding, for instance `--encoding windows-1252`, or mend this row"
    )]
    NotUtf8 { column: String },
    #[error("it has {found} cells, but the header has {expected}{}", spread(*lines))]
    CellCount { found: usize, expected: usize, lines: usize },
    #[error("`{column}` is empty; every place needs an id")]
    NoId { column: String },
    #[error("`{column}` is `{value}`, as programs write a number that is missing; every place needs an id")]
    MissingId { column: String, value: String },
    #[error("`{column}` cannot be stored: {error}")]
    Id { column: String, error: KeyError },
    #[error("`{column}` is empty")]
    NoCoordinate { column: String },
    #[error("`{column}` is \"{value}\", not a number{}", comma_hint(value))]
    NotANumber { column: String, value: String },
    #[error("`{column}`: {fault}")]
    Position { column: String, fault: Fault },
    #[error("{0}")]
    Range(Fault),
    #[error("`{column}` is \"{value}\", not {what}, as --types says it is")]
    Kind { column: String, value: String, what: &'static str },
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
        "; write a decimal point, not a comma, or say --decimal-comma"
    } else {
        ""
    }
}

/// A row that was read.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) altitude: bool,
    /// Whether its id was made of what it holds.
    pub(crate) generated: bool,
    /// Whether its id is a whole number with `.0` behind it.
    pub(crate) float_id: bool,
    /// A column of numbers in which it has something else.
    pub(crate) misfit: Option<usize>,
}

/// The columns of one input.
pub(crate) struct Table {
    dialect: Dialect,
    rules: Rules,
    columns: Vec<Column>,
    unnamed: usize,
    id: Option<usize>,
    position: At,
    /// Whether types were said, so that what does not fit is an error.
    generate: bool,
    strict: Vec<bool>,
}

#[derive(Clone, Copy)]
enum At {
    Pair { lat: usize, lon: usize },
    One(usize),
}

impl Table {
    /// Takes the columns of a plan; `None` if the plan is not of a table that has a position.
    pub(crate) fn new(plan: &Plan, typed: &[String]) -> Option<Self> {
        let TablePlan { dialect, columns, unnamed, .. } = plan.table.clone()?;
        let of = |role: Role| columns.iter().position(|column| column.role == Some(role));
        let position = match (of(Role::Position), of(Role::Lat), of(Role::Lon)) {
            (Some(one), ..) => At::One(one),
            (None, Some(lat), Some(lon)) => At::Pair { lat, lon },
            _ => return None,
        };
        let strict = columns
            .iter()
            .map(|column| typed.iter().any(|name| name.eq_ignore_ascii_case(&column.name)))
            .collect();
        let id = of(Role::Id);
        Some(Self {
            dialect,
            rules: plan.rules,
            columns,
            unnamed,
            id,
            position,
            generate: plan.generate_ids,
            strict,
        })
    }

    /// Reads a row.
    pub(crate) fn row(&self, row: &[u8]) -> Result<Row, RowError> {
        let Ok(text) = std::str::from_utf8(row) else {
            return Err(RowError::NotUtf8 { column: self.column_not_utf8(row) });
        };
        let mut cells: Vec<Cell<'_>> = cells(text, self.dialect).collect();
        let expected = self.columns.len();
        // A delimiter too many, or too few, at the end of a line says nothing.
        while cells.len() > expected && cells.last().is_some_and(|cell| cell.text.trim().is_empty()) {
            cells.pop();
        }
        if cells.len() > expected || cells.len() + self.unnamed < expected {
            let lines = text.bytes().filter(|&b| b == b'\n').count() + 1;
            return Err(RowError::CellCount { found: cells.len(), expected, lines });
        }
        let located = self.position(&cells)?;
        let (properties, misfit) = self.properties(&cells)?;
        let (id, generated) = self.place_id(&cells)?;
        let float_id = !generated
            && id.as_str().strip_suffix(".0").is_some_and(|whole| whole.bytes().all(|b| b.is_ascii_digit()));
        let place = Place { id, position: located.position, properties };
        let small = place.properties.as_json().len() < MAX_FEATURE_BYTES / 2;
        let fits = small || place.feature().len() <= MAX_FEATURE_BYTES;
        let row = Row { place, altitude: located.altitude, generated, float_id, misfit };
        fits.then_some(row).ok_or(RowError::TooLarge)
    }

    /// The id of a row that is not a place, if it has one.
    pub(crate) fn id_of(&self, row: &str) -> Option<String> {
        let id = cells(row, self.dialect).nth(self.id?)?.text.trim().to_owned();
        (!id.is_empty()).then_some(id)
    }

    pub(crate) fn column_name(&self, index: usize) -> &str {
        &self.columns[index].name
    }

    /// The id, and whether it was made of what the row holds.
    fn place_id(&self, cells: &[Cell<'_>]) -> Result<(PlaceId, bool), RowError> {
        let cell = |index: usize| cells.get(index).map_or("", |cell| cell.text.trim());
        let given = self.id.map(|index| (cell(index), self.columns[index].name.clone()));
        let Some((id, column)) = given.filter(|(id, _)| !(self.generate && is_missing(id))) else {
            return Ok((self.generated_id(cells), true));
        };
        match id {
            "" => Err(RowError::NoId { column }),
            _ if is_missing(id) => Err(RowError::MissingId { column, value: id.to_owned() }),
            _ => id.parse().map(|id| (id, false)).map_err(|error| RowError::Id { column, error }),
        }
    }

    /// A hash of names and cells: the same for the same row in a later file, whatever types its columns have there.
    fn generated_id(&self, cells: &[Cell<'_>]) -> PlaceId {
        let mut hash = Xxh3::new();
        for (column, cell) in self.columns.iter().zip(cells).filter(|(_, cell)| !cell.text.trim().is_empty())
        {
            for text in [column.name.as_str(), cell.text.trim()] {
                hash.update(text.as_bytes());
                hash.update(b"\0");
            }
        }
        generated(hash.digest128())
    }

    fn position(&self, cells: &[Cell<'_>]) -> Result<Located, RowError> {
        match self.position {
            At::Pair { lat, lon } => {
                let y = self.coordinate(cells, lat, Axis::Lat)?;
                let x = self.coordinate(cells, lon, Axis::Lon)?;
                located(Xy { x, y, altitude: false }, self.rules.crs).map_err(RowError::Range)
            }
            At::One(index) => {
                of_text(cells.get(index).map_or("", |cell| &cell.text), self.rules).map_err(|fault| {
                    match fault {
                        Fault::Latitude { .. } | Fault::Longitude { .. } => RowError::Range(fault),
                        Fault::Empty => RowError::NoCoordinate { column: self.columns[index].name.clone() },
                        fault => RowError::Position { column: self.columns[index].name.clone(), fault },
                    }
                })
            }
        }
    }

    fn coordinate(&self, cells: &[Cell<'_>], index: usize, axis: Axis) -> Result<f64, RowError> {
        let (value, column) = (cells.get(index).map_or("", |cell| cell.text.trim()), &self.columns[index]);
        if value.is_empty() {
            return Err(RowError::NoCoordinate { column: column.name.clone() });
        }
        let number = if column.e7 {
            value.parse::<i64>().ok().map(|scaled| scaled as f64 / 1e7)
        } else {
            degrees(value, axis, self.rules.decimal_comma)
        };
        let short = || value.chars().take(40).collect();
        number.ok_or_else(|| RowError::NotANumber { column: column.name.clone(), value: short() })
    }

    /// The properties, and a column of numbers in which the row has something else.
    fn properties(&self, cells: &[Cell<'_>]) -> Result<(Properties, Option<usize>), RowError> {
        let mut object = ObjectText::new();
        let mut added = ObjectFields::default();
        let mut misfit = None;
        for (index, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            let text = cell.text.as_ref();
            match column.role {
                Some(Role::Id | Role::Lat | Role::Lon | Role::Position) => {}
                _ if text.is_empty() => {}
                Some(role @ (Role::Category | Role::Name)) => {
                    Self::field(role, column, text, &mut object, &mut added);
                }
                None => {
                    let (value, fits) = self.value(index, cell)?;
                    if !fits {
                        misfit = Some(index);
                    }
                    if !self.replaced(column) {
                        object.add(&column.name, &value);
                    }
                }
            }
        }
        for (member, value) in [("category", added.category), ("name", added.name)] {
            if let Some(value) = value {
                object.add(member, &value);
            }
        }
        Ok((Properties::from_stored(object.end()).expect("names and cells were written as JSON"), misfit))
    }

    /// A column that is called `category` or `name`, where another has that role.
    fn replaced(&self, column: &Column) -> bool {
        [Role::Category, Role::Name].iter().any(|role| {
            column.name.eq_ignore_ascii_case(role.words())
                && self.columns.iter().any(|other| other.role == Some(*role))
        })
    }

    fn field(role: Role, column: &Column, text: &str, object: &mut ObjectText, added: &mut ObjectFields) {
        let trimmed = text.trim();
        let value = match role {
            Role::Category => category(trimmed),
            _ => (!trimmed.is_empty()).then(|| json_string(trimmed)),
        };
        let Some(value) = value else { return };
        if column.name.eq_ignore_ascii_case(role.words()) {
            object.add(role.words(), &value);
        } else {
            object.add(&column.name, &json_string(text));
            let slot = if role == Role::Category { &mut added.category } else { &mut added.name };
            *slot = Some(value);
        }
    }

    /// A cell as JSON, and whether it is what its column is.
    fn value(&self, index: usize, cell: &Cell<'_>) -> Result<(String, bool), RowError> {
        let (column, text) = (&self.columns[index], cell.text.as_ref());
        let wrong = |what| RowError::Kind {
            column: column.name.clone(),
            value: text.chars().take(40).collect(),
            what,
        };
        let trimmed = text.trim();
        Ok(match column.kind {
            Kind::Text => (json_string(text), true),
            Kind::Number if self.strict[index] => {
                let is = serde_json::from_str::<serde_json::Number>(trimmed).is_ok();
                (is.then(|| trimmed.to_owned()).ok_or_else(|| wrong("a number"))?, true)
            }
            Kind::Number if !cell.quoted && is_plain_number(text) => (text.to_owned(), true),
            Kind::Number => (json_string(text), false),
            Kind::Boolean => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" => ("true".into(), true),
                "false" | "f" | "no" | "n" | "0" => ("false".into(), true),
                _ => return Err(wrong("true or false")),
            },
        })
    }

    fn column_not_utf8(&self, row: &[u8]) -> String {
        let lossy = String::from_utf8_lossy(row);
        let column = cells(&lossy, self.dialect).position(|cell| cell.text.contains('\u{fffd}'));
        column
            .and_then(|i| self.columns.get(i))
            .map_or_else(|| "beyond the header".into(), |column| column.name.clone())
    }
}

#[derive(Default)]
struct ObjectFields {
    category: Option<String>,
    name: Option<String>,
}

/// One category as a text, several of a cell as a list.
fn category(cell: &str) -> Option<String> {
    let parts: Vec<String> = cell
        .split(CATEGORY_SEPARATORS)
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(json_string)
        .collect();
    match parts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("[{}]", several.join(","))),
    }
}

/// What programs write for an id that is not there.
fn is_missing(id: &str) -> bool {
    matches!(id, "" | "nan" | "NaN" | "<NA>")
}

/// An id made of a hash.
pub(crate) fn generated(hash: u128) -> PlaceId {
    format!("{hash:032x}").parse().expect("hexadecimal digits are an id")
}

#[cfg(test)]
mod tests;
