//! Runs that are cut off anywhere and started again end as one clean run.

use std::fmt::Write as _;
use std::sync::Mutex;

use cellar_jobs::import::{Import, Progress, Silent, import};

use super::{Bench, feature, gzip};
use cellar_test_kit::memory::{Effect, End, Fault, MemoryStore};

const CHUNK_RECORDS: usize = 3;

/// Records of which every fourth is rejected and every fifth repeats an id.
fn csv(rows: usize) -> String {
    let mut csv = String::from("id,lat,lon,n\n");
    for n in 0..rows {
        let id = if n % 5 == 4 { n - 1 } else { n };
        let lat = if n % 4 == 3 { "north" } else { "1" };
        writeln!(csv, "{id},{lat},2,{n}").unwrap();
    }
    csv
}

fn collection(features: usize) -> String {
    let features: Vec<String> = (0..features)
        .map(|n| if n % 4 == 3 { "7".into() } else { feature(&n.to_string(), 1.0, 2.0, "{}") })
        .collect();
    format!("{{\"type\":\"FeatureCollection\",\n\"features\":[\n{}]}}", features.join(",\n"))
}

fn inputs() -> [(&'static str, Vec<u8>); 4] {
    let lines = csv(11).replace(",north,", ",\"north,");
    [
        ("a.csv", csv(11).into()),
        ("b.csv", lines.into()),
        ("c.geojson", collection(10).into()),
        ("d.csv.gz", gzip(csv(9).as_bytes())),
    ]
}

fn job(bench: &Bench) -> Import {
    Import { chunk_records: CHUNK_RECORDS, ..bench.job() }
}

/// Runs until the end or until the store dies; whether it got to the end well.
async fn run_until_death(bench: &Bench, store: &MemoryStore) -> bool {
    tokio::select! {
        outcome = import(job(bench), store, &Silent) => outcome.is_ok(),
        () = store.died.notified() => false,
    }
}

async fn assert_second_run_completes(
    name: &str,
    content: &[u8],
    clean: (&Bench, &MemoryStore),
    fault: Fault,
) {
    let (bench, store) = (Bench::new(name, content), MemoryStore::failing(fault));
    assert!(!run_until_death(&bench, &store).await, "{name}: {fault:?} happens");
    let summary = import(job(&bench), &store, &Silent).await.unwrap();
    assert_eq!(store.places(), clean.1.places(), "{name}: {fault:?}");
    assert_eq!(bench.rejects(), clean.0.rejects(), "{name}: {fault:?}");
    assert_eq!(summary.rejected, clean.0.rejected().len() as u64, "{name}: {fault:?}");
    assert!(store.notes().is_empty(), "{name}: {fault:?}");
}

#[tokio::test]
async fn a_run_cut_off_at_any_write_is_completed_by_the_next() {
    for (name, content) in inputs() {
        let clean = (Bench::new(name, &content), MemoryStore::default());
        import(job(&clean.0), &clean.1, &Silent).await.unwrap();
        assert!(clean.1.writes() >= 8 && !clean.0.rejects().is_empty());
        for write in 0..clean.1.writes() {
            for effect in [Effect::None, Effect::Half, Effect::All] {
                for end in [End::Error, End::Never] {
                    let fault = (write, effect, end);
                    assert_second_run_completes(name, &content, (&clean.0, &clean.1), fault).await;
                }
            }
        }
    }
}

/// Writes of a run: the collection, then places and checkpoint of every chunk.
const THIRD_CHECKPOINT: usize = 6;

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let (bench, store) =
        (Bench::new("a.csv", csv(11).as_bytes()), MemoryStore::failing((5, Effect::None, End::Error)));
    let error = import(job(&bench), &store, &Silent).await.unwrap_err();
    assert_eq!((error.done, error.resumable), (6, true));
    let written = store.places_written();
    let summary = import(job(&bench), &store, &Silent).await.unwrap();
    assert_eq!((summary.resumed_from, summary.read), (Some(6), 11));
    assert!(store.places_written() - written <= 5, "only the rest is written");
}

