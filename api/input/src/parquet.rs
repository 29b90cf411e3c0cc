//! Parquet, as Overture Maps, Foursquare and others publish places: row by row, each an object in a line of its own, and then
//! read as any other object.
//!
//! Columns of bytes that are no text become hexadecimal digits, which is how the WKB of `GeoParquet`
//! (<https://geoparquet.org/releases/v1.1.0/>) is read where text holds it. Where the file declares a coordinate reference
//! system, that holds for all of it.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::parquet::basic::{GeographyType, GeometryType, LogicalType};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::FileMetaData;
use ::parquet::file::reader::{ChunkReader, FileReader as _, Length, SerializedFileReader};
use ::parquet::record::reader::RowIter;
use ::parquet::record::{Field, Row};
use bytes::Bytes;
use cellar_model::place::json_number;
use serde_json::Value;

use super::feed::Feed;
use super::members::text as json_string;
use super::position::Crs;
use super::reading::Reading;

/// A file that is open.
pub(crate) struct Parquet {
    /// What its coordinates are, if it says so.
    pub(crate) crs: Result<Crs, String>,
    /// The column of its geometries, if it says so.
    pub(crate) geometry: Option<String>,
    /// Its rows, a line each.
    pub(crate) lines: Box<dyn Read + Send>,
}

/// Opens a file; what is read of it is counted.
pub(crate) fn open(file: File, read_bytes: &Arc<Reading>) -> io::Result<Parquet> {
    let chunks = Chunks { file, read_bytes: Arc::clone(read_bytes) };
    let reader = guarded(|| SerializedFileReader::new(chunks))?;
    let (geometry, crs) = declared(reader.metadata().file_metadata());
    let mut rows = RowIter::from_file_into(Box::new(reader));
    let next = move |line: &mut Vec<u8>| {
        // Making text of a value is part of it: the library has days that it cannot write.
        let text = guarded(|| {
            let Some(row) = rows.next().transpose()? else { return Ok(None) };
            let mut text = String::new();
            object(&row, &mut text);
            Ok(Some(text))
        });
        let Some(text) = text? else { return Ok(false) };
        line.extend(text.into_bytes());
        line.push(b'\n');
        Ok(true)
    };
    Ok(Parquet { crs, geometry, lines: Box::new(Feed::new(next)) })
}

/// What the library says; some of what can be damaged makes it panic instead. It is not used again then.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> io::Result<T> {
    let fault = |why: &dyn Display| {
        let text = format!("the Parquet is damaged, or of a kind that is not read: {why}");
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| fault(&error)),
        Err(_) => Err(fault(&"its parts do not fit together")),
    }
}

/// What the file declares of its coordinates, in the metadata of `GeoParquet` or in the type of a column: which column they are
/// in, and their system. Without one it is longitude and latitude.
fn declared(metadata: &FileMetaData) -> (Option<String>, Result<Crs, String>) {
    let pairs = || metadata.key_value_metadata().into_iter().flatten();
    let value = |key: &str| pairs().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref());
    if let Some(geo) = value("geo") {
        return of_geo(geo);
    }
    let own =
        metadata.schema_descr().columns().iter().find_map(|column| match column.logical_type_ref()? {
            LogicalType::Geometry(GeometryType { crs })
            | LogicalType::Geography(GeographyType { crs, .. }) => {
                Some((column.path().string(), crs.clone()))
            }
            _ => None,
        });
    let Some((column, own)) = own else { return (None, Ok(Crs::Wgs84)) };
    let Some(own) = own else { return (Some(column), Ok(Crs::Wgs84)) };
    let projjson = own.strip_prefix("projjson:").map_or(Some(own.as_str()), value).unwrap_or(&own);
    let crs = match (serde_json::from_str(projjson), own.strip_prefix("srid:")) {
        (Ok(system @ Value::Object(_)), _) => of_projjson(&system),
        (_, Some(srid)) => Crs::of_name(&format!("EPSG:{srid}")),
        _ => Crs::of_name(&own),
    };
    (Some(column), crs)
}

/// What `GeoParquet` says of its first column of geometries.
fn of_geo(geo: &str) -> (Option<String>, Result<Crs, String>) {
    let geo: Value = serde_json::from_str(geo).unwrap_or_default();
    let primary = geo.get("primary_column").and_then(Value::as_str).unwrap_or("geometry");
    let column = geo.get("columns").and_then(|columns| columns.get(primary));
    let crs = column.and_then(|column| column.get("crs")).filter(|crs| !crs.is_null());
    (column.map(|_| primary.to_owned()), crs.map_or(Ok(Crs::Wgs84), of_projjson))
}

fn of_projjson(system: &Value) -> Result<Crs, String> {
    let authority = system.pointer("/id/authority").and_then(Value::as_str).unwrap_or_default();
    let code =
        system.pointer("/id/code").map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned));
    match (code, system.get("name").and_then(Value::as_str)) {
        (Some(code), _) => Crs::of_name(&format!("{authority}:{code}")),
        (None, Some(name)) => Crs::of_name(name),
        (None, None) => Crs::of_name("a coordinate reference system without a name"),
    }
}

/// Seconds since 1970 that are days of a calendar: the years -250,000 to 250,000, within which the library writes them.
const CALENDAR_S: std::ops::Range<i64> = -7_950_000_000_000..7_827_000_000_000;

