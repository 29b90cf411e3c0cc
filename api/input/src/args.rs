//! How files are read: arguments of every command that reads them.

use clap::Args;
use geo_index::BBox;

use super::encoding::named;
use super::format::Format;
use super::options::{ColumnNames, Kind, Preset, ReadOptions};
use super::position::{Order, RepresentativePoint};

/// How files of places are read
#[derive(Args, Clone, Debug)]
pub struct ReadArgs {
    /// Format of the input [default: by the file's name, else by how it begins]
    #[arg(long, help_heading = READING, value_enum)]
    pub format: Option<Format>,

    /// A layout that many files have: columns, category and name
    #[arg(long, help_heading = READING, value_enum)]
    pub preset: Option<Preset>,

    /// Path of the records in a JSON document, such as `data.items[]`, `[]` or `*` [default: found]
    #[arg(long, help_heading = READING, value_name = "PATH")]
    pub records: Option<String>,

    /// What is stored of lines and areas [default: they are rejected]
    #[arg(long, help_heading = READING, value_enum)]
    pub representative_point: Option<RepresentativePoint>,

    /// Box in which all places are expected, in degrees; those outside are rejected. West > east crosses the antimeridian
    #[arg(long = "bbox", help_heading = READING, value_name = "W,S,E,N", value_parser = bbox, allow_hyphen_values = true)]
    pub within: Option<BBox>,

    #[command(flatten)]
    ids: Ids,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    columns: Columns,

    #[command(flatten)]
    text: Text,
}

/// How files of positions are read
#[derive(Args, Clone, Debug)]
pub struct PositionArgs {
    /// A layout that many files of positions have
    #[arg(long, help_heading = READING, value_enum)]
    pub preset: Option<Preset>,

    /// Path of the records in a JSON document, such as `data.items[]`, `[]` or `*` [default: found]
    #[arg(long, help_heading = READING, value_name = "PATH")]
    pub records: Option<String>,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    text: Text,
}

/// Heading of the options about the input as a whole.
const READING: &str = "Reading places";

/// Heading of the options about ids.
const IDS: &str = "Ids";

/// Which id a place has
#[derive(Args, Clone, Debug)]
struct Ids {
    /// Column of the id in a CSV, or path in plain objects of JSON [default: id and the like]
    #[arg(long, help_heading = IDS, value_name = "NAME")]
    id_column: Option<String>,

    /// Property of a Feature that is its id [default: the member `id`, else the property `id`]
    #[arg(long, help_heading = IDS, value_name = "NAME")]
    id_property: Option<String>,

    /// Make an id, out of what it holds, for every place without one; the same at every import of the same place
    #[arg(long = "generate-ids", help_heading = IDS)]
    make_missing: bool,
}

/// Heading of the options about columns.
const COLUMNS: &str = "Columns of a CSV, or paths into objects such as `categories.primary`";

/// Where the position is in a record
#[derive(Args, Clone, Debug)]
struct Place {
    /// Latitude [default: lat, latitude, y and the like]
    #[arg(long, visible_alias = "lat", help_heading = COLUMNS, value_name = "NAME")]
    lat_column: Option<String>,

    /// Longitude [default: lon, lng, long, longitude, x and the like]
    #[arg(long, visible_alias = "lon", help_heading = COLUMNS, value_name = "NAME")]
    lon_column: Option<String>,

    /// Both in one value: `lat, lon`, WKT, hexadecimal WKB or GeoJSON [default: coordinates, geom, wkt and the like]
    #[arg(long, help_heading = COLUMNS, value_name = "NAME")]
    position_column: Option<String>,

    /// Which comes first in such a value [default: by the column's name and its values, else lat-lon]
    #[arg(long, value_enum, help_heading = COLUMNS)]
    position_order: Option<Order>,

    /// Names of all columns of a CSV without a header
    #[arg(long = "columns", help_heading = COLUMNS, value_name = "NAMES", value_delimiter = ',')]
    header: Vec<String>,
}

/// What else is in a record
#[derive(Args, Clone, Debug)]
struct Columns {
    /// Category, of features, too [default: category, categories]
    #[arg(long, help_heading = COLUMNS, value_name = "NAME")]
    category_column: Option<String>,

    /// Name, of features, too [default: name, title, label and the like]
    #[arg(long, help_heading = COLUMNS, value_name = "NAME")]
    name_column: Option<String>,

