//! Formats that are known and not read: named for what they are, with what to do instead.

use super::super::format::Format;

/// By the first bytes of the input.
pub(super) fn by_magic(beginning: &[u8]) -> Option<String> {
    let begins = |magic: &[u8]| beginning.starts_with(magic);
    let at =
        |offset: usize, magic: &[u8]| beginning.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let ogr = "use `ogr2ogr -f GeoJSONSeq -t_srs EPSG:4326 /vsistdout/ FILE | cellar import - --collection NAME`, with \
               --generate-ids if it has no ids";
    let reason = match () {
        () if begins(&[0, 0, 0x27, 0x0a]) => format!("this is a shapefile; {ogr}"),
        () if begins(b"SQLite format 3\0") => format!("this is a SQLite database, perhaps a GeoPackage; {ogr}"),
        () if begins(b"fgb\x03") => format!("this is FlatGeobuf; {ogr}"),
        () if begins(b"PAR1") => {
            "this is Parquet, whose end says where its parts are; name the file, not packed, instead of a stream".into()
        }
        () if begins(b"ARROW1") => "this is an Arrow file; write it as CSV or Parquet".into(),
        () if begins(b"Obj\x01") => "this is Avro; write it as CSV or NDJSON".into(),
        () if begins(&[0xd0, 0xcf, 0x11, 0xe0]) => {
            "this is a workbook or document of old Microsoft Office; save the sheet as CSV (UTF-8) and import that".into()
        }
        () if begins(b"%PDF") => "this is a PDF; no places can be read from it".into(),
        () if begins(b"II*\0") || begins(b"MM\0*") => "this is a TIFF image; no places can be read from it".into(),
        () if begins(b"\x89PNG") || begins(&[0xff, 0xd8, 0xff]) => {
            "this is an image; no places can be read from it".into()
        }
        () if begins(b"7z\xbc\xaf\x27\x1c") => "this is a 7z archive; unpack it".into(),
        () if begins(b"Rar!") => "this is a RAR archive; unpack it".into(),
        () if begins(b"\x1f\x9d") => "this is compressed by `compress`; unpack it".into(),
        () if begins(b"\x04\x22\x4d\x18") => "this is compressed by LZ4; unpack it with `lz4 -d`".into(),
        () if at(257, b"ustar") => "this is a tar archive; unpack it and name the file to import".into(),
        () if begins(b"\x7fELF") || begins(b"MZ") && beginning.contains(&0) => "this is a program".into(),
        () => return None,
    };
    Some(reason)
}

/// By what the text begins with, where the format that was found cannot be.
pub(super) fn by_text(text: &[u8], format: Format) -> Option<String> {
    let head = text.trim_ascii_start();
    let lower = String::from_utf8_lossy(&head[..head.len().min(1024)]).to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some("this is a web page; perhaps the download asked for a login, or failed".into());
    }
    if head.starts_with(b"<") && !format.is_xml() && format != Format::Csv {
        return None;
    }
    if head.starts_with(b"<?xml") && !format.is_xml() {
        return Some(
            "this is XML of a kind that is not read (KML, GPX and OpenStreetMap XML are); use `ogr2ogr -f GeoJSONSeq \
             -t_srs EPSG:4326 /vsistdout/ FILE | cellar import - --collection NAME`"
                .into(),
        );
    }
    if matches!(format, Format::Geojson | Format::Json) && lower.contains("\"esrigeometry") {
        return Some("this is Esri JSON; ask the service for `f=geojson`, or use ogr2ogr".into());
    }
    if format == Format::Csv && head.iter().take(4096).filter(|&&b| b == 0).count() > 4 {
        return Some("this is binary data of a kind that is not known".into());
    }
    None
}
