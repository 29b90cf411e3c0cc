//! A server of cell answers over places in memory, and a client that follows a plan.

use geo_index::edge::{
    ANSWER_MAX, CacheCell, CellAnswer, CellPlace, DensityMap, Planner, PlannerMemory, Step, Wanted,
    certified_radius,
};
use geo_index::tree::{NearbyQuery, SearchLimits};
use geo_index::{Meters, Position, distance};

use crate::support::{Index, Point, at_most, brute_force};

/// The answer of a cell, by brute force.
pub(super) fn cell_answer(points: &[Point], cell: CacheCell, category: Option<&str>) -> CellAnswer<()> {
    let query = NearbyQuery { limit: at_most(ANSWER_MAX.get() + 1), ..query_of(cell, category) };
    let mut found = brute_force(points, &query);
    let cut = found.len() > ANSWER_MAX.get();
    found.truncate(ANSWER_MAX.get());
    let last = found.last().and_then(|&(_, meters)| Meters::new(meters));
    let position = |id: &str| points.iter().find(|point| point.id == id).unwrap().position;
    let places = found.into_iter().map(|(id, _)| place(position(&id), id)).collect();
    CellAnswer { cell, certified_radius: certified_radius(cell, last, cut), places }
}

/// The same by a search over pages, as the API makes it.
pub(super) fn indexed_answer(index: &Index, cell: CacheCell) -> CellAnswer<()> {
    let found = index.nearby(&query_of(cell, None), SearchLimits::default()).unwrap();
    let last = found.hits.last().and_then(geo_index::tree::Hit::distance);
    let places = found.hits.iter().map(|hit| place(hit.position(), hit.id().to_owned())).collect();
    CellAnswer { cell, certified_radius: certified_radius(cell, last, found.next.is_some()), places }
}

fn place(position: Position, id: String) -> CellPlace<()> {
    CellPlace { id, position, payload: () }
}

fn query_of(cell: CacheCell, category: Option<&str>) -> NearbyQuery {
    NearbyQuery {
        origin: cell.centre(),
        radius: cell.horizon(),
        limit: ANSWER_MAX,
        category: category.map(Into::into),
        after: None,
    }
}

/// What came of a plan.
pub(super) struct Outcome {
    /// Ids and distances; `None` if the exact endpoint had to be asked.
    pub(super) results: Option<Vec<(String, f64)>>,
    pub(super) tries: usize,
    /// Places of the last answer.
    pub(super) places: usize,
}

/// Drives a plan against a server.
pub(super) fn follow(
    wanted: Wanted,
    map: &DensityMap,
    memory: &PlannerMemory,
    server: impl FnMut(CacheCell) -> CellAnswer<()>,
) -> Outcome {
    let hint = map.precision_at(wanted.position);
    follow_hint(wanted, hint, memory, server)
}

/// The same with a hint of whatever origin.
pub(super) fn follow_hint(
    wanted: Wanted,
    hint: Option<u8>,
    memory: &PlannerMemory,
    mut server: impl FnMut(CacheCell) -> CellAnswer<()>,
) -> Outcome {
    let (mut planner, mut cell) = Planner::new(wanted, &"places", hint, memory);
    loop {
        let answer = server(cell);
        assert!(distance(cell.centre(), wanted.position) <= cell.horizon());
        let (results, next) = match planner.answered(&answer) {
            Step::Ask(next) => (None, Some(next)),
            Step::Done(hits) => {
                let found = hits.iter().map(|hit| (hit.place.id.clone(), hit.distance.get()));
                (Some(found.collect()), None)
            }
            Step::AskExact => (None, None),
        };
        let Some(next) = next else {
            return Outcome { results, tries: planner.tries(), places: answer.places.len() };
        };
        assert!(planner.tries() <= Planner::MAX_TRIES);
        cell = next;
    }
}
