//! How often each answer is requested, and the hit ratio that follows by the formula.

use std::time::Duration;

use cellar_model::edge_cache::hit_ratio;
use geo_index::Cell;
use rustc_hash::FxHashMap;

use super::Scheme;
use crate::plan::Planned;
use crate::run::CellLevel;

/// Requests by answer, for each scheme.
#[derive(Clone, Debug)]
pub struct Rates {
    counted: Vec<Counted>,
    /// Length of the plan.
    length: Duration,
}

#[derive(Clone, Debug)]
struct Counted {
    cell_level: CellLevel,
    counts: FxHashMap<(Cell, Option<String>), u64>,
}

impl Rates {
    /// Counts the requests of a plan of known length.
    pub fn of(plan: impl Iterator<Item = Planned>, length: Duration, schemes: &[Scheme]) -> Self {
        let cell_levels = schemes.iter().filter_map(|scheme| scheme.cell_level());
        let mut counted: Vec<Counted> =
            cell_levels.map(|cell_level| Counted { cell_level, counts: FxHashMap::default() }).collect();
        for Planned { search, .. } in plan {
            for Counted { cell_level, counts } in &mut counted {
                if let Ok(cell) = Cell::at(cell_level.grid, search.position, cell_level.level) {
                    *counts.entry((cell, search.category.clone())).or_default() += 1;
                }
            }
        }
        Self { counted, length }
    }

    /// The steady-state hit ratio, Σ p · λT / (1 + λT), for a lifetime T. `None` for raw coordinates: shared caches may not store
    /// those answers.
    pub fn formula(&self, scheme: Scheme, lifetime: Duration) -> Option<f64> {
        let counted = self.counted.iter().find(|counted| Some(counted.cell_level) == scheme.cell_level())?;
        let length_s = self.length.as_secs_f64().max(f64::MIN_POSITIVE);
        let rates = counted.counts.values().map(|count| *count as f64 / length_s);
        Some(hit_ratio(rates, lifetime.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use geo_index::Position;

    use super::*;
    use crate::plan::Search;

    #[test]
    fn users_of_one_cell_ask_for_one_answer() {
        let search = |lat, category: Option<&str>| Planned {
            at: Duration::ZERO,
            search: Search {
                user: 1,
                position: Position::new(lat, 2.3522).unwrap(),
                radius: None,
                limit: 20,
                category: category.map(str::to_owned),
                page: 0,
            },
        };
        let rates =
            |searches: Vec<Planned>| Rates::of(searches.into_iter(), Duration::from_secs(2), &Scheme::ALL);
        let second = Duration::from_secs(1);
        let coarse = Scheme::ALL[1];
        // Two in 2 s for one answer: 1 of 1 + 1. For two answers: 0.5 of 1 + 0.5.
        let together = rates(vec![search(48.8566, None), search(48.8567, None)]);
        let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(near(together.formula(coarse, second), 0.5));
        let apart = rates(vec![search(48.8566, None), search(48.8567, Some("cafe"))]);
        assert!(near(apart.formula(coarse, second), 1.0 / 3.0));
        assert_eq!(together.formula(Scheme::Raw, second), None);
    }
}
