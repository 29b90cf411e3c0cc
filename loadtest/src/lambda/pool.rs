//! All environments of a fleet, and which of them are idle.
//!
//! Invariant: an environment is either in the idle list, or bound to one invocation, or provisioned and in its init.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::cpu::{CpuShare, Hierarchy, vcpus_of};
use super::environment::Environment;
use super::function::{Function, Limits};
use super::outcome::{EnvironmentReport, InvokeError};
use super::process::Hold;

/// A clock.
pub(super) type Now = dyn Fn() -> Instant + Send + Sync;

pub(super) struct Pool {
    pub(super) function: Arc<Function>,
    pub(super) limits: Limits,
    /// The time by which idle environments are ended.
    now: Box<Now>,
    hierarchy: Option<Hierarchy>,
    pub(super) cpu: CpuShare,
    state: Mutex<State>,
    /// Notified when an environment becomes idle or is gone.
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    live: BTreeMap<u64, Arc<Environment>>,
    /// With the instants since which they are idle, longest first.
    idle: Vec<(Instant, Arc<Environment>)>,
    past: Vec<EnvironmentReport>,
    busy: usize,
    used: Use,
    closed: bool,
}

/// How much of the environments was in use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Use {
    pub(super) busy_peak: usize,
    /// Total time for which invocations held an environment.
    pub(super) busy_total: Duration,
}

/// Where an invocation runs.
pub(super) enum Slot {
    Idle(Arc<Environment>),
    /// A number for a new one.
    New(u64),
}

impl Pool {
    pub(super) fn new(function: Function, limits: Limits, now: Box<Now>) -> Self {
        let (hierarchy, cpu) = hold(&function, &limits);
        let function = Arc::new(function);
        Self { function, limits, now, hierarchy, cpu, state: Mutex::default(), changed: Notify::new() }
    }

    /// The control group of a new environment.
    pub(super) fn hold(&self, number: u64) -> io::Result<Option<Hold<'_>>> {
        let Some(hierarchy) = &self.hierarchy else { return Ok(None) };
        let name = group_name(self, number);
        let group = hierarchy.group(&name, vcpus_of(self.function.memory_mib))?;
        Ok(Some(Hold { hierarchy, group }))
    }

    /// A slot for an invocation: the environment that was used last, so that the others may end, or a new one. Provisioned
    /// ones come first.
    pub(super) fn slot(&self) -> Result<Slot, InvokeError> {
        self.reap();
        let mut state = self.state.lock();
        if state.busy >= self.limits.concurrency {
            return Err(InvokeError::Throttled);
        }
        state.busy += 1;
        state.used.busy_peak = state.used.busy_peak.max(state.busy);
        let provisioned = state.idle.iter().rposition(|(_, environment)| environment.provisioned);
        let last = provisioned.or(state.idle.len().checked_sub(1));
        Ok(match last {
            Some(at) => Slot::Idle(state.idle.remove(at).1),
            None => Slot::New(state.number()),
        })
    }

    /// Gives a slot back that was held for so long.
    pub(super) fn free(&self, held: Duration) {
        let mut state = self.state.lock();
        state.busy -= 1;
        state.used.busy_total += held;
    }

    pub(super) fn number(&self) -> u64 {
        self.state.lock().number()
    }

    pub(super) fn started(&self, environment: &Arc<Environment>) {
        let mut state = self.state.lock();
        state.live.insert(environment.number, environment.clone());
        if state.closed {
            drop(state);
            environment.kill();
        }
    }

    /// An environment waits for an event and there is none.
    pub(super) fn idle(&self, environment: &Arc<Environment>) {
        if self.limits.freeze {
            environment.freeze();
        }
        let now = (self.now)();
        self.state.lock().idle.push((now, environment.clone()));
        self.changed.notify_waiters();
    }

    /// An environment's process is gone.
    pub(super) fn gone(&self, environment: &Arc<Environment>) {
        let report = environment.report();
        let mut state = self.state.lock();
        state.live.remove(&environment.number);
        state.idle.retain(|(_, idle)| idle.number != environment.number);
        state.past.push(report);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Stops the environments that were idle for too long; returns how many.
    pub(super) fn reap(&self) -> usize {
        let now = (self.now)();
        let expired = {
            let mut state = self.state.lock();
            let limit = self.limits.idle;
            let (expired, kept) =
                std::mem::take(&mut state.idle).into_iter().partition(|(since, environment)| {
                    !environment.provisioned && now.saturating_duration_since(*since) >= limit
                });
            state.idle = kept;
            let expired: Vec<(Instant, Arc<Environment>)> = expired;
            expired
        };
        for (_, environment) in &expired {
            environment.kill();
        }
        expired.len()
    }

    /// Stops all environments, including those that are still being started.
    pub(super) fn close(&self) {
        let live: Vec<_> = {
            let mut state = self.state.lock();
            state.closed = true;
            state.live.values().cloned().collect()
        };
        for environment in live {
            environment.kill();
        }
    }

    pub(super) fn live_count(&self) -> usize {
        self.state.lock().live.len()
    }

    pub(super) fn idle_count(&self) -> usize {
        self.state.lock().idle.len()
    }

    pub(super) fn used(&self) -> Use {
        self.state.lock().used
    }

    /// Reports of all environments so far, by number.
    pub(super) fn reports(&self) -> Vec<EnvironmentReport> {
        let (live, mut reports) = {
            let state = self.state.lock();
            (state.live.values().cloned().collect::<Vec<_>>(), state.past.clone())
        };
        reports.extend(live.iter().map(|environment| environment.report()));
        reports.sort_by_key(|report| report.number);
        reports.dedup_by_key(|report| report.number);
        reports
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("function", &self.function.name).finish_non_exhaustive()
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

/// Whether control groups can be created, found out by creating one.
fn hold(function: &Function, limits: &Limits) -> (Option<Hierarchy>, CpuShare) {
    if !limits.hold_cpu {
        return (None, CpuShare::Whole);
    }
    let vcpus = vcpus_of(function.memory_mib);
    let name = format!("cellar-probe-{}-{:08x}", std::process::id(), fastrand::u32(..));
    let hierarchy = Hierarchy::find().and_then(|hierarchy| {
        hierarchy.group(&name, vcpus).map_err(|error| error.to_string())?;
        Ok(hierarchy)
    });
    match hierarchy {
        Ok(hierarchy) => (Some(hierarchy), CpuShare::Held { vcpus }),
        Err(reason) => (None, CpuShare::NotEmulated { reason }),
    }
}

/// A name that no other pool uses.
fn group_name(pool: &Pool, number: u64) -> String {
    format!("cellar-{}-{:x}-{number}", std::process::id(), std::ptr::from_ref(pool) as usize)
}
