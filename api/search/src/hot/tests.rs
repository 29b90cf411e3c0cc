use std::collections::BTreeMap;

use async_trait::async_trait;
use cellar_cache::clock::ManualClock;

use super::*;

/// Tables in memory; what else a coordination store does is not asked here.
#[derive(Default)]
struct Tables {
    tables: Mutex<BTreeMap<String, BTreeMap<String, u64>>>,
    failing: bool,
}

#[async_trait]
impl CoordinationStore for Tables {
    async fn hold(&self, _: &str, _: &str, _: Duration) -> Result<bool, RemoteError> {
        unreachable!("hot cells take no roles")
    }

    async fn release(&self, _: &str, _: &str) -> Result<(), RemoteError> {
        unreachable!("hot cells take no roles")
    }

    async fn read(&self, _: &str) -> Result<Vec<(String, String)>, RemoteError> {
        unreachable!("hot cells read no maps")
    }

    async fn write(&self, _: &str, _: &[(String, String)]) -> Result<(), RemoteError> {
        unreachable!("hot cells write no maps")
    }

    async fn remove(&self, _: &str, _: &[String]) -> Result<(), RemoteError> {
        unreachable!("hot cells write no maps")
    }

    async fn add_scores(
        &self,
        table: &str,
        scores: &[(String, u64)],
        keep: usize,
        ttl: Duration,
    ) -> Result<(), RemoteError> {
        assert_eq!((keep, ttl), (10_000, Duration::from_hours(25)));
        if self.failing {
            return Err(RemoteError::TimedOut);
        }
        let mut tables = self.tables.lock();
        let table = tables.entry(table.to_owned()).or_default();
        for (member, score) in scores {
            *table.entry(member.clone()).or_default() += score;
        }
        Ok(())
    }

    async fn top(&self, table: &str, count: usize) -> Result<Vec<(String, f64)>, RemoteError> {
        let tables = self.tables.lock();
        let members = tables.get(table).into_iter().flatten();
        let mut members: Vec<_> = members.map(|(member, score)| (member.clone(), *score as f64)).collect();
        members.sort_by(|a, b| b.1.total_cmp(&a.1));
        members.truncate(count);
        Ok(members)
    }
}

fn collection(name: &str) -> Collection {
    name.parse().unwrap()
}

fn at(lat: f64, lon: f64) -> Position {
    Position::new(lat, lon).unwrap()
}

fn cell(position: Position) -> H3Cell {
    H3Cell::at(position, HOT_RESOLUTION).unwrap()
}

fn clock() -> Arc<ManualClock> {
    let clock = ManualClock::default();
    // To the beginning of an hour, so that the tests say when the next one begins.
    clock.advance(Duration::from_millis(3_600_000 - clock.unix_ms() % 3_600_000));
    Arc::new(clock)
}

#[tokio::test]
async fn processes_add_up_over_the_hours() {
    let (clock, coordination, bars) = (clock(), Tables::default(), collection("bars"));
    let (paris, london) = (at(48.8566, 2.3522), at(51.5074, -0.1278));
    let processes = [HotCells::sampling(clock.clone(), 1), HotCells::sampling(clock.clone(), 1)];
    let offer = |process: usize, position, times| {
        for _ in 0..times {
            processes[process].offer(&bars, position);
        }
    };
    offer(0, london, 5);
    offer(1, paris, 2);
    assert_eq!(processes[0].flush(&coordination).await, Ok(1));
    assert_eq!(processes[1].flush(&coordination).await, Ok(1));
    clock.advance(Duration::from_hours(1));
    offer(0, paris, 4);
    offer(0, london, 1);
    // Another place of the same cell.
    offer(1, at(paris.lat() + 1e-4, paris.lon()), 1);
    processes[1].offer(&collection("cafes"), london);
    assert_eq!(processes[0].flush(&coordination).await, Ok(2));
    assert_eq!(processes[1].flush(&coordination).await, Ok(2));
    assert_eq!(processes[1].flush(&coordination).await, Ok(0), "counts are added once");

    let top = async |hours, count| top(&coordination, &bars, clock.unix_ms(), hours, count).await.unwrap();
    assert_eq!(top(2, 10).await, [(cell(paris), 7.0), (cell(london), 6.0)]);
    assert_eq!(top(2, 1).await, [(cell(paris), 7.0)]);
    assert_eq!(top(1, 10).await, [(cell(paris), 5.0), (cell(london), 1.0)]);
    clock.advance(Duration::from_hours(24));
    assert_eq!(top(24, 10).await, []);
}