fn object(row: &Row, out: &mut String) {
    out.push('{');
    for (index, (name, field)) in row.get_column_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&json_string(name));
        out.push(':');
        value(field, out);
    }
    out.push('}');
}

fn value(field: &Field, out: &mut String) {
    match field {
        Field::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Field::Float16(number) => float(f64::from(number.to_f32()), &number.to_string(), out),
        // The shortest text that is the same number in 32 bits.
        Field::Float(number) => float(f64::from(*number), &number.to_string(), out),
        Field::Double(number) if number.is_finite() => out.push_str(&json_number(*number)),
        Field::Null | Field::Double(_) => out.push_str("null"),
        Field::Str(text) => out.push_str(&json_string(text)),
        Field::Bytes(bytes) => out.push_str(&json_string(&bytes_text(bytes.data()))),
        Field::Group(row) => object(row, out),
        Field::ListInternal(list) => {
            out.push('[');
            for (index, item) in list.elements().iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                value(item, out);
            }
            out.push(']');
        }
        Field::MapInternal(map) => {
            out.push('{');
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&json_string(&key_text(key)));
                out.push(':');
                value(item, out);
            }
            out.push('}');
        }
        // The library panics at what is outside its calendar: that stays a number.
        Field::Date(days) if !CALENDAR_S.contains(&(i64::from(*days) * 86_400)) => {
            out.push_str(&days.to_string());
        }
        Field::TimestampMillis(count) if !CALENDAR_S.contains(&(count / 1_000)) => {
            out.push_str(&count.to_string());
        }
        Field::TimestampMicros(count) if !CALENDAR_S.contains(&(count / 1_000_000)) => {
            out.push_str(&count.to_string());
        }
        Field::Decimal(_)
        | Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::TimestampMillis(_)
        | Field::TimestampMicros(_) => out.push_str(&json_string(&field.to_string())),
        // All that is left are whole numbers.
        whole => out.push_str(&whole.to_string()),
    }
}

fn float(number: f64, text: &str, out: &mut String) {
    out.push_str(if number.is_finite() { text } else { "null" });
}

fn key_text(key: &Field) -> String {
    match key {
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => bytes_text(bytes.data()),
        other => other.to_string(),
    }
}

/// Text, which some programs write without saying that it is; else hexadecimal digits. A zero is in every WKB, and in no text.
fn bytes_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => text.to_owned(),
        _ => bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
            let digit = |half: u8| char::from_digit(half.into(), 16).expect("half a byte is a digit");
            digits.extend([digit(byte >> 4), digit(byte & 15)]);
            digits
        }),
    }
}

/// The file, of which parts are read here and there.
struct Chunks {
    file: File,
    read_bytes: Arc<Reading>,
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> ::parquet::errors::Result<Self::T> {
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ::parquet::errors::Result<Bytes> {
        self.read_bytes.count(length)?;
        self.file.get_bytes(start, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_system_is_honoured_or_refused() {
        let geo = |crs: &str| {
            format!(r#"{{"primary_column":"geom","columns":{{"geom":{{"encoding":"WKB"{crs}}}}}}}"#)
        };
        let named = |authority: &str, code: &str| {
            geo(&format!(r#","crs":{{"name":"x","id":{{"authority":"{authority}","code":{code}}}}}"#))
        };
        for fine in
            [geo(""), geo(r#","crs":null"#), named("OGC", "\"CRS84\""), named("EPSG", "4326"), "{}".into()]
        {
            assert_eq!(of_geo(&fine).1, Ok(Crs::Wgs84), "{fine}");
        }
        assert_eq!(of_geo(&named("EPSG", "3857")).1, Ok(Crs::WebMercator));
        assert!(of_geo(&named("EPSG", "25832")).1.unwrap_err().contains("EPSG:25832"));
        assert!(of_geo(&geo(r#","crs":{"name":"NAD27"}"#)).1.unwrap_err().contains("NAD27"));
        assert!(of_geo(&geo(r#","crs":{}"#)).1.is_err());
    }

    #[test]
    fn a_day_outside_the_calendar_stays_a_number() {
        let text = |field: Field| {
            let mut out = String::new();
            value(&field, &mut out);
            out
        };
        assert_eq!(text(Field::Date(20_000)), r#""2024-10-04""#);
        assert_eq!(text(Field::TimestampMicros(0)), r#""1970-01-01 00:00:00.000000 +00:00""#);
        for days in [i32::MIN, i32::MAX, 2_000_000_000, -100_000_000] {
            assert_eq!(text(Field::Date(days)), days.to_string());
        }
        for count in [i64::MIN, i64::MAX] {
            assert_eq!(text(Field::TimestampMillis(count)), count.to_string());
            assert_eq!(text(Field::TimestampMicros(count)), count.to_string());
        }
        // Both ends can be written.
        for second in [CALENDAR_S.start, CALENDAR_S.end - 1] {
            assert!(text(Field::TimestampMillis(second * 1_000)).starts_with('"'));
            assert!(text(Field::Date((second / 86_400) as i32)).starts_with('"'));
        }
    }

    #[test]
    fn bytes_are_text_or_digits() {
        assert_eq!(bytes_text(b"caf\xc3\xa9"), "café");
        assert_eq!(bytes_text(&[1, 1, 0, 0, 0, 0xff]), "0101000000ff");
    }
}
