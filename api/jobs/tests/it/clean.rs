//! Whole runs over inputs of every format, good and bad.

use cellar_jobs::import::{Cause, Format, Import, Progress, ReadOptions, Silent, import};

use super::{Bench, COLLECTION, feature, gzip, imported, stream};
use cellar_test_kit::memory::MemoryStore;

fn reasons(rejects: &[super::Reject]) -> Vec<(u64, &str)> {
    rejects.iter().map(|reject| (reject.line, reject.reason.as_str())).collect()
}

#[tokio::test]
async fn every_record_of_a_nasty_csv_is_stored_or_listed() {
    let long = format!("long,{},1,2\n", "x".repeat(70_000));
    let mut csv =
        b"\xef\xbb\xbfid,name,lat,lon\r\na,\"x\ny\",1,2\r\nb,short,1\r\nc,,120,45\r\nd,caf\xe9,1,2\r\n"
            .to_vec();
    csv.extend(b"e,\"open,1,2\nzero,,0,0\nf,,\"48,5\",2\ng,,,2\nh,,nan,2\n,,1,2\na,\"again\",3,4\n");
    csv.extend(long.as_bytes());
    csv.extend(b"last,\"never closed,1,2\nz,,5,6");
    let (places, rejects) = imported("nasty.csv", &csv).await;

    assert_eq!(places.keys().collect::<Vec<_>>(), ["a", "z", "zero"]);
    assert_eq!(places["a"], feature("a", 3.0, 4.0, r#"{"name":"again"}"#), "the last one wins");
    assert_eq!(places["zero"], feature("zero", 0.0, 0.0, "{}"));
    let expected = [
        (4, "it has 3 cells"),
        (5, "latitude 120 is not between -90 and 90; latitude and longitude look swapped"),
        (6, "not UTF-8 in cell `name`"),
        (7, "a quote opens in this line and is not closed in it; in line 9 text follows"),
        (9, "`lat` is \"48,5\", not a number; write a decimal point"),
        (10, "`lat` is empty"),
        (11, "`lat` is \"nan\", not a number"),
        (12, "`id` is empty"),
        (13, "the id was in line 2, too; this record, the later one, is stored"),
        (14, "the record is longer than 65536 bytes"),
        (15, "a quote opens in this line and is not closed within"),
    ];
    let found = reasons(&rejects);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((line, reason), (expected_line, beginning)) in found.into_iter().zip(expected) {
        assert!(line == expected_line && reason.starts_with(beginning), "{line}: {reason}");
    }
    assert_eq!(rejects[0].id.as_deref(), Some("b"));
    assert_eq!(rejects[0].record, "b,short,1");
    assert_eq!(rejects[9].record.len(), 500);
}

#[tokio::test]
async fn faults_of_the_whole_input_show_before_anything_is_written() {
    for (name, content, message) in [
        (
            "a.csv",
            &b"name,lat,lon\nx,1,2\n"[..],
            "a.csv: there is no column for the id (`id`); name it with --id-column NAME, or make ids with --generate-ids; the columns are `name`, `lat`, `lon`",
        ),
        ("a.csv", b"", "a.csv: line 1: the input is empty; expected the names of the columns"),
        (
            "a.csv",
            b"\xff\xfe\0\0i\0\0\0",
            "a.csv: line 1: it is UTF-32; convert it to UTF-8, for instance with `iconv -f UTF-32 -t UTF-8`",
        ),
        (
            "a.csv",
            b"id,caf\xe9\n",
            "a.csv: the names of the columns are not UTF-8; say --encoding, for instance `--encoding windows-1252`; \
             the columns are `id`, `caf\u{fffd}`",
        ),
    ] {
        let (bench, store) = (Bench::new(name, content), MemoryStore::default());
        let error = bench.run(&store).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.done, error.resumable), (message, 0, false));
        assert_eq!(store.writes(), 0);
    }
    let (bench, store) = (Bench::new("a.csv", b""), MemoryStore::default());
    std::fs::remove_file(&bench.input).unwrap();
    assert!(bench.run(&store).await.unwrap_err().to_string().starts_with("a.csv: cannot read it: "));
}

