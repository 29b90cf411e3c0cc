//! How often each answer is requested, and the hit ratio that follows by the formula.

use std::num::NonZeroUsize;
use std::time::Duration;

use cellar_model::edge_cache::hit_ratio;
use geo_index::edge::{CacheCell, DensityMap, Planner, PlannerMemory, Wanted};
use geo_index::{Cell, Meters};
use rustc_hash::FxHashMap;

use super::Scheme;
use crate::plan::{Planned, Search};

/// Requests by answer, for each scheme.
#[derive(Clone, Debug)]
pub struct Rates {
    counted: Vec<Counted>,
    /// Length of the plan.
    length: Duration,
}

#[derive(Clone, Debug)]
struct Counted {
    scheme: Scheme,
    counts: FxHashMap<(Cell, Option<String>), u64>,
}

/// The cell that a user asks for first; `None` for raw coordinates.
fn first_cell(scheme: Scheme, search: &Search, map: &DensityMap) -> Option<Cell> {
    let position = search.position;
    match scheme {
        Scheme::Raw => None,
        Scheme::Cell(at) => CacheCell::at(at.grid, position, at.level).ok().map(CacheCell::cell),
        // Which cell comes first depends on neither radius nor limit.
        Scheme::Adaptive => {
            let wanted = Wanted { position, radius: Meters::ZERO, limit: NonZeroUsize::MIN };
            let memory = PlannerMemory::new(0);
            Some(Planner::new(wanted, &(), map.precision_at(position), &memory).1.cell())
        }
    }
}

impl Rates {
    /// Counts the first requests of the searches of a plan of known length, with the density map that clients have.
    pub fn of(
        plan: impl Iterator<Item = Planned>,
        length: Duration,
        schemes: &[Scheme],
        map: &DensityMap,
    ) -> Self {
        let shared = schemes.iter().copied().filter(|scheme| *scheme != Scheme::Raw);
        let mut counted: Vec<Counted> =
            shared.map(|scheme| Counted { scheme, counts: FxHashMap::default() }).collect();
        for Planned { search, .. } in plan {
            for Counted { scheme, counts } in &mut counted {
                if let Some(cell) = first_cell(*scheme, &search, map) {
                    *counts.entry((cell, search.category.clone())).or_default() += 1;
                }
            }
        }
        Self { counted, length }
    }

    /// The steady-state hit ratio, Σ p · λT / (1 + λT), for a lifetime T. `None` for raw coordinates: shared caches may not store
    /// those answers.
    pub fn formula(&self, scheme: Scheme, lifetime: Duration) -> Option<f64> {
        let counted = self.counted.iter().find(|counted| counted.scheme == scheme)?;
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
        let rates = |searches: Vec<Planned>, map: &DensityMap| {
            Rates::of(searches.into_iter(), Duration::from_secs(2), &Scheme::ALL, map)
        };
        let second = Duration::from_secs(1);
        let coarse = Scheme::ALL[1];
        // Two in 2 s for one answer: 1 of 1 + 1. For two answers: 0.5 of 1 + 0.5.
        let together = rates(vec![search(48.8566, None), search(48.8567, None)], &DensityMap::default());
        let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(near(together.formula(coarse, second), 0.5));
        let apart = rates(vec![search(48.8566, None), search(48.8567, Some("cafe"))], &DensityMap::default());
        assert!(near(apart.formula(coarse, second), 1.0 / 3.0));
        assert_eq!(together.formula(Scheme::Raw, second), None);
        // Adaptive clients ask as the map says: of precision 7 the cells are 150 m wide, of 3 both are one.
        let mut map = DensityMap::default();
        let distant = || vec![search(48.8566, None), search(48.8666, None)];
        for (precision, expected) in [(7, 1.0 / 3.0), (3, 0.5)] {
            map.set("u09".parse().unwrap(), precision);
            let found = rates(distant(), &map).formula(Scheme::Adaptive, second);
            assert!(near(found, expected), "{precision}: {found:?}");
        }
        // Without a map they begin as geohash 4 does.
        let unknown = rates(distant(), &DensityMap::default());
        assert_eq!(unknown.formula(Scheme::Adaptive, second), unknown.formula(coarse, second));
    }
}
