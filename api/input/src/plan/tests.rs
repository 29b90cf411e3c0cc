use std::fmt::Write as _;

use super::*;
use crate::names::Role;
use crate::position::{Crs, Order};

/// How a text under a name is recognised.
fn recognised(name: &str, text: &[u8], options: &ReadOptions) -> Result<Plan, String> {
    let evidence = Evidence { name, beginning: text, whole: true, ..Evidence::default() };
    Plan::recognise(&evidence, options).map_err(|error| error.to_string())
}

fn plan(name: &str, text: &str) -> Plan {
    recognised(name, text.as_bytes(), &ReadOptions::default()).unwrap()
}

fn roles(plan: &Plan) -> Vec<(&str, Role)> {
    let columns = &plan.table.as_ref().unwrap().columns;
    columns.iter().filter_map(|column| Some((column.name.as_str(), column.role?))).collect()
}

fn delimiter(plan: &Plan) -> char {
    char::from(plan.dialect().delimiter)
}

#[test]
fn separators_are_found_where_they_give_a_position() {
    for (name, text, expected) in [
        ("a.csv", "id,lat,lon\n1,2,3\n", ','),
        ("a.csv", "id;lat;lon;name\n1;2;3;A, b\n", ';'),
        ("a.tsv", "id\tlat\tlon\tname, or not\n1\t2\t3\tB \"x\n", '\t'),
        ("-", "id|lat|lon\n1|2|3\n", '|'),
        ("a.csv", "sep=;\nid;lat;lon\n1;2;3\n", ';'),
        ("a.csv", "name,\"a;b;c\",id,lat,lon\n", ','),
    ] {
        assert_eq!(delimiter(&plan(name, text)), expected, "{text}");
    }
    let said = ReadOptions { delimiter: Some(b';'), ..ReadOptions::default() };
    let error = recognised("a.csv", b"id,lat,lon\n", &said).unwrap_err();
    assert!(error.starts_with("its cells seem to be separated by `,`; say --delimiter ','"), "{error}");
}

#[test]
fn what_stands_before_the_header_is_passed_over() {
    assert_eq!(plan("a.csv", "# made today\n# by hand\nid,lat,lon\n1,2,3\n").skip_lines, 2);
    assert_eq!(plan("a.csv", "sep=,\nid,lat,lon\n1,2,3\n").skip_lines, 1);
    assert_eq!(plan("a.csv", "#id,lat,lon\n1,2,3\n").skip_lines, 0, "a header may begin with #");
    let options = ReadOptions { skip_lines: 2, ..ReadOptions::default() };
    let text = b"Report\nof stations\nid,lat,lon\n1,2,3\n";
    assert_eq!(recognised("a.csv", text, &options).unwrap().skip_lines, 2);
    // More than there is: nothing goes on for ever.
    let options = ReadOptions { skip_lines: u64::MAX, ..ReadOptions::default() };
    assert!(recognised("a.csv", text, &options).is_err());
}

/// Time grows with the number of columns, not with its square or cube.
#[test]
fn many_columns_of_one_name_are_told_in_a_few_words() {
    let header = format!("id,lat,lon{}\n1,2,3\n", ",a".repeat(20_000));
    let plan = plan("a.csv", &header);
    assert_eq!(plan.table.as_ref().unwrap().columns.last().unwrap().name, "a_20000");
    assert_eq!(plan.notes.len(), 11, "{:?}", plan.notes);
    assert_eq!(plan.notes[10], "19989 more columns have names that came before");
}

#[test]
fn columns_are_found_by_the_names_that_people_use() {
    for (text, expected) in [
        ("ID,Name,Category,Lat,Lon\n", "ID Name Category Lat Lon"),
        ("stop_id,stop_name,stop_lat,stop_lon\n", "stop_id stop_name stop_lat stop_lon"),
        ("id,ident,name,latitude_deg,longitude_deg\n", "id name latitude_deg longitude_deg"),
        ("id,latitudeE7,longitudeE7\n", "id latitudeE7 longitudeE7"),
        ("ident,coordinates\n1,\"40.07, -74.93\"\n", "ident coordinates"),
        ("id,name,geom\n1,A,POINT (2 48)\n", "id name geom"),
        ("id,location,lat,lon\n1,Paris,48,2\n", "id lat lon"),
    ] {
        let plan = plan("a.csv", text);
        let names: Vec<&str> = roles(&plan).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.join(" "), expected);
    }
    let e7 = plan("a.csv", "id,latitudeE7,longitudeE7\n");
    assert_eq!(e7.table.unwrap().columns.iter().filter(|column| column.e7).count(), 2);
}

