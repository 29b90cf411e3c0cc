//! How clients pick their cells, and what they end up asking for.

use std::num::NonZeroU16;

use geo_index::edge::{
    CacheCell, DEFAULT_PRECISION, DensityMap, PRECISIONS, Planner, PlannerMemory, RESOLUTIONS, Reason,
    Refined, Step, Wanted, refine,
};
use geo_index::tree::NearbyQuery;
use geo_index::{Grid, H3Cell, Page, Position};

use super::Plan;
use super::index::{Answered, Index};
use super::positions::Stream;

/// A way to turn positions into what the edge is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The exact endpoint with the position as it is.
    Raw,
    /// All begin with a cell of one level. Geohash clients go on as the planner says, H3 clients one level finer or
    /// coarser.
    Fixed(Grid, u8),
    /// Clients begin where the density map says.
    Map,
    /// The same with lists of `listed` places, and a map that is made to serve `percent` % of a cell's area.
    Tuned {
        /// Places in an answer, at most.
        listed: NonZeroU16,
        /// Share of the area in which the first answer should serve users, in percent.
        percent: u8,
    },
    /// The map's cell, and where that is one of a dense part (precision 5 or 6) the next finer one at the same
    /// time: no second wait, at a second request.
    TwoAtOnce,
    /// The same, but what worked in a neighbourhood comes first. All clients share one memory: as if each had been
    /// everywhere before.
    MapAndMemory,
    /// No map, but a memory.
    Memory,
    /// Clients search for themselves, over the pages of the tree, each under a URL of its own.
    Pages,
}

impl Scheme {
    /// Every scheme, the one that the project uses among them.
    pub fn all() -> Vec<Self> {
        let geohash = PRECISIONS.map(|level| Self::Fixed(Grid::Geohash, level));
        let h3 = RESOLUTIONS.map(|level| Self::Fixed(Grid::H3, level));
        let adaptive = [Self::Map, Self::MapAndMemory, Self::Memory, Self::TwoAtOnce, Self::Pages];
        std::iter::once(Self::Raw).chain(geohash).chain(h3).chain(adaptive).collect()
    }

    /// Its name in reports.
    pub fn name(self) -> String {
        match self {
            Self::Raw => "raw coordinates".to_owned(),
            Self::Fixed(Grid::Geohash, level) => format!("geohash {level}"),
            Self::Fixed(Grid::H3, level) => format!("h3 {level}"),
            Self::Map => "density map".to_owned(),
            Self::Tuned { listed, percent } => format!("map {listed}:{percent}"),
            Self::TwoAtOnce => "map + finer".to_owned(),
            Self::MapAndMemory => "map + memory".to_owned(),
            Self::Memory => format!("geohash {DEFAULT_PRECISION} + memory"),
            Self::Pages => "pages".to_owned(),
        }
    }

    /// The order in which to follow the requests: by cell where one does not depend on another, since users of a
    /// cell need the same answers; else in time.
    pub(super) fn order(self, map: &DensityMap, stream: &Stream) -> Vec<usize> {
        let mut order: Vec<usize> = (0..stream.requests.len()).collect();
        if matches!(self, Self::Fixed(..) | Self::Map | Self::Tuned { .. } | Self::TwoAtOnce) {
            order.sort_by_cached_key(|&at| self.first_cell(map, stream.requests[at].position));
        }
        order
    }

    fn first_cell(self, map: &DensityMap, position: Position) -> Option<CacheCell> {
        let (grid, level) = match self {
            Self::Fixed(grid, level) => (grid, level),
            _ => (Grid::Geohash, map.precision_at(position).unwrap_or(DEFAULT_PRECISION)),
        };
        CacheCell::at(grid, position, level).ok()
    }
}

/// What the edge is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Cell(CacheCell),
    /// The bits of a position's coordinates.
    Position(u64, u64),
    Page(H3Cell),
}

impl Key {
    pub(super) fn raw(position: Position) -> Self {
        Self::Position(position.lat().to_bits(), position.lon().to_bits())
    }
}

/// What one request came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Visit {
    keys: Vec<Key>,
    /// How often the user waited for answers of cells.
    pub(super) waits: usize,
    /// Whether the exact endpoint had to be asked in the end.
    pub(super) exact: bool,
    /// Places in all answers of cells.
    pub(super) places: u32,
}

impl Visit {
    pub(super) fn keys(&self) -> impl DoubleEndedIterator<Item = Key> {
        self.keys.iter().copied()
    }

    pub(super) fn tries(&self) -> usize {
        self.keys.len()
    }

    fn note(&mut self, key: Key, places: usize) {
        self.beside(key, places);
        self.waits += 1;
    }

