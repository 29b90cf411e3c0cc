use super::*;
use crate::options::{ColumnNames, ReadOptions};
use crate::plan::{Evidence, Plan};

const HEADER: &str = "Name,ID,y,Lat,LONGITUDE,,population";

fn table_of(text: &str, options: &ReadOptions) -> Result<Table, String> {
    let evidence = Evidence { name: "a.csv", beginning: text.as_bytes(), whole: true, ..Evidence::default() };
    let plan = Plan::recognise(&evidence, options).map_err(|error| error.to_string())?;
    let typed: Vec<String> = options.types.iter().map(|(name, _)| name.clone()).collect();
    Ok(Table::new(&plan, &typed).unwrap())
}

/// The place of the first row, whose cells alone decide about types.
fn place(row: &str) -> Result<Place, RowError> {
    let table = table_of(&format!("{HEADER}\n{row}\n"), &ReadOptions::default()).unwrap();
    table.row(row.as_bytes()).map(|row| row.place)
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
    assert_eq!(place.properties.as_json(), r#"{"name":"Le \"C\"","y":7,"column_6":"x","population":1418}"#);
    assert_eq!(self::place(",1,,0,0,,").unwrap().properties.as_json(), "{}");
}

#[test]
fn options_name_other_columns() {
    let wanted = ColumnNames {
        id: Some("code".into()),
        lat: Some("B".into()),
        lon: Some("l".into()),
        ..ColumnNames::default()
    };
    let options = ReadOptions { columns: wanted, ..ReadOptions::default() };
    let table = table_of("id;l;b;B;Code\nold;2;x;48;new\n", &options).unwrap();
    let place = table.row(b"old;2;x;48;new").unwrap().place;
    assert_eq!((place.id.as_str(), place.position.lat(), place.position.lon()), ("new", 48.0, 2.0));
    assert_eq!(place.properties.as_json(), r#"{"id":"old","b":"x"}"#);
    let columns = ColumnNames { id: Some("nr".into()), ..ColumnNames::default() };
    let error = table_of("id,lat,lon", &ReadOptions { columns, ..ReadOptions::default() }).err().unwrap();
    assert_eq!(error, "there is no column `nr`, which --id-column names; the columns are `id`, `lat`, `lon`");
}

#[test]
fn a_header_that_will_not_do_is_explained() {
    for (header, problem) in [
        (
            "code,lat,lon",
            "there is no column for the id (`id`); name it with --id-column NAME, or make ids with --generate-ids",
        ),
        (
            "id,lat,name",
            "there is no column for the longitude (`lon`, `lng`, `long`, `longitude`, `x`); name it with --lon-column NAME",
        ),
        ("id,lat,LAT,lon", "both `lat` and `LAT` could be the latitude; choose with --lat-column NAME"),
    ] {
        let error = table_of(header, &ReadOptions::default()).err().unwrap();
        assert!(error.starts_with(&format!("{problem}; the columns are `")), "{header}: {error}");
    }
}

#[test]
fn coordinates_are_numbers_in_range() {
    assert_eq!(at("0", " -0.0 "), Ok((0.0, 0.0)));
    assert_eq!(at("-90", "180"), Ok((-90.0, 180.0)));
    assert_eq!(at("48°51'N", "2.35E"), Ok((48.85, 2.35)));
    let latitude = |swapped| Err(RowError::Range(Fault::Latitude { value: 120.5, swapped }));
    assert_eq!(at("120.5", "45"), latitude(true));
    assert_eq!(at("120.5", "95"), latitude(false));
    assert_eq!(at("45", "-181"), Err(RowError::Range(Fault::Longitude { value: -181.0, swapped: false })));
    for empty in ["", "  "] {
        assert_eq!(at("1", empty), Err(RowError::NoCoordinate { column: "LONGITUDE".into() }));
    }
    for wrong in ["NaN", "inf", "-infinity", "1e999", "north", "1 2", "48°61'N", "48E"] {
        assert!(matches!(at(wrong, "1"), Err(RowError::NotANumber { .. })), "{wrong}");
    }
    let comma = at("\"48,5\"", "1").unwrap_err().to_string();
    assert_eq!(
        comma,
        "`Lat` is \"48,5\", not a number; write a decimal point, not a comma, or say --decimal-comma"
    );
}

#[test]
fn a_row_that_will_not_do_is_explained() {
    assert_eq!(row("n,1,,1"), Err(RowError::CellCount { found: 4, expected: 7, lines: 1 }));
    let spread = row("n,1,,1,2,,3,\"a\nb\"").unwrap_err().to_string();
    assert_eq!(
        spread,
        "it has 8 cells, but the header has 7 (it spreads over 2 lines; is a quote not closed?)"
    );
    assert!(row("n,1,,1,2,,3,,").is_ok(), "empty cells too many");
    assert_eq!(row("n, ,,1,2,,"), Err(RowError::NoId { column: "ID".into() }));
    assert!(matches!(row("n,nan,,1,2,,"), Err(RowError::MissingId { .. })));
    assert!(matches!(row("n,..,,1,2,,"), Err(RowError::Id { .. })));
    let table = table_of(HEADER, &ReadOptions::default()).unwrap();
    let latin1 = table.row(b"caf\xe9,1,,1,2,,").map(|row| row.place.feature());
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
fn categories_and_names_are_set_beside_what_they_came_from() {
    let properties = |header: &str, row: &str| {
        let table = table_of(&format!("{header}\n{row}\n"), &ReadOptions::default()).unwrap();
        table.row(row.as_bytes()).unwrap().place.properties.as_json().to_owned()
    };
    for (header, row, expected) in [
        ("id,lat,lon,category", "1,2,3,7", r#"{"category":"7"}"#),
        ("id,lat,lon,Category", "1,2,3, cafe ", r#"{"category":"cafe"}"#),
        ("id,lat,lon,category", "1,2,3,cafe; bar", r#"{"category":["cafe","bar"]}"#),
        ("id,lat,lon,category,name", "1,2,3, ,", "{}"),
        ("stop_id,stop_name,lat,lon", "1, A ,2,3", r#"{"stop_name":" A ","name":"A"}"#),
    ] {
        assert_eq!(properties(header, row), expected, "{header}");
    }
}

#[test]
fn generated_ids_depend_on_what_a_row_holds() {
    let options = ReadOptions { generate_ids: true, ..ReadOptions::default() };
    let id = |header: &str, row: &str| {
        let row = table_of(&format!("{header}\n{row}\n"), &options).unwrap().row(row.as_bytes()).unwrap();
        (row.place.id.to_string(), row.generated)
    };
    let first = id("lat,lon,n", "1,2,7");
    assert!(first.1 && first.0.len() == 32);
    assert_eq!(first, id("lat,lon,n", "1,2,\"7\""), "the type of a column does not matter");
    assert_ne!(first, id("lat,lon,n", "1,2,8"));
    assert_eq!(id("id,lat,lon", "x,1,2"), ("x".into(), false));
    assert!(id("id,lat,lon", "nan,1,2").1);
}

#[test]
fn declared_types_are_kept_or_the_row_is_rejected() {
    let types = vec![("price".to_owned(), Kind::Number), ("open".to_owned(), Kind::Boolean)];
    let options = ReadOptions { types, ..ReadOptions::default() };
    let table = table_of("id,lat,lon,price,open\n", &options).unwrap();
    let properties =
        |row: &str| table.row(row.as_bytes()).map(|row| row.place.properties.as_json().to_owned());
    assert_eq!(properties("1,2,3,1.50,yes").unwrap(), r#"{"price":1.50,"open":true}"#);
    assert!(matches!(properties("1,2,3,cheap,yes"), Err(RowError::Kind { what: "a number", .. })));
    assert!(matches!(properties("1,2,3,1,perhaps"), Err(RowError::Kind { .. })));
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