#[test]
fn the_order_of_a_pair_is_that_of_its_name_or_of_values_that_allow_one_only() {
    for (text, order) in [
        ("id,coordinates\n1,\"40.07, -74.93\"\n", Order::LatLon),
        ("id,coordinates\n1,\"-74.93, 40.07\"\n2,\"-122.1, 37\"\n", Order::LonLat),
        ("id,lon_lat\n1,\"2, 48\"\n", Order::LonLat),
        ("id,coordinates\n1,\"2, 48\"\n", Order::LatLon),
    ] {
        assert_eq!(plan("a.csv", text).rules.order, order, "{text}");
    }
}

#[test]
fn a_column_has_one_type() {
    let text = "id,lat,lon,zip,phone,stop_code,people,height\n\
                1,2,3,\"02134\",6175550100,0012,5,1.5\n\
                2,2,3,\"90210\",+1 310,1000,,2\n";
    let plan = plan("a.csv", text);
    let numbers: Vec<&str> = plan
        .table
        .as_ref()
        .unwrap()
        .columns
        .iter()
        .filter(|column| column.kind == Kind::Number)
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(numbers, ["people", "height"]);
    let types = vec![("people".to_owned(), Kind::Text), ("Zip".to_owned(), Kind::Number)];
    let options = ReadOptions { types, ..ReadOptions::default() };
    let columns = recognised("a.csv", text.as_bytes(), &options).unwrap().table.unwrap().columns;
    assert_eq!((columns[3].kind, columns[6].kind), (Kind::Number, Kind::Text));
    let options = ReadOptions { types: vec![("nr".into(), Kind::Text)], ..ReadOptions::default() };
    assert!(
        recognised("a.csv", text.as_bytes(), &options).unwrap_err().starts_with("there is no column `nr`")
    );
}

#[test]
fn types_are_decided_by_all_rows_where_they_can_be_read_twice() {
    let mut text = String::from("id,lat,lon,zip\n");
    for row in 0..3_000 {
        writeln!(text, "{row},1,2,{}", 10_000 + row).unwrap();
    }
    text += "last,1,2,02134\n";
    let all = text.clone().into_bytes();
    let reopen = move || -> io::Result<Box<dyn Read + Send>> { Ok(Box::new(Cursor::new(all.clone()))) };
    let beginning = &text.as_bytes()[..20_000];
    let kind = |reopen: Option<Reopen<'_>>| {
        let evidence = Evidence { name: "a.csv", beginning, reopen, ..Evidence::default() };
        let table = Plan::recognise(&evidence, &ReadOptions::default()).unwrap().table.unwrap();
        (table.columns[3].kind, table.all_rows)
    };
    assert_eq!(kind(Some(&reopen)), (Kind::Text, true));
    assert_eq!(kind(None), (Kind::Number, false), "a stream is judged by its beginning");
}

#[test]
fn decimal_commas_and_escapes_are_seen() {
    let commas = plan("a.csv", "id;lat;lon\n1;48,85;2,35\n");
    assert!(commas.rules.decimal_comma);
    assert!(!plan("a.csv", "id;lat;lon\n1;48.85;2.35\n").rules.decimal_comma);
    assert!(plan("a.csv", "id,lat,lon,name\n1,2,3,\"A \\\"quoted\\\" b\"\n").dialect().backslash);
    assert!(
        !plan("a.csv", "id,lat,lon,name\n1,2,3,\"C:\\\"\n").dialect().backslash,
        "a path that ends in \\"
    );
}

#[test]
fn a_second_column_of_a_name_is_kept_under_another() {
    let plan = plan("a.csv", "id,lat,lon,name,name,name_2\n");
    let names: Vec<&str> =
        plan.table.as_ref().unwrap().columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "lat", "lon", "name", "name_2", "name_2_2"]);
    assert_eq!(plan.notes.len(), 2);
    assert!(plan.to_string().contains("it is kept as `name_2`"), "{plan}");
}

#[test]
fn a_table_without_a_header_is_named_or_asked_for() {
    let text = b"1,48.85,2.35,A\n2,48.86,2.36,B\n";
    let error = recognised("a.csv", text, &ReadOptions::default()).unwrap_err();
    assert!(error.contains("name them with --columns") && error.contains("`48.85`"), "{error}");
    let header = ["id", "lat", "lon", "name"].map(str::to_owned).to_vec();
    let options = ReadOptions { header, ..ReadOptions::default() };
    let plan = recognised("a.csv", text, &options).unwrap();
    assert!(!plan.table.unwrap().header);
    let geonames = ReadOptions { preset: Some(super::super::Preset::Geonames), ..ReadOptions::default() };
    let row = [
        "7", "A", "A", "\"x", "42.5", "1.5", "P", "PPL", "AD", "", "08", "", "", "", "5", "", "", "E", "2024",
    ];
    let plan = recognised("AD.txt", row.join("\t").as_bytes(), &geonames).unwrap();
    assert!(!plan.dialect().quotes && delimiter(&plan) == '\t');
    assert!(roles(&plan).contains(&("feature_code", Role::Category)));
}

