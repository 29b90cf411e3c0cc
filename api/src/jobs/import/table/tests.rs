use super::*;

const HEADER: &str = "Name,ID,y,Lat,LONGITUDE,,population";

fn table(header: &str) -> Result<Table, String> {
    Table::new(header, b',', &ColumnNames::default()).map_err(|error| error.to_string())
}

fn place(text: &str) -> Result<Place, RowError> {
    table(HEADER).unwrap().place(text.as_bytes())
}

fn row(text: &str) -> Result<String, RowError> {
    place(text).map(|place| place.feature())
}

fn at(lat: &str, lon: &str) -> Result<(f64, f64), RowError> {
    place(&format!("n,1,,{lat},{lon},,")).map(|place| (place.position.lat(), place.position.lon()))
}

#[test]
fn columns_are_found_by_name() {
    let place = place("\"Le \"\"C\"\"\",a 1,7,48.5,2.25,x,1418").unwrap();
    assert_eq!((place.id.as_str(), place.position.lat(), place.position.lon()), ("a 1", 48.5, 2.25));
    assert_eq!(place.properties.as_json(), r#"{"Name":"Le \"C\"","y":7,"column_6":"x","population":1418}"#);
    assert_eq!(self::place(",1,,0,0,,").unwrap().properties.as_json(), "{}");
}

#[test]
fn options_name_other_columns() {
    let wanted = ColumnNames { id: Some("code".into()), lat: Some("B".into()), lon: Some("l".into()) };
    let table = Table::new("id;l;b;B;Code", b';', &wanted).map_err(|e| e.to_string()).unwrap();
    let place = table.place(b"old;2;x;48;new").unwrap();
    assert_eq!((place.id.as_str(), place.position.lat(), place.position.lon()), ("new", 48.0, 2.0));
    assert_eq!(place.properties.as_json(), r#"{"id":"old","b":"x"}"#);
    let missing = ColumnNames { id: Some("nr".into()), ..ColumnNames::default() };
    let error = Table::new("id,lat,lon", b',', &missing).err().unwrap().to_string();
    assert_eq!(error, "there is no column `nr`, which --id-column names; the columns are `id`, `lat`, `lon`");
}

#[test]
fn a_header_that_will_not_do_is_explained() {
    for (header, problem) in [
        ("code,lat,lon", "there is no column for the id (`id`); name it with --id-column NAME"),
        (
            "id,lat,name",
            "there is no column for the longitude (`lon`, `lng`, `long`, `longitude`, `x`); name it with --lon-column NAME",
        ),
        ("id,lat,LAT,lon", "both `lat` and `LAT` could be the latitude; choose with --lat-column NAME"),
        ("id,lat,lon,a,a", "two columns are named `a`"),
        ("id;lat;lon", "its cells seem to be separated by `;`; say --delimiter ';'"),
        ("id\tlat\tlon", "its cells seem to be separated by `\\t`; say --delimiter '\\t'"),
        ("id,lat,lon\r1,2,3", "its lines end with carriage returns only; convert them to newlines"),
    ] {
        let error = table(header).err().unwrap();
        assert!(error.starts_with(&format!("{problem}; the columns are `")), "{header}: {error}");
    }
}

#[test]
fn coordinates_are_plain_numbers_in_range() {
    assert_eq!(at("0", " -0.0 "), Ok((0.0, 0.0)));
    assert_eq!(at("-90", "180"), Ok((-90.0, 180.0)));
    assert_eq!(at("120.5", "45"), Err(RowError::Latitude { value: 120.5, swapped: true }));
    assert_eq!(at("120.5", "95"), Err(RowError::Latitude { value: 120.5, swapped: false }));
    assert_eq!(at("45", "-181"), Err(RowError::Longitude { value: -181.0, swapped: false }));
    for empty in ["", "  "] {
        assert_eq!(at("1", empty), Err(RowError::NoCoordinate { column: "LONGITUDE".into() }));
    }
    for wrong in ["NaN", "inf", "-infinity", "1e999", "north", "1 2", "48°"] {
        assert!(matches!(at(wrong, "1"), Err(RowError::NotANumber { .. })), "{wrong}");
    }
    let comma = at("\"48,5\"", "1").unwrap_err().to_string();
    assert_eq!(comma, "`Lat` is \"48,5\", not a number; write a decimal point, not a comma");
}

#[test]
fn a_row_that_will_not_do_is_explained() {
    assert_eq!(row("n,1,,1"), Err(RowError::CellCount { found: 4, expected: 7, lines: 1 }));
    let spread = row("n,1,,1,2,,3,\"a\nb\"").unwrap_err().to_string();
    assert_eq!(
        spread,
        "it has 8 cells, but the header has 7 (it spreads over 2 lines; is a quote not closed?)"
    );
    assert_eq!(row("n, ,,1,2,,"), Err(RowError::NoId { column: "ID".into() }));
    assert!(matches!(row("n,..,,1,2,,"), Err(RowError::Id { .. })));
    let latin1 = table(HEADER).unwrap().place(b"caf\xe9,1,,1,2,,").map(|place| place.feature());
    assert_eq!(latin1, Err(RowError::NotUtf8 { column: "Name".into() }));
}

#[test]
fn a_place_that_could_not_come_back_is_refused() {
    // A control character is one byte in a cell and six in JSON.
    let swollen = |count: usize| row(&format!("{},1,,1,2,,", "\u{1}".repeat(count)));
    assert!(swollen(10_000).is_ok_and(|feature| feature.len() <= MAX_FEATURE_BYTES));
    assert_eq!(swollen(11_000), Err(RowError::TooLarge));
}

#[test]
fn only_plain_exact_decimals_are_numbers() {
    for number in ["0", "7", "-7", "1418", "0.25", "-0.5", "123456789012345", "12345.6789012345", "0.000001"]
    {
        assert!(is_plain_number(number), "{number}");
    }
    for text in [
        "",
        "-",
        "-0",
        "01234",
        "+49",
        "1.50",
        "1.0",
        "1.",
        ".5",
        "1e5",
        "1234567890123456",
        "1,5",
        "1 000",
        "0x1F",
        "true",
        "null",
        "NaN",
        "1.2.3",
        "--1",
        "٣",
    ] {
        assert!(!is_plain_number(text), "{text}");
    }
}