#[tokio::test]
async fn tables_hold_cells_by_collection_and_hour() {
    let (clock, coordination) = (clock(), Tables::default());
    let hot = HotCells::sampling(clock.clone(), 1);
    hot.offer(&collection("bars"), at(48.8566, 2.3522));
    hot.flush(&coordination).await.unwrap();
    let tables = coordination.tables.lock();
    let (name, members) = tables.first_key_value().unwrap();
    assert_eq!(*name, format!("hot:bars:{}", clock.unix_ms() / 3_600_000));
    assert_eq!(members.iter().collect::<Vec<_>>(), [(&cell(at(48.8566, 2.3522)).to_string(), &1)]);
}

#[tokio::test]
async fn a_sample_stands_for_all() {
    let (clock, coordination, bars) = (clock(), Tables::default(), collection("bars"));
    let hot = HotCells::new(clock.clone());
    fastrand::seed(7);
    for _ in 0..20_000 {
        hot.offer(&bars, at(48.8566, 2.3522));
    }
    hot.flush(&coordination).await.unwrap();
    let top = top(&coordination, &bars, clock.unix_ms(), 1, 1).await.unwrap();
    assert!((18_000.0..22_000.0).contains(&top[0].1), "{top:?}");
}

#[tokio::test]
async fn foreign_members_are_passed_over() {
    let (clock, coordination, bars) = (clock(), Tables::default(), collection("bars"));
    let table = table(&bars, hour(clock.unix_ms()));
    let scores = [("nonsense".to_owned(), 9), (cell(at(1.0, 2.0)).to_string(), 1)];
    coordination.add_scores(&table, &scores, KEEP, TABLE_TTL).await.unwrap();
    let top = top(&coordination, &bars, clock.unix_ms(), 1, 9).await.unwrap();
    assert_eq!(top, [(cell(at(1.0, 2.0)), 1.0)]);
}

#[tokio::test]
async fn a_coordination_store_that_fails_is_an_error_and_no_more() {
    let hot = HotCells::sampling(clock(), 1);
    hot.offer(&collection("bars"), at(1.0, 2.0));
    let failing = Tables { failing: true, ..Tables::default() };
    assert_eq!(hot.flush(&failing).await, Err(RemoteError::TimedOut));
    hot.offer(&collection("bars"), at(1.0, 2.0));
    assert_eq!(hot.flush(&Tables::default()).await, Ok(1));
}

#[test]
fn an_offer_never_waits() {
    let hot = HotCells::sampling(clock(), 1);
    let counting = hot.counts.lock();
    hot.offer(&collection("bars"), at(1.0, 2.0));
    assert_eq!(hot.dropped(), 1);
    drop(counting);
    hot.offer(&collection("bars"), at(1.0, 2.0));
    assert_eq!(hot.dropped(), 1);
    assert_eq!(hot.counts.lock().len(), 1);
}

#[test]
fn collections_are_bounded() {
    let hot = HotCells::sampling(clock(), 1);
    for number in 0..MAX_COLLECTIONS + 3 {
        hot.offer(&collection(&format!("c{number}")), at(1.0, 2.0));
    }
    assert_eq!(hot.dropped(), 3);
    assert_eq!(hot.counts.lock().len(), MAX_COLLECTIONS);
}
