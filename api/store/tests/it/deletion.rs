//! Deleting a collection: all of it goes, nothing else does, wherever it is cut off and whoever goes on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cellar_model::key::registry;
use cellar_model::{Collection, Placement};
use cellar_store::deletion::{Deleted, Deletion, Lease, Outcome, Settings, Worker, carry_on, unix_ms};
use cellar_store::maintenance::{PassingNote, Swapped};
use cellar_store::{CategoryIndex, CollectionInfo, Store, StoreError};
use geo_index::Leaf;

use cellar_test_kit::{TestStore, collection, fresh_store, place};

/// Nobody else is about.
const ALONE: Settings = Settings {
    grace: Duration::ZERO,
    lease: Duration::from_secs(90),
    held: Duration::ZERO,
    pause: Duration::from_millis(1),
};

/// Counts what it is told, and has so much patience.
struct Counting {
    steps_left: AtomicUsize,
    leaves: Mutex<Vec<Leaf>>,
}

impl Counting {
    fn patient() -> Self {
        Self::for_steps(usize::MAX)
    }

    fn for_steps(steps: usize) -> Self {
        Self { steps_left: AtomicUsize::new(steps), leaves: Mutex::default() }
    }
}

#[async_trait]
impl Worker for Counting {
    async fn removed(&self, _: &Collection, places: &[Placement]) {
        self.leaves.lock().unwrap().extend(places.iter().map(|place| place.leaf));
    }

    fn progress(&self, _: Deleted, _: bool) {}

    fn is_time_up(&self) -> bool {
        self.steps_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
    }
}

async fn filled(store: &TestStore, name: &str, count: usize, property_bytes: usize) -> Collection {
    let c = collection(name);
    store.put_collection(&CollectionInfo { name: c.clone(), title: Some("Title".into()) }).await.unwrap();
    let text = format!(r#"{{"x":"{}"}}"#, "x".repeat(property_bytes));
    let places: Vec<_> = (0..count).map(|i| place(&format!("p-{i}"), i as f64 / 100.0, 2.0, &text)).collect();
    store.put_many(&c, &places).await.unwrap();
    c
}

async fn mark(store: &TestStore, c: &Collection) -> Deletion {
    store.maintenance().begin_deletion(c, unix_ms()).await.unwrap().unwrap()
}

/// Base keys of everything that is left of a collection.
async fn left(store: &TestStore, c: &Collection) -> Vec<String> {
    let (mut keys, mut from) = (Vec::new(), None);
    loop {
        let part = store.maintenance().sweep(c, from).await.unwrap();
        keys.extend(part.keys);
        from = part.next;
        if from.is_none() {
            return keys;
        }
    }
}

#[tokio::test]
async fn a_marked_collection_is_neither_there_nor_free() {
    let store = fresh_store().await;
    let (c, other) = (filled(&store, "wineries", 3, 1).await, filled(&store, "wineries-2", 3, 1).await);
    assert_eq!(store.maintenance().begin_deletion(&collection("none"), 1).await.unwrap(), None);
    assert_eq!(store.maintenance().deletion(&c).await.unwrap(), None);
    let deletion = mark(&store, &c).await;
    assert_eq!((&deletion.collection, deletion.title.as_deref()), (&c, Some("Title")));
    assert_eq!(mark(&store, &c).await, deletion, "asking again changes nothing");
    assert_eq!(store.collection(&c).await.unwrap(), None);
    assert_eq!(store.maintenance().deletion(&c).await.unwrap().as_ref(), Some(&deletion));
    assert_eq!(store.maintenance().deletions().await.unwrap(), [deletion]);
    let names: Vec<_> = store.collections().await.unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, [other]);
    for title in [None, Some("New".to_owned())] {
        let error = store.put_collection(&CollectionInfo { name: c.clone(), title }).await.unwrap_err();
        assert_eq!(error, StoreError::Deleting { collection: c.clone() });
    }
}

