//! Exports in DynamoDB's layout: restored into an empty table of the real engine, damaged, and cut off.

mod bed;
mod damaged;
mod resumed;

use cellar_jobs::import::{Import, Input, ReadOptions, Silent, import};
use cellar_store::Store;

use self::bed::{Bed, contents, filled_store, lines_of, open, rewrite};
use super::read_rejects;
use cellar_test_kit::{collection, fresh_store};

#[tokio::test]
async fn a_restored_table_has_the_same_places_collections_and_checksum() {
    let (store, empty) = (filled_store().await, fresh_store().await);
    let bed = Bed::of(&store).await;
    assert_eq!((bed.written.collections, bed.written.places), (3, 23));
    assert_eq!(bed.written.files, 4, "26 items, 7 a file");

    let summary = import(bed.job(), &*empty, &Silent).await.unwrap();
    assert_eq!((summary.read, summary.stored, summary.collections), (26, 23, 3));
    assert_eq!((summary.rejected, summary.repeated, summary.skipped), (0, 0, 0));
    assert_eq!(contents(&empty).await, contents(&store).await);
    assert_eq!(summary.checksum, bed.written.checksum);
    assert_eq!(Bed::of(&empty).await.written.checksum, bed.written.checksum, "as the table is read again");

    import(bed.job(), &*empty, &Silent).await.unwrap();
    assert_eq!(contents(&empty).await, contents(&store).await, "restoring again changes nothing");
    let id = empty.scan(&collection("cities"), None).await.unwrap().places[0].id.clone();
    empty.delete(&collection("cities"), &id).await.unwrap();
    assert_ne!(Bed::of(&empty).await.written.checksum, bed.written.checksum, "a lost place shows");
}

#[tokio::test]
async fn one_collection_can_be_restored_and_the_others_are_skipped() {
    let (store, empty) = (filled_store().await, fresh_store().await);
    let bed = Bed::of(&store).await;
    let mut job = bed.job();
    job.options.only = Some(collection("cities"));
    let summary = import(job, &*empty, &Silent).await.unwrap();
    assert_eq!((summary.read, summary.stored, summary.collections, summary.skipped), (26, 11, 1, 14));
    let mut expected = contents(&store).await;
    expected.0.retain(|(name, _)| name == "cities");
    expected.1.retain(|(name, _), _| name == "cities");
    assert_eq!(contents(&empty).await, expected);
}

/// As DynamoDB exports them: what no export of ours has in it, and what is damaged.
#[tokio::test]
async fn notes_are_skipped_and_bad_lines_are_listed_with_file_and_line() {
    let (store, empty) = (filled_store().await, fresh_store().await);
    let bed = Bed::of(&store).await;
    let files = bed.backup().files().to_vec();
    rewrite(&bed.written.directory, 1, |lines| {
        lines.insert(0, r##"{"Item":{"pk":{"S":"#edge-map#cities"},"note":{"S":"{}"}}}"##.into());
        lines.insert(2, String::new());
        lines.insert(3, r#"{"Item":{"pk":{"S":"cities#x"},"lat":{"N":"1"}}}"#.into());
    });
    rewrite(&bed.written.directory, 2, |lines| lines.push("{\"Item\":".into()));
    let summary = import(bed.job(), &*empty, &Silent).await.unwrap();
    assert_eq!((summary.read, summary.stored, summary.skipped, summary.rejected), (29, 23, 1, 2));
    assert_eq!(contents(&empty).await, contents(&store).await);
    let rejects = read_rejects(&bed.rejects_path());
    let name = |index: usize| files[index].path.file_name().unwrap().to_str();
    let places: Vec<_> = rejects.iter().map(|reject| (reject.file.as_deref(), reject.line)).collect();
    assert_eq!(places, [(name(1), 4), (name(2), 8)]);
    assert_eq!(rejects[0].id.as_deref(), Some("cities#x"));
    assert!(rejects[0].reason.contains("no text `root`"), "{}", rejects[0].reason);
}

#[tokio::test]
async fn a_data_file_by_itself_is_told_by_how_it_begins() {
    let (store, empty) = (filled_store().await, fresh_store().await);
    let bed = Bed::of(&store).await;
    let file = bed.backup().files()[1].clone();
    let plain = bed.path("a.json");
    std::fs::write(&plain, lines_of(&file.path).join("\n")).unwrap();
    for path in [file.path.clone(), plain] {
        let job = Import {
            collection: None,
            options: ReadOptions::default(),
            ..Import::new(collection("unused"), Input::File(path))
        };
        let job = Import { rejects: Some(bed.rejects_path()), ..job };
        assert_eq!(import(job, &*empty, &Silent).await.unwrap().stored, 7);
    }
    assert_eq!(contents(&empty).await.1.len(), 7);
}

#[tokio::test]
async fn an_export_is_found_below_the_directory_that_it_was_written_to() {
    let bed = Bed::of(&filled_store().await).await;
    let at = bed.written.directory.clone();
    for directory in [bed.path(""), bed.path("AWSDynamoDB"), at.clone()] {
        assert_eq!(open(&directory).unwrap().directory(), at);
    }
    std::fs::rename(&at, bed.path("moved")).unwrap();
    assert_eq!(open(&bed.path("moved")).unwrap().files().len(), 4, "keys of the bucket do not matter");
    assert!(open(&bed.path("AWSDynamoDB")).is_err());
}

#[tokio::test]
async fn an_empty_table_is_exported_and_restored() {
    let (store, empty) = (fresh_store().await, fresh_store().await);
    let bed = Bed::of(&store).await;
    assert_eq!((bed.written.files, bed.written.places), (0, 0));
    assert_eq!(import(bed.job(), &*empty, &Silent).await.unwrap().read, 0);
}