#[test]
fn options_that_say_nothing_about_the_format_are_refused() {
    let feature = br#"{"type":"FeatureCollection","features":[]}"#;
    let refused = |options: ReadOptions| recognised("a.geojson", feature, &options).unwrap_err();
    let named = |id: &str| super::super::ColumnNames { id: Some(id.into()), ..Default::default() };
    assert_eq!(
        refused(ReadOptions { columns: named("x"), ..ReadOptions::default() }),
        "--id-column says nothing about a GeoJSON FeatureCollection; use --id-property NAME"
    );
    for options in [
        ReadOptions { delimiter: Some(b';'), ..ReadOptions::default() },
        ReadOptions { skip_lines: 1, ..ReadOptions::default() },
        ReadOptions { decimal_comma: true, ..ReadOptions::default() },
        ReadOptions { header: vec!["id".into()], ..ReadOptions::default() },
        ReadOptions { types: vec![("a".into(), Kind::Text)], ..ReadOptions::default() },
    ] {
        assert!(refused(options).contains("says nothing about a GeoJSON"));
    }
    let options = ReadOptions { id_property: Some("x".into()), ..ReadOptions::default() };
    assert_eq!(
        recognised("a.csv", b"id,lat,lon\n", &options).unwrap_err(),
        "--id-property says nothing about CSV; use --id-column NAME"
    );
}

#[test]
fn a_declared_reference_system_is_honoured_or_refused() {
    let crs = |name: &str, after: bool| {
        let crs = format!(r#""crs":{{"type":"name","properties":{{"name":"{name}"}}}}"#);
        let features = r#""features":[{"type":"Feature"}]"#;
        let parts = if after { [features, &crs] } else { [&crs, features] };
        recognised("a.geojson", format!("{{{}}}", parts.join(",")).as_bytes(), &ReadOptions::default())
    };
    for after in [false, true] {
        assert_eq!(crs("urn:ogc:def:crs:OGC:1.3:CRS84", after).unwrap().rules.crs, Crs::Wgs84);
        assert_eq!(crs("urn:ogc:def:crs:EPSG::3857", after).unwrap().rules.crs, Crs::WebMercator);
        assert!(crs("urn:ogc:def:crs:EPSG::4267", after).unwrap_err().contains("urn:ogc:def:crs:EPSG::4267"));
    }
}

#[test]
fn what_is_not_read_is_named() {
    for (name, beginning, what) in [
        ("a.shp", &[0, 0, 0x27, 0x0a, 0, 0][..], "a shapefile"),
        ("a.gpkg", b"SQLite format 3\0", "GeoPackage"),
        ("a.fgb", b"fgb\x03fgb\0", "FlatGeobuf"),
        ("a", b"%PDF-1.7", "PDF"),
        ("a.xls", &[0xd0, 0xcf, 0x11, 0xe0], "Office"),
        ("a.csv", b"<!DOCTYPE html>\n<html>", "a web page"),
        ("a.gml", b"<?xml version=\"1.0\"?><gml:FeatureCollection>", "XML of a kind"),
        ("a.parquet", b"PAR1\x15\x04", "Parquet"),
    ] {
        let error = recognised(name, beginning, &ReadOptions::default()).unwrap_err();
        assert!(error.contains(what), "{name}: {error}");
    }
}

#[test]
fn members_of_plain_objects_are_found() {
    for (name, text, expected) in [
        ("a.json", r#"[{"id":1,"lat":48,"lon":2}]"#, "id `id`, latitude `lat`, longitude `lon`"),
        (
            "a.ndjson",
            r#"{"ID":1,"AddressInfo":{"Latitude":48,"Longitude":2}}"#,
            "id `ID`, latitude `AddressInfo.Latitude`, longitude `AddressInfo.Longitude`",
        ),
        (
            "a.json",
            r#"{"rows":[{"uuid":"x","location":{"type":"Point","coordinates":[2,48]}}]}"#,
            "id `uuid`, position `location`",
        ),
    ] {
        let told = plan(name, text).to_string();
        assert!(told.contains(&format!("members: {expected}")), "{told}");
    }
    let error =
        recognised("a.ndjson", b"{\"id\":1,\"town\":\"Paris\"}\n", &ReadOptions::default()).unwrap_err();
    assert!(error.contains("no latitude and longitude were found") && error.contains("`town`"), "{error}");
    let error = recognised("a.json", b"[{\"lat\":1,\"lon\":2}]", &ReadOptions::default()).unwrap_err();
    assert!(error.contains("--generate-ids"), "{error}");
}

#[test]
fn a_plan_is_kept_as_json() {
    let plan = plan("a.csv", "id;lat;lon;name\n1;48,85;2,35;A\n");
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}
