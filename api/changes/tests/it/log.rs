//! Copies of a collection that follow the stream are the collection, whatever becomes of shards.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cellar_cache::clock::SystemClock;
use cellar_changes::TableStream;
use cellar_changes::log::{CALLS, ChangeLog, End, Entry, Follower, Hub, HubSettings, LogError, Token};
use cellar_model::Collection;
use cellar_model::place::Place;
use cellar_store::Store as _;
use cellar_test_kit::{collection, fresh_store, place};
use proptest::prelude::*;

use super::fake::until;
use super::shards::{FakeImages, Table};

/// A copy of the collection `c`.
#[derive(Default)]
struct Copy {
    places: HashMap<String, Place>,
}

impl Copy {
    /// The collection as it is.
    fn of(table: &Table) -> Self {
        Self { places: table.iter().map(|((_, id), place)| (id.clone(), place.clone())).collect() }
    }

    fn apply(&mut self, entry: &Entry) {
        assert_eq!(entry.collection, collection("c"));
        let id = entry.id.as_str().to_owned();
        match &entry.new {
            Some(place) => drop(self.places.insert(id, place.clone())),
            None => drop(self.places.remove(&id)),
        }
    }

    fn is(&self, table: &Table) -> bool {
        let same = |((_, id), place): (&(String, String), &Place)| {
            self.places.get(id).is_some_and(|copy| copy.feature() == place.feature())
        };
        self.places.len() == table.len() && table.iter().all(same)
    }
}

/// A token as it is after a way over the network.
fn sent(token: &Token) -> Token {
    Token::decode(&token.encode().unwrap()).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Write { foreign: bool, id: u8, lat: Option<u8> },
    Note(u8),
    Close { hash: u8, splits: bool },
    Trim(u8),
    Wait(u8),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (prop::bool::weighted(0.2), 0..12_u8, prop::option::weighted(0.8, 0..80_u8))
            .prop_map(|(foreign, id, lat)| Step::Write { foreign, id, lat }),
        2 => any::<u8>().prop_map(Step::Note),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(hash, splits)| Step::Close { hash, splits }),
        1 => (0..=100_u8).prop_map(Step::Trim),
        2 => (0..30_u8).prop_map(Step::Wait),
        4 => (1..6_usize).prop_map(Step::Read),
    ]
}

fn take(stream: &FakeImages, step: &Step) {
    match *step {
        Step::Write { foreign, id, lat } => {
            stream.write(if foreign { "other" } else { "c" }, &format!("p{id}"), lat.map(f64::from));
        }
        Step::Note(hash) => stream.note(hash),
        Step::Close { hash, splits } => stream.close(hash, splits),
        Step::Trim(percent) => stream.trim(u64::from(percent)),
        Step::Wait(seconds) => stream.clock.advance(Duration::from_secs(u64::from(seconds))),
        Step::Read(_) => {}
    }
}