#[tokio::test]
async fn rejects_listed_beyond_the_checkpoint_are_cut_off() {
    // Killed between the list and the checkpoint that covers it.
    let fault = (THIRD_CHECKPOINT, Effect::None, End::Never);
    let (bench, store) = (Bench::new("a.csv", csv(11).as_bytes()), MemoryStore::failing(fault));
    run_until_death(&bench, &store).await;
    assert_eq!(bench.rejected().len(), 2, "line 9 is listed, its checkpoint is missing");
    let summary = import(job(&bench), &store, &Silent).await.unwrap();
    assert_eq!(summary.resumed_from, Some(6));
    assert_eq!(bench.rejected().iter().map(|reject| reject.line).collect::<Vec<_>>(), [5, 9]);
}

#[derive(Default)]
struct Notices(Mutex<Vec<String>>);

impl Progress for Notices {
    fn position(&self, _: u64, _: u64) {}

    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// Cuts a run off after its third chunk, changes something, and runs again; where the second run began and what it
/// said.
async fn resumed_after(
    change: impl FnOnce(&Bench, &mut Import),
) -> (Option<u64>, Vec<String>, Bench, MemoryStore) {
    let fault = (7, Effect::None, End::Error);
    let (bench, store) = (Bench::new("a.csv", csv(11).as_bytes()), MemoryStore::failing(fault));
    import(job(&bench), &store, &Silent).await.unwrap_err();
    let mut again = job(&bench);
    change(&bench, &mut again);
    let notices = Notices::default();
    let summary = import(again, &store, &notices).await.unwrap();
    (summary.resumed_from, notices.0.into_inner().unwrap(), bench, store)
}

#[tokio::test]
async fn an_unchanged_import_is_resumed() {
    let (from, notices, bench, _) = resumed_after(|_, _| {}).await;
    assert_eq!((from, notices), (Some(9), vec!["going on after record 9".to_owned()]));
    assert_eq!(bench.rejected().len(), 2);
}

#[tokio::test]
async fn a_changed_import_starts_over_and_says_so() {
    let changes: [fn(&Bench, &mut Import); 4] = [
        |bench, _| std::fs::write(&bench.input, csv(11).replacen("2,0", "2,9", 1)).unwrap(),
        |bench, _| std::fs::write(&bench.input, csv(4)).unwrap(),
        |bench, _| std::fs::remove_file(bench.rejects_path()).unwrap(),
        |_, job| job.options.columns.lat = Some("lat".into()),
    ];
    for change in changes {
        let (from, notices, bench, _) = resumed_after(change).await;
        assert_eq!(from, None);
        assert!(notices.len() == 1 && notices[0].contains("starting from the first record"), "{notices:?}");
        let rows = std::fs::read_to_string(&bench.input).unwrap().lines().count() - 1;
        assert_eq!(bench.rejected().len(), rows / 4);
    }
}

#[tokio::test]
async fn restart_begins_anew_without_a_word() {
    let (from, notices, bench, _) = resumed_after(|_, job| job.restart = true).await;
    assert_eq!((from, notices), (None, vec![]));
    assert_eq!(bench.rejected().len(), 2);
}

#[tokio::test]
async fn a_restart_that_is_cut_off_leaves_no_older_checkpoint() {
    let (bench, store) =
        (Bench::new("a.csv", csv(11).as_bytes()), MemoryStore::failing((7, Effect::None, End::Error)));
    import(job(&bench), &store, &Silent).await.unwrap_err();
    assert_eq!(store.notes().len(), 1);
    store.fail((store.writes() + 1, Effect::None, End::Error));
    let restart = Import { restart: true, ..job(&bench) };
    import(restart, &store, &Silent).await.unwrap_err();
    assert!(store.notes().is_empty(), "it spoke of a list that is gone");
    let summary = import(job(&bench), &store, &Silent).await.unwrap();
    assert_eq!((summary.resumed_from, bench.rejected().len()), (None, 2));
}

#[tokio::test]
async fn a_checkpoint_of_another_version_is_no_obstacle() {
    let (bench, store) =
        (Bench::new("a.csv", csv(11).as_bytes()), MemoryStore::failing((7, Effect::None, End::Error)));
    import(job(&bench), &store, &Silent).await.unwrap_err();
    store.garble_notes();
    let summary = import(job(&bench), &store, &Silent).await.unwrap();
    assert_eq!((summary.resumed_from, bench.rejected().len()), (None, 2));
    assert!(store.notes().is_empty());
}
