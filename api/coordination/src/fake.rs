//! Coordination in memory, for tests: what Redis does, on a clock that tests move.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::clock::{Clock, ManualClock};
use parking_lot::Mutex;

use crate::{CoordinationStore, RemoteError};

/// A store in memory. Clones share what it holds.
///
/// ```
/// use std::time::Duration;
/// use cellar_coordination::fake::FakeCoordination;
/// use cellar_coordination::{CoordinationStore, RemoteError};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = FakeCoordination::default();
/// assert_eq!(store.hold("reader", "one", Duration::from_secs(1)).await, Ok(true));
/// assert_eq!(store.hold("reader", "two", Duration::from_secs(1)).await, Ok(false));
/// store.set_failure(RemoteError::TimedOut);
/// assert_eq!(store.read("positions").await, Err(RemoteError::TimedOut));
/// # });
/// ```
#[derive(Clone)]
pub struct FakeCoordination {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    failure: Option<RemoteError>,
    /// Holders, and until when they have their roles.
    roles: HashMap<String, (String, Instant)>,
    maps: HashMap<String, HashMap<String, String>>,
    /// Scores of members, and until when the tables last.
    tables: HashMap<String, (HashMap<String, u64>, Instant)>,
}

/// On a clock that stands still: nothing ends by itself.
impl Default for FakeCoordination {
    fn default() -> Self {
        Self::new(Arc::new(ManualClock::default()))
    }
}

impl fmt::Debug for FakeCoordination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCoordination").finish_non_exhaustive()
    }
}

impl FakeCoordination {
    /// An empty store whose roles and tables end by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// Makes every call fail, until this is called with `None`.
    pub fn set_failure(&self, failure: impl Into<Option<RemoteError>>) {
        self.state.lock().failure = failure.into();
    }

    /// Who has a role.
    pub fn holder(&self, role: &str) -> Option<String> {
        let state = self.state.lock();
        let (holder, until) = state.roles.get(role)?;
        (self.clock.now() < *until).then(|| holder.clone())
    }

    /// Gives a role to a holder for an hour, whoever has it; with `None` it ends, as if its holder had been silent for too
    /// long.
    pub fn set_holder(&self, role: &str, holder: Option<&str>) {
        let until = self.clock.now() + Duration::from_hours(1);
        let mut state = self.state.lock();
        match holder {
            Some(holder) => drop(state.roles.insert(role.to_owned(), (holder.to_owned(), until))),
            None => drop(state.roles.remove(role)),
        }
    }

    /// Does something with the state, or fails.
    fn with<T>(&self, use_it: impl FnOnce(&mut State, Instant) -> T) -> Result<T, RemoteError> {
        let mut state = self.state.lock();
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(use_it(&mut state, self.clock.now())),
        }
    }
}

impl State {
    fn top(&self, table: &str, count: usize, now: Instant) -> Vec<(String, u64)> {
        let members = self.tables.get(table).filter(|(_, until)| now < *until).map(|(members, _)| members);
        let members = members.into_iter().flatten();
        let mut sorted: Vec<_> = members.map(|(member, score)| (member.clone(), *score)).collect();
        // Redis sorts members of equal score by their bytes, and this is its order reversed.
        sorted.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
        sorted.truncate(count);
        sorted
    }
}

#[async_trait]
impl CoordinationStore for FakeCoordination {
    async fn hold(&self, role: &str, holder: &str, ttl: Duration) -> Result<bool, RemoteError> {
        self.with(|state, now| {
            let free = state.roles.get(role).is_none_or(|(held, until)| held == holder || *until <= now);
            if free {
                state.roles.insert(role.to_owned(), (holder.to_owned(), now + ttl));
            }
            free
        })
    }

    async fn release(&self, role: &str, holder: &str) -> Result<(), RemoteError> {
        self.with(|state, _| state.roles.retain(|name, (held, _)| name != role || held != holder))
    }

    async fn read(&self, map: &str) -> Result<Vec<(String, String)>, RemoteError> {
        self.with(|state, _| state.maps.get(map).cloned().unwrap_or_default().into_iter().collect())
    }

    async fn write(&self, map: &str, fields: &[(String, String)]) -> Result<(), RemoteError> {
        self.with(|state, _| state.maps.entry(map.to_owned()).or_default().extend(fields.iter().cloned()))
    }

    async fn remove(&self, map: &str, fields: &[String]) -> Result<(), RemoteError> {
        self.with(|state, _| {
            if let Some(held) = state.maps.get_mut(map) {
                held.retain(|field, _| !fields.contains(field));
            }
        })
    }

    async fn add_scores(
        &self,
        table: &str,
        scores: &[(String, u64)],
        keep: usize,
        ttl: Duration,
    ) -> Result<(), RemoteError> {
        self.with(|state, now| {
            if scores.is_empty() {
                return;
            }
            let mut members: HashMap<_, _> = state.top(table, usize::MAX, now).into_iter().collect();
            for (member, score) in scores {
                *members.entry(member.clone()).or_default() += score;
            }
            state.tables.insert(table.to_owned(), (members, now + ttl));
            let kept: HashMap<_, _> = state.top(table, keep, now).into_iter().collect();
            state.tables.insert(table.to_owned(), (kept, now + ttl));
        })
    }

    async fn top(&self, table: &str, count: usize) -> Result<Vec<(String, f64)>, RemoteError> {
        let top = self.with(|state, now| state.top(table, count, now))?;
        Ok(top.into_iter().map(|(member, score)| (member, score as f64)).collect())
    }
}
