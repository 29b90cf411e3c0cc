//! Real data, if it is there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use cellar_jobs::import::{Import, Input, Silent, import};

use super::{COLLECTION, read_rejects};
use cellar_test_kit::data_file;
use cellar_test_kit::memory::MemoryStore;

/// Rows to import where the real ones are missing.
fn generated(path: &Path, rows: u64) {
    let mut csv = String::from("id,name,category,lat,lon\n");
    for n in 0..rows {
        let (lat, lon) =
            ((n * 7919 % 180_000) as f64 / 1e3 - 90.0, (n * 104_729 % 360_000) as f64 / 1e3 - 180.0);
        writeln!(csv, "gen-{n},\"Place \"\"{n}\"\"\",a,{lat},{lon}").unwrap();
    }
    std::fs::write(path, csv).unwrap();
}

/// What the csv crate reads: id, latitude, longitude and name of every row whose coordinates are numbers.
fn reference(path: &Path) -> BTreeMap<String, (f64, f64, String)> {
    let mut reader = ::csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (id, lat, lon, name) = (column("id"), column("lat"), column("lon"), column("name"));
    let rows = reader.into_records().map(Result::unwrap);
    rows.filter_map(|row| {
        Some((row[id].to_owned(), (row[lat].parse().ok()?, row[lon].parse().ok()?, row[name].to_owned())))
    })
    .collect()
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

async fn assert_all_stored_or_listed(name: &str, rows: u64) {
    let directory = tempfile::tempdir().unwrap();
    let path = data_file(name).unwrap_or_else(|| {
        println!("{name} is not there; importing generated rows instead");
        let path = directory.path().join(name);
        generated(&path, rows);
        path
    });
    let store = MemoryStore::default();
    let rejects = directory.path().join("rejected.jsonl");
    let job = Import {
        rejects: Some(rejects.clone()),
        ..Import::new(COLLECTION.parse().unwrap(), Input::File(path.clone()))
    };
    let began = Instant::now();
    let summary = import(job, &store, &Silent).await.unwrap();
    println!("{name}: {} rows in {:?}, {} rejected", summary.read, began.elapsed(), summary.rejected);

    assert_eq!(summary.read, rows);
    assert_eq!(summary.stored + summary.rejected + summary.repeated, rows);
    assert_eq!(read_rejects(&rejects).len() as u64, summary.rejected);
    let (places, mut reference) = (store.places(), reference(&path));
    for reject in read_rejects(&rejects) {
        reference.remove(&reject.id.expect("every row of these files has an id"));
    }
    assert_eq!(places.len(), reference.len());
    for (id, (lat, lon, name)) in reference {
        let place = &places[&id];
        assert!(place.contains(&format!("[{},{}]", json(&lon), json(&lat))), "{id}: {place}");
        let named = [json(&name), name.clone()].map(|name| format!("\"name\":{name}"));
        assert!(name.is_empty() || named.iter().any(|name| place.contains(name)), "{id}: {place}");
    }
}

#[tokio::test]
async fn all_breweries_are_stored_or_listed() {
    assert_all_stored_or_listed("breweries.csv", 9_387).await;
}

#[tokio::test]
async fn all_cities_are_stored_or_listed() {
    assert_all_stored_or_listed("cities.csv", 155_210).await;
}

#[tokio::test]
async fn all_navaids_are_stored_or_listed() {
    assert_all_stored_or_listed("navaids.csv", 11_008).await;
}