#[tokio::test]
async fn all_of_it_goes_and_nothing_else() {
    let store = fresh_store().await;
    let (c, other) =
        (filled(&store, "wineries", 120, 20_000).await, filled(&store, "wineries-2", 3, 1).await);
    let notes = |c: &Collection| {
        [
            registry::checkpoint_key(Some(c), "a.csv:1"),
            registry::edge_map_key(c),
            registry::answer_key(c, "k"),
        ]
    };
    for key in notes(&c).iter().chain(&notes(&other)) {
        store.put_note(key, Some("note")).await.unwrap();
    }
    mark(&store, &c).await;
    let worker = Counting::patient();
    let gone = carry_on(&*store, &c, ALONE, &worker).await.unwrap();
    assert_eq!(gone, Outcome::Gone(Deleted { items: 123 }));
    assert_eq!(worker.leaves.lock().unwrap().len(), 120);
    assert_eq!(store.maintenance().deletion(&c).await.unwrap(), None);
    assert!(left(&store, &c).await.is_empty());
    assert_eq!(left(&store, &other).await.len(), 6, "places and notes of the other collection");
    assert_eq!(carry_on(&*store, &c, ALONE, &worker).await.unwrap(), Outcome::Unknown);

    assert!(!store.put_collection(&CollectionInfo { name: c.clone(), title: None }).await.unwrap());
    assert!(store.scan(&c, None).await.unwrap().places.is_empty(), "nothing reappears");
}

