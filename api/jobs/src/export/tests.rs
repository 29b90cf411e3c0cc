use std::time::Instant;

use async_trait::async_trait;
use cellar_model::PlaceId;
use cellar_model::condition::Conditions;
use cellar_model::place::{Place, Properties};
use cellar_store::{
    CollectionInfo, Maintenance, Previous, RangeRead, RangeRows, ScanPart, ScanPosition, Written,
};
use geo_index::Position;

use super::*;
use crate::progress::Silent;

#[test]
fn the_name_says_the_format() {
    for (name, format) in [
        ("a.geojson", ExportFormat::Geojson),
        ("a.json.gz", ExportFormat::Geojson),
        ("a", ExportFormat::Geojson),
        ("a.ndjson", ExportFormat::Ndjson),
        ("b/a.jsonl.gz", ExportFormat::Ndjson),
    ] {
        assert_eq!(ExportFormat::of_name(Path::new(name)), format, "{name}");
    }
}

/// Hands out so many parts of so many places each, and then fails or ends.
struct Parts {
    sizes: Vec<usize>,
    fails: bool,
}

fn place(part: usize, index: usize) -> Place {
    Place {
        id: format!("{part}-{index}").parse().unwrap(),
        position: Position::new(1.0, 2.0).unwrap(),
        properties: Properties::empty(),
    }
}

#[async_trait]
impl Store for Parts {
    async fn scan(&self, _: &Collection, from: Option<ScanPosition>) -> Result<ScanPart, StoreError> {
        let part: usize = from.map_or(0, |position| position.0.parse().unwrap());
        if self.fails && part == self.sizes.len() {
            return Err(StoreError::Throttled);
        }
        let places = (0..self.sizes[part]).map(|index| place(part, index)).collect();
        let goes_on = self.fails || part + 1 < self.sizes.len();
        Ok(ScanPart { places, next: goes_on.then(|| ScanPosition((part + 1).to_string())) })
    }

    async fn collection(&self, name: &Collection) -> Result<Option<CollectionInfo>, StoreError> {
        Ok(Some(CollectionInfo { name: name.clone(), title: None }))
    }

    async fn read_range(&self, _: &RangeRead, _: Instant) -> Result<RangeRows, StoreError> {
        unreachable!()
    }

    async fn get(&self, _: &Collection, _: &PlaceId) -> Result<Option<Place>, StoreError> {
        unreachable!()
    }

    async fn put(&self, _: &Collection, _: &Place) -> Result<Previous, StoreError> {
        unreachable!()
    }

    async fn delete(&self, _: &Collection, _: &PlaceId) -> Result<Previous, StoreError> {
        unreachable!()
    }

    async fn put_each(&self, _: &Collection, _: &[Place]) -> Result<Vec<Previous>, StoreError> {
        unreachable!()
    }

    async fn put_if(&self, _: &Collection, _: &Place, _: &Conditions) -> Result<Written, StoreError> {
        unreachable!()
    }

    async fn delete_if(&self, _: &Collection, _: &PlaceId, _: &Conditions) -> Result<Written, StoreError> {
        unreachable!()
    }

    async fn put_many(&self, _: &Collection, _: &[Place]) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        unreachable!()
    }

    async fn put_collection(&self, _: &CollectionInfo) -> Result<bool, StoreError> {
        unreachable!()
    }

    async fn note(&self, _: &str) -> Result<Option<String>, StoreError> {
        unreachable!()
    }

    async fn put_note(&self, _: &str, _: Option<&str>) -> Result<(), StoreError> {
        unreachable!()
    }

    fn maintenance(&self) -> &dyn Maintenance {
        unreachable!()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        unreachable!()
    }
}

#[tokio::test]
async fn parts_are_joined_even_when_some_are_empty() {
    let store = Parts { sizes: vec![0, 2, 0, 1, 0], fails: false };
    let mut out = Vec::new();
    let collection = "places".parse().unwrap();
    let count = export(&store, &collection, ExportFormat::Geojson, &mut out, &Silent).await.unwrap().places;
    let whole: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let ids: Vec<_> =
        whole["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap()).collect();
    assert_eq!((count, ids), (3, vec!["1-0", "1-1", "3-0"]));
}

#[tokio::test]
async fn an_export_cut_off_never_looks_complete() {
    let store = Parts { sizes: vec![2], fails: true };
    let collection = "places".parse().unwrap();
    let mut out = Vec::new();
    let outcome = export(&store, &collection, ExportFormat::Geojson, &mut out, &Silent).await;
    assert!(matches!(outcome, Err(ExportError::Store(_))));
    assert!(out.ends_with(b"}") && serde_json::from_slice::<serde_json::Value>(&out).is_err());

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.ndjson.gz");
    let outcome = export_to_file(&store, &collection, ExportFormat::Ndjson, &path, &Silent).await;
    assert!(matches!(outcome, Err(ExportError::Store(_))));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "no file and no temporary file");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_has_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    let (path, other) = (directory.path().join("a.geojson"), directory.path().join("other"));
    std::fs::write(&other, "").unwrap();
    let store = Parts { sizes: vec![1], fails: false };
    let collection = "places".parse().unwrap();
    export_to_file(&store, &collection, ExportFormat::Geojson, &path, &Silent).await.unwrap();
    assert_eq!(mode(&path), mode(&other));
}