    /// Columns that are text, whatever they look like
    #[arg(long = "text", help_heading = COLUMNS, value_name = "NAMES", value_delimiter = ',')]
    texts: Vec<String>,

    /// Types of columns: text, number or boolean, as in `price=number,open=boolean`
    #[arg(long, help_heading = COLUMNS, value_name = "NAME=TYPE", value_delimiter = ',', value_parser = typed)]
    types: Vec<(String, Kind)>,
}

/// Heading of the options about text.
const TEXT: &str = "Text of a CSV";

/// How a CSV is written
#[derive(Args, Clone, Debug)]
struct Text {
    /// What separates cells; `\t` is a tab [default: found]
    #[arg(long, help_heading = TEXT, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,

    /// Lines before the header; comments and `sep=;` are passed over by themselves
    #[arg(long, help_heading = TEXT, value_name = "LINES", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(..=MAX_SKIP))]
    skip: u64,

    /// Coordinates have a decimal comma [default: found, where cells are not separated by commas]
    #[arg(long, help_heading = TEXT)]
    decimal_comma: bool,

    /// Encoding, such as latin1, windows-1252 or utf-16le, of any format [default: UTF-8, or UTF-16 if it is]
    #[arg(long, help_heading = TEXT, value_name = "NAME", value_parser = encoding)]
    encoding: Option<String>,
}

/// Lines that can be passed over at most.
const MAX_SKIP: u64 = 1_000_000_000;

fn encoding(label: &str) -> Result<String, String> {
    if named(label).is_none() {
        return Err(
            "there is no such encoding; try utf-8, utf-16le, latin1, windows-1252 or shift_jis".to_owned()
        );
    }
    Ok(label.to_owned())
}

impl ReadArgs {
    /// What they ask for.
    pub fn options(&self) -> ReadOptions {
        let (ids, columns) = (&self.ids, &self.columns);
        let texts = columns.texts.iter().map(|name| (name.clone(), Kind::Text));
        let read = ReadOptions {
            format: self.format,
            preset: self.preset,
            types: texts.chain(columns.types.iter().cloned()).collect(),
            id_property: ids.id_property.clone(),
            generate_ids: ids.make_missing,
            records: self.records.clone(),
            representative_point: self.representative_point,
            bbox: self.within,
            ..of_text(&self.place, &self.text)
        };
        let columns = ColumnNames {
            id: ids.id_column.clone(),
            category: columns.category_column.clone(),
            name: columns.name_column.clone(),
            ..read.columns
        };
        ReadOptions { columns, ..read }
    }
}

impl PositionArgs {
    /// What they ask for.
    pub fn options(&self) -> ReadOptions {
        ReadOptions { preset: self.preset, records: self.records.clone(), ..of_text(&self.place, &self.text) }
    }
}

fn of_text(place: &Place, text: &Text) -> ReadOptions {
    let columns = ColumnNames {
        lat: place.lat_column.clone(),
        lon: place.lon_column.clone(),
        position: place.position_column.clone(),
        ..ColumnNames::default()
    };
    ReadOptions {
        columns,
        header: place.header.iter().map(|name| name.trim().to_owned()).collect(),
        order: place.position_order,
        delimiter: text.delimiter,
        skip_lines: text.skip,
        encoding: text.encoding.clone(),
        decimal_comma: text.decimal_comma,
        ..ReadOptions::default()
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err("expected one character, such as `;`, or `\\t` for a tab".into()),
    }
}

fn typed(text: &str) -> Result<(String, Kind), String> {
    let kind = |name: &str| match name.trim() {
        "text" => Some(Kind::Text),
        "number" => Some(Kind::Number),
        "boolean" => Some(Kind::Boolean),
        _ => None,
    };
    let (name, said) = text.rsplit_once('=').ok_or("expected NAME=TYPE, such as `price=number`")?;
    let kind = kind(said).ok_or("a type is text, number or boolean")?;
    Ok((name.trim().to_owned(), kind))
}

fn bbox(text: &str) -> Result<BBox, String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse::<f64>()).collect();
    match numbers.as_deref() {
        Ok(&[west, south, east, north]) => BBox::new(west, south, east, north)
            .map_err(|error| format!("a box is west,south,east,north in degrees: {error}")),
        _ => {
            Err("expected four numbers, west,south,east,north in degrees, such as `5.9,45.8,10.5,47.8`"
                .into())
        }
    }
}