/// What a process knows of the categories of a collection is not of the next one of that name.
#[tokio::test]
async fn categories_go_and_are_listed_anew() {
    let store = fresh_store().await;
    let (c, other, bar) = (collection("c"), collection("c-2"), "bar".parse().unwrap());
    let places = ["a", "b"].map(|id| place(id, 48.0, 2.0, r#"{"category":["bar","cafe"]}"#));
    for name in [&c, &other] {
        store.put_collection(&CollectionInfo { name: name.clone(), title: None }).await.unwrap();
        store.put_many(name, &places).await.unwrap();
    }
    store.put_note(&registry::category_counts_key(&c), Some("counts")).await.unwrap();
    mark(&store, &c).await;
    let worker = Counting::patient();
    let gone = carry_on(&*store, &c, ALONE, &worker).await.unwrap();
    assert_eq!(gone, Outcome::Gone(Deleted { items: 2 + 2 + 1 }));
    assert_eq!(store.categories(&other, None, 10).await.unwrap().categories.len(), 2);
    assert!(store.categories(&c, None, 10).await.unwrap().categories.is_empty());

    store.put_collection(&CollectionInfo { name: c.clone(), title: None }).await.unwrap();
    assert!(!store.has_category(&c, &bar).await.unwrap());
    assert_eq!(store.category_index(&c).await.unwrap(), CategoryIndex { complete: true, slots: 1 });
    store.put(&c, &place("a", 48.0, 2.0, r#"{"category":"bar"}"#)).await.unwrap();
    assert_eq!(store.categories(&c, None, 10).await.unwrap().categories, [bar]);
}

#[tokio::test]
async fn it_goes_on_wherever_it_was_cut_off() {
    let store = fresh_store().await;
    for steps in 0..6 {
        let c = filled(&store, "wineries", 120, 20_000).await;
        mark(&store, &c).await;
        let mut calls = 0;
        loop {
            calls += 1;
            match carry_on(&*store, &c, ALONE, &Counting::for_steps(steps)).await.unwrap() {
                Outcome::Unfinished(_) if steps == 0 => break,
                Outcome::Unfinished(_) => assert!(calls < 50, "it does not get on"),
                Outcome::Gone(deleted) => {
                    assert_eq!(deleted, Deleted { items: 120 }, "{steps} steps at a time");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(steps != 1 || calls > 1, "one step at a time is cut off");
        carry_on(&*store, &c, ALONE, &Counting::patient()).await.unwrap();
        assert!(left(&store, &c).await.is_empty());
        assert_eq!(store.maintenance().deletions().await.unwrap(), []);
    }
}

#[tokio::test]
async fn whoever_died_is_followed_when_the_lease_ends() {
    let store = fresh_store().await;
    let c = filled(&store, "wineries", 3, 1).await;
    let marked = mark(&store, &c).await;
    let held = |until_unix_ms| {
        let mut held = marked.clone();
        held.record.lease = Some(Lease { by: "another".into(), until_unix_ms });
        held
    };
    let (long, past) = (held(unix_ms() + 60_000), held(unix_ms() - 1));
    assert!(store.maintenance().move_deletion(&marked, Some(&long)).await.unwrap());
    assert!(!store.maintenance().move_deletion(&marked, Some(&past)).await.unwrap(), "it has changed");
    assert!(!store.maintenance().move_deletion(&marked, None).await.unwrap());
    let outcome = carry_on(&*store, &c, ALONE, &Counting::patient()).await.unwrap();
    assert_eq!(outcome, Outcome::Busy(Deleted { items: 0 }));
    assert_eq!(left(&store, &c).await.len(), 3);
    assert!(store.maintenance().move_deletion(&long, Some(&past)).await.unwrap());
    let outcome = carry_on(&*store, &c, ALONE, &Counting::patient()).await.unwrap();
    assert_eq!(outcome, Outcome::Gone(Deleted { items: 3 }));
}

#[tokio::test]
async fn of_two_workers_one_works() {
    let store = fresh_store().await;
    let c = filled(&store, "wineries", 60, 20_000).await;
    mark(&store, &c).await;
    let worker = Counting::patient();
    let (one, other) =
        tokio::join!(carry_on(&*store, &c, ALONE, &worker), carry_on(&*store, &c, ALONE, &worker));
    let outcomes = [one.unwrap(), other.unwrap()];
    let gone = outcomes.iter().filter(|&&outcome| outcome == Outcome::Gone(Deleted { items: 60 })).count();
    assert_eq!(gone, 1, "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Outcome::Busy(_) | Outcome::Unknown)));
}

/// Writes a place, as one who has not heard of the deletion, once everything seems to be gone.
struct Late<'a> {
    store: &'a TestStore,
    write: AtomicUsize,
    settled: AtomicUsize,
}

#[async_trait]
impl Worker for Late<'_> {
    async fn removed(&self, c: &Collection, places: &[Placement]) {
        if places.len() == 3 || self.write.load(Ordering::SeqCst) < 2 {
            self.write.fetch_add(1, Ordering::SeqCst);
            self.store.put(c, &place("late", 1.0, 2.0, "{}")).await.unwrap();
        }
    }

    fn progress(&self, _: Deleted, settling: bool) {
        self.settled.fetch_add(usize::from(settling), Ordering::SeqCst);
    }

    fn is_time_up(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn what_is_written_late_goes_too() {
    let store = fresh_store().await;
    let c = filled(&store, "wineries", 3, 1).await;
    mark(&store, &c).await;
    // Longer than all of it takes on a slow endpoint.
    let settings = Settings { grace: Duration::from_secs(2), ..ALONE };
    let late = Late { store: &store, write: AtomicUsize::new(0), settled: AtomicUsize::new(0) };
    let outcome = carry_on(&*store, &c, settings, &late).await.unwrap();
    assert_eq!(outcome, Outcome::Gone(Deleted { items: 5 }));
    assert!(late.settled.load(Ordering::SeqCst) > 0, "it has waited");
    assert!(left(&store, &c).await.is_empty());
}

#[tokio::test]
async fn of_many_who_swap_one_note_one_does() {
    let store = fresh_store().await;
    let key = registry::answer_key(&collection("a"), "key");
    let note = |text: &str, expires_unix_s| PassingNote { text: text.to_owned(), expires_unix_s };
    let swap = |from: Option<&'static str>, to: Option<PassingNote>, now| {
        let (store, key) = (&store, &key);
        async move { store.maintenance().swap_note(key, from, to.as_ref(), now).await.unwrap() }
    };
    assert_eq!(swap(None, Some(note("a", 100)), 10).await, Swapped::Done);
    assert_eq!(swap(None, Some(note("b", 100)), 99).await, Swapped::Found(Some("a".into())));
    assert_eq!(swap(Some("x"), Some(note("b", 100)), 99).await, Swapped::Found(Some("a".into())));
    assert_eq!(swap(Some("a"), Some(note("b", 100)), 99).await, Swapped::Done);
    assert_eq!(swap(None, Some(note("c", 200)), 100).await, Swapped::Done, "what has ended is not there");
    assert_eq!(swap(Some("x"), None, 100).await, Swapped::Found(Some("c".into())));
    assert_eq!(swap(Some("c"), None, 100).await, Swapped::Done);
    assert_eq!(store.note(&key).await.unwrap(), None);

    let swaps = (0..16).map(|i| swap(None, Some(note(&i.to_string(), 100)), 10));
    let done = futures::future::join_all(swaps).await;
    assert_eq!(done.iter().filter(|&swapped| *swapped == Swapped::Done).count(), 1);
}