/// Reads on; a copy that is told that changes are lost loads the collection anew, after it has a token.
async fn read(
    stream: &FakeImages,
    log: &ChangeLog,
    copy: &mut Copy,
    token: &mut Token,
    limit: usize,
) -> bool {
    let before = log.reads();
    match log.read(&collection("c"), &sent(token), limit).await {
        Ok(part) => {
            assert!(part.entries.len() <= limit);
            part.entries.iter().for_each(|entry| copy.apply(entry));
            *token = part.next;
            assert!(log.reads() - before <= CALLS.max(64) as u64, "{} reads", log.reads() - before);
            part.more
        }
        Err(LogError::Gone(_)) => {
            *token = log.now().await.unwrap();
            *copy = Copy::of(&stream.table(&collection("c")));
            true
        }
        Err(error) => panic!("{error}"),
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Tokens survive splits, trims and shards that go on; what is lost is told.
    #[test]
    fn a_copy_that_reads_on_is_the_collection(
        early in prop::collection::vec(step(), 0..30),
        steps in prop::collection::vec(step(), 1..120),
        stutters: bool,
    ) {
        block_on(async {
            let stream = FakeImages::new();
            stream.stutters.store(stutters, Ordering::Relaxed);
            for step in &early {
                take(&stream, step);
            }
            let log = stream.log();
            let mut token = log.now().await.unwrap();
            let mut copy = Copy::of(&stream.table(&collection("c")));
            for step in &steps {
                take(&stream, step);
                if let Step::Read(limit) = *step {
                    read(&stream, &log, &mut copy, &mut token, limit).await;
                }
            }
            let table = stream.table(&collection("c"));
            // A read that finds nothing proves nothing where reads stutter.
            let mut quiet = 0;
            while quiet < 4 {
                let before = token.clone();
                let more = read(&stream, &log, &mut copy, &mut token, 100).await;
                quiet = if more || token != before { 0 } else { quiet + 1 };
            }
            assert!(copy.is(&table));
        });
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// Whoever watches from a token on, at any speed, ends up with the collection.
    #[test]
    fn a_watcher_sees_the_collection(
        early in prop::collection::vec(step(), 0..20),
        steps in prop::collection::vec(step(), 1..40),
        buffer in 1..4_usize,
        stutters: bool,
    ) {
        block_on(async {
            let stream = FakeImages::new();
            stream.stutters.store(stutters, Ordering::Relaxed);
            for step in &early {
                take(&stream, step);
            }
            let poll = Duration::from_micros(200);
            let hub = Hub::new(stream.log(), HubSettings { poll, buffer, catch_ups: 2 });
            let mut token = hub.log().now().await.unwrap();
            let mut copy = Copy::of(&stream.table(&collection("c")));
            let mut watcher = watch(&hub, Some(&token)).await.unwrap();
            for step in &steps {
                take(&stream, step);
                if let Step::Read(count) = *step {
                    for _ in 0..count {
                        follow(&stream, &hub, &mut watcher, &mut copy, &mut token).await;
                    }
                }
            }
            let table = stream.table(&collection("c"));
            for round in 0.. {
                follow(&stream, &hub, &mut watcher, &mut copy, &mut token).await;
                if copy.is(&table) && watcher.is_current() {
                    break;
                }
                assert!(round < 1_500, "{:?} is not {table:?}", copy.places);
            }
            hub.stop();
        });
    }
}

async fn watch(hub: &Arc<Hub>, since: Option<&Token>) -> Result<Follower, LogError> {
    Follower::begin(hub.clone(), collection("c"), since.map(sent)).await
}

/// Takes what comes within a moment. Who is told to begin anew goes on from its token, or loads the collection.
async fn follow(
    stream: &FakeImages,
    hub: &Arc<Hub>,
    watcher: &mut Follower,
    copy: &mut Copy,
    token: &mut Token,
) {
    match tokio::time::timeout(Duration::from_micros(500), watcher.next()).await {
        Err(_) => {}
        Ok(Ok(entry)) => {
            copy.apply(&entry);
            *token = watcher.token();
        }
        Ok(Err(End::Behind | End::Failed(_))) => again(stream, hub, watcher, copy, token).await,
        Ok(Err(End::Gone(_))) => load(stream, hub, watcher, copy, token).await,
        Ok(Err(End::Stopping)) => panic!("it does not stop"),
    }
}

async fn again(
    stream: &FakeImages,
    hub: &Arc<Hub>,
    watcher: &mut Follower,
    copy: &mut Copy,
    token: &mut Token,
) {
    match watch(hub, Some(token)).await {
        Ok(next) => *watcher = next,
        Err(LogError::Gone(_)) => load(stream, hub, watcher, copy, token).await,
        Err(error) => panic!("{error}"),
    }
}

async fn load(
    stream: &FakeImages,
    hub: &Arc<Hub>,
    watcher: &mut Follower,
    copy: &mut Copy,
    token: &mut Token,
) {
    *token = hub.log().now().await.unwrap();
    *copy = Copy::of(&stream.table(&collection("c")));
    *watcher = watch(hub, Some(token)).await.unwrap();
}

#[tokio::test]
async fn tokens_of_other_tables_and_of_the_past_are_told() {
    let stream = FakeImages::new();
    let log = stream.log();
    stream.write("c", "a", Some(1.0));
    stream.clock.advance(Duration::from_mins(1));
    let token = log.now().await.unwrap();
    for id in ["a", "b", "c"] {
        stream.write("c", id, Some(2.0));
    }
    stream.trim(50);
    let read = log.read(&collection("c"), &token, 10).await;
    assert!(matches!(read, Err(LogError::Gone(_))), "{read:?}");
    let token = log.now().await.unwrap();
    assert!(log.check(&token).await.is_ok());
    stream.recreate();
    assert_eq!(log.check(&token).await, Err(LogError::Gone("the token is of another table")));
    assert!(log.check(&log.now().await.unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_part_has_a_bounded_number_of_reads() {
    let stream = FakeImages::new();
    let log = stream.log();
    let token = log.now().await.unwrap();
    for hash in 0..200 {
        stream.note(hash);
    }
    stream.write("c", "a", Some(1.0));
    let (mut token, mut parts, mut found) = (token, 0, Vec::new());
    loop {
        let before = stream.reads();
        let part = log.read(&collection("c"), &token, 10).await.unwrap();
        assert!(stream.reads() - before <= CALLS as u64);
        (token, parts) = (part.next, parts + 1);
        found.extend(part.entries);
        if !part.more {
            break;
        }
    }
    assert_eq!((found.len(), found[0].id.as_str()), (1, "a"));
    assert!(parts > 3, "{parts} parts of at most {CALLS} reads of 3 records");
    let before = stream.reads();
    log.read(&collection("c"), &token, 10).await.unwrap();
    assert_eq!(stream.reads() - before, 1, "who was at the end asks once");
}

#[tokio::test]
async fn one_reader_serves_all_who_watch_and_ends_with_the_last() {
    let stream = FakeImages::new();
    let poll = Duration::from_millis(2);
    let hub = Hub::new(stream.log(), HubSettings { poll, buffer: 4, catch_ups: 2 });
    assert!(!hub.is_running());
    let mut watchers = Vec::new();
    for _ in 0..3 {
        watchers.push(watch(&hub, None).await.unwrap());
    }
    stream.write("other", "x", Some(1.0));
    stream.write("c", "a", Some(1.0));
    for watcher in &mut watchers {
        let entry = watcher.next().await.unwrap();
        assert_eq!((entry.id.as_str(), entry.old.is_none()), ("a", true));
    }
    // One that takes nothing is told to go on by itself, and loses nothing.
    for step in 0..40 {
        stream.write("c", "a", Some(f64::from(step)));
    }
    let (slow, mut quick) = (watchers.pop().unwrap(), watchers.pop().unwrap());
    let mut seen = 0;
    while seen < 40 {
        quick.next().await.unwrap();
        seen += 1;
    }
    let mut slow = slow;
    let mut told = 0;
    let end = loop {
        match slow.next().await {
            Ok(_) => told += 1,
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Behind);
    let mut resumed = watch(&hub, Some(&slow.token())).await.unwrap();
    while told < 40 {
        resumed.next().await.unwrap();
        told += 1;
    }
    drop((slow, quick, resumed, watchers));
    until("the reader has ended", || !hub.is_running()).await;
    let mut later = watch(&hub, None).await.unwrap();
    stream.write("c", "b", Some(9.0));
    assert_eq!(later.next().await.unwrap().id.as_str(), "b");
    hub.stop();
    assert_eq!(later.next().await.unwrap_err(), End::Stopping);
}

/// On a real endpoint: many writers, batches, moves and deletions.
#[tokio::test]
async fn a_copy_of_a_real_table_is_the_table() {
    let store = Arc::new(fresh_store().await);
    let c = collection("c");
    store.put(&c, &place("before", 1.0, 2.0, "{}")).await.unwrap();
    let log =
        ChangeLog::new(Arc::new(TableStream::of(&store)), Arc::new(SystemClock), Duration::from_mins(5));
    let mut token = log.now().await.unwrap();
    let writers: Vec<_> =
        (0..4).map(|writer| tokio::spawn(writes(Arc::clone(&store), c.clone(), writer))).collect();
    let mut copy = Copy::default();
    let mut is_done = false;
    loop {
        let part = log.read(&c, &sent(&token), 17).await.unwrap();
        part.entries.iter().for_each(|entry| copy.apply(entry));
        token = part.next;
        if is_done && !part.more {
            break;
        }
        is_done = writers.iter().all(tokio::task::JoinHandle::is_finished);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for id in 0..12 {
        let id = format!("p{id}");
        let stored = store.get(&c, &id.parse().unwrap()).await.unwrap();
        let copied = copy.places.get(&id);
        assert_eq!(stored.map(|place| place.feature()), copied.map(Place::feature), "{id}");
    }
}

async fn writes(store: Arc<cellar_test_kit::TestStore>, c: Collection, writer: u32) {
    let at =
        |step: u32, id: u32| place(&format!("p{id}"), f64::from(step % 80), f64::from(writer), r#"{"n":1}"#);
    for step in 0..20 {
        match (step + writer) % 3 {
            0 => drop(store.put(&c, &at(step, step % 12)).await.unwrap()),
            1 => store.put_many(&c, &[at(step, (step + 1) % 12), at(step, (step + 2) % 12)]).await.unwrap(),
            _ => drop(store.delete(&c, &format!("p{}", step % 12).parse().unwrap()).await.unwrap()),
        }
    }
}