#[tokio::test]
async fn a_bad_feature_is_one_rejection_in_every_json_format() {
    let (good, bad) = (feature("1", 1.0, 2.0, "{}"), r#"{"type":"Feature","id":7,"geometry":null}"#);
    let late = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[4,3]},"properties":{"id":9}}"#;
    let features = [good.as_str(), bad, "[]", late];
    let collection =
        format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}", features.join(",\n"));
    let lines = format!("\n{}\n", features.join("\n"));
    let sequence = format!("\x1e\n{}\n", features.join("\n\x1e"));
    for (name, content) in [("a.geojson", &collection), ("a.ndjson", &lines), ("a.geojsons", &sequence)] {
        let (places, rejects) = imported(name, content).await;
        assert_eq!(places.keys().collect::<Vec<_>>(), ["1", "9"], "{name}");
        let expected = [
            (3, "`geometry` is null; only a Point can be stored"),
            (4, "a feature is a JSON object, {\"type\": \"Feature\", …}"),
        ];
        assert_eq!(reasons(&rejects), expected, "{name}");
        assert_eq!((rejects[0].id.as_deref(), rejects[0].record.as_str()), (Some("7"), bad), "{name}");
    }
}

#[tokio::test]
async fn a_broken_line_is_one_rejection_but_a_broken_collection_ends() {
    let good = |id: &str| feature(id, 1.0, 2.0, "{}");
    let lines = format!("{}\n{{\"type\":\n\u{1}\n{}\n", good("1"), good("2"));
    let (places, rejects) = imported("a.ndjson", lines).await;
    assert_eq!(places.len(), 2);
    assert_eq!(rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [2, 3]);
    let sequence = format!("\x1e{}\n\x1e{{\"type\":\n\x1e{}\n", good("1"), good("2"));
    let (places, rejects) = imported("a.json", sequence).await;
    assert_eq!((places.len(), rejects.len(), rejects[0].line), (2, 1, 2));
    let latin1 = [good("1").as_bytes(), b"\n{\"a\":\"\xe9\"}\n"].concat();
    let (places, rejects) = imported("a.ndjson", latin1).await;
    assert_eq!((places.len(), reasons(&rejects)), (1, vec![(2, "not UTF-8")]));

    let broken = format!("{{\"features\":[{},\n{},\n{{\"id\" 7}}]}}", good("1"), good("2"));
    let (bench, store) = (Bench::new("a.geojson", broken.as_bytes()), MemoryStore::default());
    let error = bench.run(&store).await.unwrap_err();
    assert!(
        error.to_string().starts_with("a.geojson: line 3: the feature is not valid JSON: expected `:`"),
        "{error}"
    );
    assert_eq!((error.done, error.resumable, store.places().len()), (2, true, 2));
    // Mended behind what is done, it goes on there.
    std::fs::write(&bench.input, broken.replace("{\"id\" 7}", &good("3"))).unwrap();
    let summary = bench.run(&store).await.unwrap();
    assert_eq!((summary.resumed_from, summary.read, store.places_written()), (Some(2), 3, 3));
}

#[tokio::test]
async fn gzip_is_told_by_its_bytes_and_may_have_members() {
    let csv = "id,lat,lon\n1,1,2\n2,3,4\n";
    let members = [gzip(&csv.as_bytes()[..13]), gzip(&csv.as_bytes()[13..])].concat();
    for name in ["a.csv", "a.csv.gz", "a.bin"] {
        assert_eq!(imported(name, &members).await.0.len(), 2, "{name}");
    }
    assert_eq!(imported("a.csv.gz", csv).await.0.len(), 2, "unpacked on the way");

    let (bench, store) = (Bench::new("a.csv.gz", &members[..members.len() - 10]), MemoryStore::default());
    let error = bench.run(&store).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Input { .. }), "{error}");
}

