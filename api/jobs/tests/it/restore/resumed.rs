//! A restore that is cut off at any write is completed by the next run.

use cellar_jobs::import::{Silent, import};

use super::bed::{Bed, filled_store, rewrite};
use crate::read_rejects;
use cellar_test_kit::memory::{Effect, End, MemoryStore};

#[tokio::test]
async fn a_restore_cut_off_at_any_write_is_completed_by_the_next() {
    let bed = Bed::of(&filled_store().await).await;
    for file in [1, 3] {
        rewrite(&bed.written.directory, file, |lines| lines.insert(1, "7".into()));
    }
    let clean = MemoryStore::default();
    let whole = import(bed.job(), &clean, &Silent).await.unwrap();
    let rejects = read_rejects(&bed.rejects_path());
    assert_eq!((whole.read, whole.rejected, rejects.len()), (28, 2, 2));
    let mut resumed = 0;
    for write in 0..clean.writes() {
        for effect in [Effect::None, Effect::Half, Effect::All] {
            let store = MemoryStore::failing((write, effect, End::Error));
            import(bed.job(), &store, &Silent).await.unwrap_err();
            let summary = import(bed.job(), &store, &Silent).await.unwrap();
            let case = format!("{write} {effect:?}");
            assert_eq!(store.places(), clean.places(), "{case}");
            assert_eq!(summary.checksum, whole.checksum, "{case}");
            assert_eq!((summary.read, summary.stored, summary.collections), (28, 23, 3), "{case}");
            assert_eq!(read_rejects(&bed.rejects_path()), rejects, "{case}");
            assert!(store.notes().is_empty(), "{case}");
            resumed += u64::from(summary.resumed_from.is_some());
        }
    }
    assert!(resumed > 20, "{resumed} went on where they were cut off");
}
