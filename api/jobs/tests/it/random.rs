//! Any set of rows imports to the same places, whatever the format.

use std::collections::BTreeMap;

use cellar_jobs::import::{Import, Silent, import};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Bench, feature, gzip};
use cellar_test_kit::memory::{Effect, End, MemoryStore};

#[derive(Clone, Debug)]
struct Row {
    id: String,
    lat: f64,
    lon: f64,
    cells: [String; 2],
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let cell = prop_oneof![
        "[a-z\",;'\n\r\t é💧\\\\{}]{0,12}",
        "-?0?[0-9]{1,17}(\\.[0-9]{1,4})?",
        Just(String::new())
    ];
    let id =
        "[ -~é]{1,12}".prop_filter("ids that no URL can carry", |id| !matches!(id.trim(), "" | "." | ".."));
    let row = (id, -90.0..=90.0, -180.0..=180.0, [cell.clone(), cell])
        .prop_map(|(id, lat, lon, cells)| Row { id: id.trim().to_owned(), lat, lon, cells });
    proptest::collection::vec(row, 0..30)
}

/// The other way to say which cells are numbers: they are written as they would be printed.
fn is_number(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    cell.parse::<f64>()
        .is_ok_and(|number| number.is_finite() && number.to_string() == cell && digits <= 15 && cell != "-0")
}

/// A column is of numbers if all its cells are.
fn of_numbers(rows: &[Row], column: usize) -> bool {
    rows.iter().map(|row| &row.cells[column]).filter(|cell| !cell.is_empty()).all(|cell| is_number(cell))
}

fn feature_of(rows: &[Row], row: &Row) -> String {
    let mut properties = Vec::new();
    for (column, name) in ["name, \"quoted\"", "b"].into_iter().enumerate() {
        let cell = row.cells[column].as_str();
        let value: Value = if of_numbers(rows, column) {
            serde_json::from_str(cell).unwrap_or_default()
        } else {
            cell.into()
        };
        if !cell.is_empty() {
            properties.push(format!("{}:{value}", json!(name)));
        }
    }
    feature(&row.id, row.lat, row.lon, &format!("{{{}}}", properties.join(",")))
}

fn csv(rows: &[Row]) -> Vec<u8> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(["lon", "name, \"quoted\"", "id", "b", "lat"]).unwrap();
    for Row { id, lat, lon, cells: [a, b] } in rows {
        writer.write_record([&lon.to_string(), a, id, b, &lat.to_string()]).unwrap();
    }
    writer.into_inner().unwrap()
}

/// The same rows in every format.
fn written(rows: &[Row]) -> Vec<(&'static str, Vec<u8>)> {
    let features: Vec<String> = rows.iter().map(|row| feature_of(rows, row)).collect();
    let spread: Vec<String> = features
        .iter()
        .map(|f| f.replacen("{\"type\":\"Feature\",", "{\n \"type\" :\t\"Feature\",\r\n", 1))
        .collect();
    let csv = csv(rows);
    let (first, second) = csv.split_at(csv.len() / 2);
    let lines = features.join("\r\n");
    vec![
        ("a.csv.gz", [gzip(first), gzip(second)].concat()),
        ("a.csv", csv),
        ("a.ndjson.gz", gzip(lines.as_bytes())),
        ("a.ndjson", lines.into()),
        ("a.geojsonseq", format!("\x1e{}\n", spread.join("\n\x1e")).into()),
        ("a.geojson", format!("{{\"features\": [{}]}}", spread.join(",")).into()),
    ]
}

fn expected(rows: &[Row]) -> BTreeMap<String, String> {
    rows.iter().map(|row| (row.id.clone(), feature_of(rows, row))).collect()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_formats_import_the_same_places(rows in rows()) {
        for (name, content) in written(&rows) {
            let (bench, store) = (Bench::new(name, &content), MemoryStore::default());
            let summary = wait(bench.run(&store)).map_err(|error| TestCaseError::fail(format!("{name}: {error}")))?;
            prop_assert_eq!(summary.read, rows.len() as u64, "{}: {:?}", name, bench.rejects());
            prop_assert_eq!(summary.rejected, 0, "{}: {:?}", name, bench.rejects());
            prop_assert_eq!(store.places(), expected(&rows), "{}", name);
        }
    }

    #[test]
    fn a_run_cut_off_anywhere_is_completed_by_the_next(
        rows in rows(), chunk_records in 1..6usize, write in 0..16usize, half: bool, format in 0..6usize,
    ) {
        let (name, content) = written(&rows).swap_remove(format);
        let effect = if half { Effect::Half } else { Effect::All };
        let store = MemoryStore::failing((write, effect, End::Error));
        let bench = Bench::new(name, &content);
        let run = || wait(import(Import { chunk_records, ..bench.job() }, &store, &Silent));
        let cut_off = run().is_err();
        prop_assert_eq!(cut_off, store.mend(), "it was cut off unless the write lies beyond the end");
        run().map_err(|error| TestCaseError::fail(format!("{name}: {error}")))?;
        prop_assert_eq!(store.places(), expected(&rows));
        prop_assert!(bench.rejected().is_empty());
    }
}
