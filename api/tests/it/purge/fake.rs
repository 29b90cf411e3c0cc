//! An edge that remembers what it was told, and refuses it when asked to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cellar_cache::clock::{Clock, ManualClock};
use cellar_coordination::CoordinationStore;
use cellar_purge::{EdgeInvalidator, EdgePurges, Purge, PurgeError, PurgeSettings};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// What was asked of it, with the references.
#[derive(Clone)]
pub(super) struct FakeEdge {
    pub(super) taken: Arc<Mutex<Vec<(Purge, String)>>>,
    refusals: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<bool>>,
    open: watch::Sender<bool>,
}

impl Default for FakeEdge {
    fn default() -> Self {
        let open = watch::Sender::new(true);
        Self { taken: Arc::default(), refusals: Arc::default(), refuses: Arc::default(), open }
    }
}

impl FakeEdge {
    pub(super) fn refuse(&self, refuse: bool) {
        *self.refuses.lock().unwrap() = refuse;
    }

    /// Holds up what it is asked from now on, or lets it go.
    pub(super) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub(super) fn purges(&self) -> Vec<Purge> {
        self.taken.lock().unwrap().iter().map(|(purge, _)| purge.clone()).collect()
    }

    /// References of what it refused.
    pub(super) fn refusals(&self) -> Vec<String> {
        self.refusals.lock().unwrap().clone()
    }
}

#[async_trait]
impl EdgeInvalidator for FakeEdge {
    async fn purge(&self, purge: &Purge, reference: &str) -> Result<(), PurgeError> {
        self.open.subscribe().wait_for(|open| *open).await.expect("the sender is ours");
        if *self.refuses.lock().unwrap() {
            self.refusals.lock().unwrap().push(reference.to_owned());
            return Err(PurgeError("refused".into()));
        }
        self.taken.lock().unwrap().push((purge.clone(), reference.to_owned()));
        Ok(())
    }
}

/// Settings whose times are round.
pub(super) fn settings() -> PurgeSettings {
    PurgeSettings { window: 8 * SECOND, settle: 2 * SECOND, give_up: 300 * SECOND, rate: 600, budget: 1_000 }
}

/// Purges of a fake edge, on a clock that stands still.
pub(super) struct Bed {
    pub(super) edge: FakeEdge,
    pub(super) clock: Arc<ManualClock>,
    pub(super) purges: EdgePurges,
    registry: Registry,
}

impl Bed {
    pub(super) fn new(settings: PurgeSettings) -> Self {
        Self::with_coordination(settings, None, Arc::default())
    }

    pub(super) fn with_coordination(
        settings: PurgeSettings,
        coordination: Option<Arc<dyn CoordinationStore>>,
        clock: Arc<ManualClock>,
    ) -> Self {
        let edge = FakeEdge::default();
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let purges = EdgePurges::new(Box::new(edge.clone()), settings, coordination, time);
        let mut registry = Registry::default();
        purges.register(&mut registry);
        Self { edge, clock, purges, registry }
    }

    pub(super) fn change(&self, tags: &[&str]) {
        self.purges.tags(&tags.iter().map(ToString::to_string).collect::<Vec<_>>());
    }

    /// Lets time pass in steps of a second, and sends what is due in each.
    pub(super) async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            self.clock.advance(SECOND);
            while self.purges.step().await == Some(Duration::ZERO) {}
        }
    }

    /// A number that it shows.
    pub(super) fn shown(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let wanted = format!("edge_purge_{name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&wanted));
        line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse::<f64>().unwrap() as u64
    }
}

pub(super) fn tags(tags: &[&str]) -> Purge {
    Purge { tags: tags.iter().map(ToString::to_string).collect(), ..Purge::default() }
}
