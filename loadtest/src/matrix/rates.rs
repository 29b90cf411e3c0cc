//! How often each answer is asked for, and what the formula makes of that.

use std::time::Duration;

use geo_index::Cell;
use rustc_hash::FxHashMap;

use super::Asking;
use crate::formula::hit_ratio;
use crate::plan::Planned;
use crate::run::Snap;

/// Asks by answer, for each kind of asking.
#[derive(Clone, Debug)]
pub struct Rates {
    counted: Vec<Counted>,
    /// Length of the plan.
    length: Duration,
}

#[derive(Clone, Debug)]
struct Counted {
    snap: Snap,
    counts: FxHashMap<(Cell, Option<String>), u64>,
}

impl Rates {
    /// Reads a plan that takes so long.
    pub fn of(plan: impl Iterator<Item = Planned>, length: Duration, askings: &[Asking]) -> Self {
        let snaps = askings.iter().filter_map(|asking| asking.snap());
        let mut counted: Vec<Counted> =
            snaps.map(|snap| Counted { snap, counts: FxHashMap::default() }).collect();
        for Planned { ask, .. } in plan {
            for Counted { snap, counts } in &mut counted {
                if let Ok(cell) = Cell::at(snap.grid, ask.position, snap.level) {
                    *counts.entry((cell, ask.category.clone())).or_default() += 1;
                }
            }
        }
        Self { counted, length }
    }

    /// The hit ratio of a cache that has run for ever, Σ p · λT / (1 + λT), for a lifetime T. None for raw coordinates: no shared cache
    /// may keep those answers.
    pub fn formula(&self, asking: Asking, lifetime: Duration) -> Option<f64> {
        let counted = self.counted.iter().find(|counted| Some(counted.snap) == asking.snap())?;
        let length_s = self.length.as_secs_f64().max(f64::MIN_POSITIVE);
        let rates = counted.counts.values().map(|count| *count as f64 / length_s);
        Some(hit_ratio(rates, lifetime.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use geo_index::Position;

    use super::*;
    use crate::plan::Ask;

    #[test]
    fn users_of_one_cell_ask_for_one_answer() {
        let ask = |lat, category: Option<&str>| Planned {
            at: Duration::ZERO,
            ask: Ask {
                user: 1,
                position: Position::new(lat, 2.3522).unwrap(),
                radius: None,
                limit: 20,
                category: category.map(str::to_owned),
                page: 0,
            },
        };
        let rates = |asks: Vec<Planned>| Rates::of(asks.into_iter(), Duration::from_secs(2), &Asking::ALL);
        let second = Duration::from_secs(1);
        let coarse = Asking::ALL[1];
        // Two in 2 s for one answer: 1 of 1 + 1. For two answers: 0.5 of 1 + 0.5.
        let together = rates(vec![ask(48.8566, None), ask(48.8567, None)]);
        let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(near(together.formula(coarse, second), 0.5));
        let apart = rates(vec![ask(48.8566, None), ask(48.8567, Some("cafe"))]);
        assert!(near(apart.formula(coarse, second), 1.0 / 3.0));
        assert_eq!(together.formula(Asking::Raw, second), None);
    }
}
