//! What is counted of cell answers.

use cellar_cache::striped::BusyCounter;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::rendered::Use;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Counters of cell answers, and how each came about.
#[derive(Clone, Debug)]
pub struct CellMetrics {
    answers: Family<Outcome, BusyCounter>,
    hits: BusyCounter,
    misses: BusyCounter,
    outdated: BusyCounter,
    /// Times that an answer was compressed.
    pub encoded: Counter,
}

impl Default for CellMetrics {
    fn default() -> Self {
        let answers = Family::<Outcome, BusyCounter>::default();
        let of = |outcome| answers.get_or_create(&Outcome { outcome }).clone();
        Self {
            hits: of("hit"),
            misses: of("miss"),
            outdated: of("outdated"),
            encoded: Counter::default(),
            answers,
        }
    }
}

impl CellMetrics {
    /// Adds the counters to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Cell answers: rendered already, not yet, or of pages that changed since";
        registry.register("cell_answers", help, self.answers.clone());
        registry.register("cell_encodings", "Cell answers compressed", self.encoded.clone());
    }

    /// Takes note of an answer.
    pub(super) fn count(&self, used: Use) {
        match used {
            Use::Hit { .. } => &self.hits,
            Use::Miss => &self.misses,
            Use::Outdated => &self.outdated,
        }
        .inc();
    }
}