#[tokio::test]
async fn a_stream_is_read_but_not_resumed() {
    let store = MemoryStore::default();
    let rejects = tempfile::tempdir().unwrap();
    let job = |content: &'static str| Import {
        rejects: Some(rejects.path().join("r.jsonl")),
        ..Import::new(COLLECTION.parse().unwrap(), stream(content))
    };
    let summary = import(job("id,lat,lon\n1,1,2\n"), &store, &Silent).await.unwrap();
    assert_eq!((summary.stored, store.writes()), (1, 2), "the collection and the places, no checkpoint");
    let forced = Import {
        options: ReadOptions { format: Some(Format::Ndjson), ..ReadOptions::default() },
        ..job("id,lat,lon\n")
    };
    assert_eq!(import(forced, &store, &Silent).await.unwrap().rejected, 1);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_but_the_list_it_was_asked_for() {
    let (bench, store) = (Bench::new("a.csv", b"id,lat,lon\n1,1,2\n2,x,2\n"), MemoryStore::default());
    let job = Import { dry_run: true, rejects: None, ..bench.job() };
    let summary = import(job, &store, &Silent).await.unwrap();
    assert_eq!((summary.stored, summary.rejected, summary.rejects_file), (1, 1, None));
    import(Import { dry_run: true, ..bench.job() }, &store, &Silent).await.unwrap();
    assert_eq!(bench.rejects().len(), 1);
    assert!(store.writes() == 0 && !store.has_collections());
}

#[tokio::test]
async fn the_list_of_an_earlier_run_is_replaced_and_never_the_input() {
    let (bench, store) = (Bench::new("a.csv", b"id,lat,lon\n1,x,2\n"), MemoryStore::default());
    bench.run(&store).await.unwrap();
    assert_eq!(bench.rejects().len(), 1);
    std::fs::write(&bench.input, "id,lat,lon\n1,1,2\n").unwrap();
    bench.run(&store).await.unwrap();
    assert!(!bench.rejects_path().exists(), "nothing is rejected any more");

    let job = Import { rejects: Some(bench.input.clone()), ..bench.job() };
    let error = import(job, &store, &Silent).await.unwrap_err();
    assert!(matches!(error.cause, Cause::RejectsAreInput { .. }));
    assert!(bench.input.exists());
}

#[tokio::test]
async fn progress_ends_at_the_end() {
    #[derive(Default)]
    struct Seen(std::sync::Mutex<Vec<(u64, u64)>>);
    impl Progress for Seen {
        fn position(&self, read_bytes: u64, records: u64) {
            self.0.lock().unwrap().push((read_bytes, records));
        }
        fn notice(&self, text: &str) {
            panic!("nothing to say, but: {text}");
        }
    }
    let csv = "id,lat,lon\n1,1,2\n2,1,2\n3,1,2\n";
    let (bench, store, seen) = (Bench::new("a.csv", csv.as_bytes()), MemoryStore::default(), Seen::default());
    import(Import { chunk_records: 2, ..bench.job() }, &store, &seen).await.unwrap();
    let seen = seen.0.into_inner().unwrap();
    assert_eq!(seen.iter().map(|&(_, records)| records).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(seen[1].0, csv.len() as u64);
}

#[tokio::test]
async fn repeated_ids_are_counted_whatever_the_chunks() {
    let csv = "id,lat,lon,n\na,1,2,1\na,1,2,2\nb,1,2,3\na,1,2,4\n";
    for chunk_records in [2000, 3, 2, 1] {
        let (bench, store) = (Bench::new("a.csv", csv.as_bytes()), MemoryStore::default());
        let summary = import(Import { chunk_records, ..bench.job() }, &store, &Silent).await.unwrap();
        assert_eq!(store.places()["a"], feature("a", 1.0, 2.0, r#"{"n":4}"#));
        assert_eq!((summary.stored, summary.repeated), (2, 2));
        let lines: Vec<_> = bench.rejects().iter().map(|repeat| (repeat.line, repeat.repeats_line)).collect();
        assert_eq!(lines, [(3, Some(2)), (5, Some(3))]);
    }
}

#[tokio::test]
async fn a_chunk_has_at_least_one_record() {
    let (bench, store) = (Bench::new("a.csv", b"id,lat,lon\n1,1,2\n2,1,2\n"), MemoryStore::default());
    let summary = import(Import { chunk_records: 0, ..bench.job() }, &store, &Silent).await.unwrap();
    assert_eq!(summary.stored, 2);
}