    /// A request at the same time as another.
    fn beside(&mut self, key: Key, places: usize) {
        self.keys.push(key);
        self.places += places as u32;
    }
}

/// Clients of one scheme.
pub(super) struct Client<'a> {
    scheme: Scheme,
    job: &'a Plan,
    map: &'a DensityMap,
    memory: PlannerMemory,
    index: &'a mut Index,
}

impl<'a> Client<'a> {
    pub(super) fn new(job: &'a Plan, scheme: Scheme, map: &'a DensityMap, index: &'a mut Index) -> Self {
        let memory = match scheme {
            Scheme::MapAndMemory | Scheme::Memory => PlannerMemory::default(),
            _ => PlannerMemory::new(0),
        };
        Self { scheme, job, map, memory, index }
    }

    pub(super) fn visit(&mut self, position: Position) -> Visit {
        match self.scheme {
            Scheme::Raw => {
                let mut visit = Visit::default();
                visit.note(Key::raw(position), self.job.limit.get());
                visit
            }
            Scheme::Fixed(Grid::H3, level) => self.climb(position, level),
            Scheme::Fixed(Grid::Geohash, level) => self.follow(position, Some(level)),
            Scheme::Map | Scheme::MapAndMemory | Scheme::Tuned { .. } | Scheme::TwoAtOnce => {
                self.follow(position, self.map.precision_at(position))
            }
            Scheme::Memory => self.follow(position, None),
            Scheme::Pages => self.walk(position),
        }
    }

    /// A plan from its first cell to its end.
    fn follow(&mut self, position: Position, hint: Option<u8>) -> Visit {
        let wanted = Wanted { position, radius: self.job.radius, limit: self.job.limit };
        let mut visit = Visit::default();
        let (mut planner, mut cell) = Planner::new(wanted, &(), hint, &self.memory);
        let finer = (self.scheme == Scheme::TwoAtOnce).then(|| finer(cell, position)).flatten();
        loop {
            let answer = self.index.answer(cell);
            if Some(cell) != finer {
                visit.note(Key::Cell(cell), listed(answer.as_deref()));
            }
            if visit.tries() == 1
                && let Some(finer) = finer
            {
                visit.beside(Key::Cell(finer), listed(self.index.answer(finer).as_deref()));
            }
            let step = match answer.as_deref() {
                Some(Answered { answer, .. }) => planner.answered(answer),
                None => Step::AskExact,
            };
            match step {
                Step::Ask(next) => cell = next,
                Step::Done(_) => return visit,
                Step::AskExact => return Visit { exact: true, ..visit },
            }
        }
    }

    /// A search of the tree, whose every page is asked for.
    fn walk(&mut self, origin: Position) -> Visit {
        let (radius, limit) = (self.job.radius, self.job.limit);
        let mut visit = Visit::default();
        let query = NearbyQuery { origin, radius, limit, category: None, after: None };
        let found = self.index.nearby_over(query, |cell, page| {
            visit.note(Key::Page(cell), if let Page::Places(places) = page { places.len() } else { 0 });
        });
        Visit { exact: found.is_err(), ..visit }
    }

    /// The planner knows geohashes only: H3 clients go one level finer or coarser, as often as a planner would.
    fn climb(&mut self, position: Position, level: u8) -> Visit {
        let mut visit = Visit::default();
        let mut next = CacheCell::at(Grid::H3, position, level).ok();
        while let Some(cell) = next.filter(|_| visit.tries() < Planner::MAX_TRIES) {
            let Some(answer) = self.index.answer(cell) else {
                visit.note(Key::Cell(cell), 0);
                break;
            };
            visit.note(Key::Cell(cell), listed(Some(&answer)));
            let level = match refine(&answer.answer, position, self.job.radius, self.job.limit) {
                Refined::Exact(_) => return visit,
                Refined::NotCertified(why) if why.reason == Reason::TooDense => cell.level() + 1,
                Refined::NotCertified(_) => cell.level() - 1,
            };
            let finer_or_coarser = CacheCell::at(Grid::H3, position, level).ok();
            next = finer_or_coarser.filter(|cell| visit.keys().all(|key| key != Key::Cell(*cell)));
        }
        Visit { exact: true, ..visit }
    }
}

fn listed(answer: Option<&Answered>) -> usize {
    answer.map_or(0, |answered| answered.answer.places.len())
}

/// The cell to ask for beside that of the map, where it is one of a dense part.
fn finer(cell: CacheCell, position: Position) -> Option<CacheCell> {
    let level =
        Some(cell.level()).filter(|level| (DEFAULT_PRECISION + 1..*PRECISIONS.end()).contains(level))?;
    CacheCell::at(Grid::Geohash, position, level + 1).ok()
}
