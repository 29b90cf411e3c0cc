//! What is exported imports as the same places, and a file appears only when it is whole.

use cellar_jobs::export::{ExportError, ExportFormat, export, export_to_file};
use cellar_jobs::import::Silent;
use cellar_model::Collection;

use super::{Bench, COLLECTION, feature, imported};
use cellar_test_kit::memory::MemoryStore;

fn collection() -> Collection {
    COLLECTION.parse().unwrap()
}

async fn store_of(features: &[String]) -> MemoryStore {
    let store = MemoryStore::default();
    Bench::new("a.ndjson", features.join("\n").as_bytes()).run(&store).await.unwrap();
    store
}

fn features() -> Vec<String> {
    vec![
        feature("a\"\u{2028}#/é", 48.5, -0.000_000_1, r#"{"z":1.00000000000000000001,"a":"x\ny","n":null}"#),
        feature("b", -90.0, 180.0, "{}"),
        feature("c", 0.1 + 0.2, 1e-300, r#"{"deep":{"er":[1,"[",{}]}}"#),
    ]
}

#[tokio::test]
async fn an_export_imports_as_the_same_places() {
    for features in [features(), vec![]] {
        let store = store_of(&features).await;
        assert_eq!(store.places().len(), features.len());
        for name in ["a.geojson", "a.ndjson", "a.geojson.gz", "a.ndjson.gz"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            let format = ExportFormat::of_name(&path);
            let count = export_to_file(&store, &collection(), format, &path, &Silent).await.unwrap();
            assert_eq!(count.places, features.len() as u64);
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), name.contains(".gz"));
            assert_eq!(imported(name, bytes).await.0, store.places(), "{name}");
        }
    }
}

#[tokio::test]
async fn geojson_is_valid_and_ndjson_has_a_line_per_place() {
    let store = store_of(&features()).await;
    let text = async |format| {
        let mut out = Vec::new();
        export(&store, &collection(), format, &mut out, &Silent).await.unwrap();
        String::from_utf8(out).unwrap()
    };
    let whole: serde_json::Value = serde_json::from_str(&text(ExportFormat::Geojson).await).unwrap();
    assert_eq!(
        (&whole["type"], whole["features"].as_array().unwrap().len()),
        (&"FeatureCollection".into(), 3)
    );
    let lines = text(ExportFormat::Ndjson).await;
    assert_eq!(
        lines.lines().map(str::to_owned).collect::<Vec<_>>(),
        store.places().into_values().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn an_export_that_fails_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.geojson");
    std::fs::write(&path, "older").unwrap();
    let error =
        export_to_file(&MemoryStore::default(), &collection(), ExportFormat::Geojson, &path, &Silent).await;
    assert!(matches!(error, Err(ExportError::NoCollection(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");

    let store = store_of(&features()).await;
    export_to_file(&store, &collection(), ExportFormat::Geojson, &path, &Silent).await.unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().ends_with("]}\n"));
    let nowhere = directory.path().join("no/such/a.geojson");
    let error = export_to_file(&store, &collection(), ExportFormat::Geojson, &nowhere, &Silent).await;
    assert!(matches!(error, Err(ExportError::Output { .. })));
}
