//! Scanning a box, in order of leaf and id.
//!
//! A depth-first walk over the cells that the box touches visits them in the order of their leaves, so results
//! come out sorted and a cursor is just the last key. A scan can end at any time, with a cursor to where it stood:
//! nothing is left out, the caller goes on from there. By itself it ends early when it has used up its page budget,
//! but never before it has found something: an answer of no places that says there are more is the end to many
//! clients. (One of a selection may: whoever selects knows that few places may be what is wanted.)
//!
//! Where the box touches many roots below a base cell, the scan asks which of them exist.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::query::{BoxKey, BoxQuery};
use super::selection::Pacing;
use super::{
    COARSE_RESOLUTIONS, Hit, Pace, Progress, ROOT_RESOLUTION, SearchLimits, SearchWork, Selection, root_index,
};
use crate::grid::GridCell;
use crate::grid::h3::{H3Cell, Leaf};
use crate::page::{ChildCell, CrowdPage, Page, PlacesPage, RunRead};

/// Roots, or coarser cells, below one base cell whose pages a scan asks for without asking which roots exist.
const FEW_ROOTS: usize = 4;

/// What is still to visit.
#[derive(Clone, Debug)]
enum Visit {
    Cell(H3Cell),
    Run(RunRead),
}

/// A scan of a box. It is driven like a [`NearbySearch`](super::NearbySearch).
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
/// use geo_index::tree::{BoxQuery, BoxScan, Progress, SearchLimits};
/// use geo_index::{BBox, Leaf, Page, PlacesPage, Position, Row};
///
/// let position = Position::new(48.8606, 2.3376)?;
/// let row = Row { leaf: Leaf::at(position), id: "louvre".into(), position, category: None, payload: vec![] };
/// let query = BoxQuery {
///     bbox: BBox::new(2.2, 48.8, 2.5, 48.9)?,
///     limit: NonZeroUsize::new(10).unwrap(),
///     category: None,
///     after: None,
/// };
/// let mut scan = BoxScan::new(query, SearchLimits::default());
/// while let Progress::Need(cells) = scan.advance(|_| None) {
///     for cell in cells {
///         let rows = if cell.covers(row.leaf) { vec![row.clone()] } else { vec![] };
///         scan.supply(cell, Arc::new(Page::Places(PlacesPage::new(rows))));
///     }
/// }
/// let answer = scan.finish();
/// assert_eq!(answer.hits[0].id(), "louvre");
/// assert_eq!(answer.next, None);
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Debug)]
pub struct BoxScan {
    query: BoxQuery,
    selection: Selection,
    pacing: Pacing,
    limits: SearchLimits,
    /// Resolution of the coarsest pages of places.
    top: u8,
    /// Where the scan began.
    start: Option<BoxKey>,
    /// What is still to visit, the first of it last.
    ahead: Vec<Visit>,
    supplied: FxHashMap<H3Cell, Arc<Page>>,
    supplied_runs: FxHashMap<RunRead, Arc<Page>>,
    hits: Vec<Hit>,
    /// Whether rows of the last page are still to come.
    cut: bool,
    work: SearchWork,
}

/// The places found.
#[derive(Clone, Debug)]
pub struct BoxAnswer {
    /// By leaf and id. There may be fewer than the limit although more follow: [`next`](Self::next) tells.
    pub hits: Vec<Hit>,
    /// Where to go on: the [`after`](BoxQuery::after) of the next scan. `None` at the end of the box.
    pub next: Option<BoxKey>,
    /// What the scan took.
    pub work: SearchWork,
}

impl BoxScan {
    /// Begins a scan at the roots that the box touches.
    pub fn new(query: BoxQuery, limits: SearchLimits) -> Self {
        Self::beginning_at(query, limits, ROOT_RESOLUTION)
    }

    fn beginning_at(query: BoxQuery, limits: SearchLimits, top: u8) -> Self {
        let mut scan = Self {
            query,
            selection: Selection::default(),
            pacing: Pacing::default(),
            limits,
            top,
            start: None,
            ahead: Vec::new(),
            supplied: FxHashMap::default(),
            supplied_runs: FxHashMap::default(),
            hits: Vec::new(),
            cut: false,
            work: SearchWork::default(),
        };
        scan.begin();
        scan
    }

    /// Puts what there is to visit at the top of the tree ahead.
    fn begin(&mut self) {
        let bases = root_index::base_cells().iter().filter(|base| self.is_ahead(base));
        let ahead = bases.flat_map(|base| {
            let mut cells = Vec::new();
            self.top_below(base, &mut cells);
            if cells.len() > FEW_ROOTS { vec![base.cell] } else { cells }
        });
        let mut ahead: Vec<_> = ahead.map(Visit::Cell).collect();
        ahead.reverse();
        self.ahead = ahead;
        self.start = self.query.after.clone().or_else(|| self.ahead.last().map(Visit::begin));
    }

    /// Whether a cell touches the box and does not lie before where the scan begins.
    fn is_ahead(&self, cell: &ChildCell) -> bool {
        let after = self.query.after.as_ref();
        after.is_none_or(|after| *cell.cell.leaves().end() >= after.leaf)
            && self.query.bbox.may_touch(&cell.cap)
            && self.selection.may_touch(&cell.cap)
    }

    /// The first cells at the top of the tree below a cell that are ahead, in ascending order: all of them if they are few.
    fn top_below(&self, at: &ChildCell, cells: &mut Vec<H3Cell>) {
        if cells.len() > FEW_ROOTS {
            return;
        }
        if at.cell.level() == self.top {
            return cells.push(at.cell);
        }
        for child in at.finer().iter().filter(|child| self.is_ahead(child)) {
            self.top_below(child, cells);
        }
    }

    /// Makes use of pages above the roots, of the coarsest of the [`COARSE_RESOLUTIONS`](super::COARSE_RESOLUTIONS): for a
    /// tree that has such pages.
    #[must_use]
    pub fn from_coarse_pages(query: BoxQuery, limits: SearchLimits) -> Self {
        Self::beginning_at(query, limits, *COARSE_RESOLUTIONS.start())
    }

    fn push<'a>(&mut self, cells: impl Iterator<Item = &'a ChildCell>) {
        let cells: Vec<_> =
            cells.filter(|child| self.is_ahead(child)).map(|child| Visit::Cell(child.cell)).collect();
        self.ahead.extend(cells.into_iter().rev());
    }

    fn push_runs(&mut self, leaf: Leaf, crowd: &CrowdPage) {
        let after = self.query.after.as_ref().filter(|after| after.leaf == leaf);
        let behind = |run: &RunRead| match (after, &run.last) {
            (Some(after), Some(last)) => **last > *after.id,
            _ => true,
        };
        let within =
            |spot: &crate::Position| self.query.bbox.contains(*spot) && self.selection.has_position(*spot);
        let touched = |spots: &[crate::Position]| spots.is_empty() || spots.iter().any(within);
        let runs = crowd.reads(leaf).zip(crowd.runs());
        let runs: Vec<_> = runs
            .filter(|(read, run)| behind(read) && touched(&run.spots))
            .map(|(read, _)| Visit::Run(read))
            .collect();
        self.ahead.extend(runs.into_iter().rev());
    }

    /// Restricts the scan to the places of a selection. It then ends early, too, when it has found nothing yet.
    #[must_use]
    pub fn selecting(mut self, selection: Selection) -> Self {
        self.pacing.edges = selection.edges();
        self.selection = selection;
        self.begin();
        self
    }

    /// Makes a scan of a selection pause, and bounds what its filter takes.
    #[must_use]
    pub fn at_pace(mut self, pace: Pace) -> Self {
        self.pacing.pace = pace;
        self
    }

    /// Whether it is one of a selection.
    pub fn selects(&self) -> bool {
        !self.selection.is_everything()
    }

    /// Whether something was found.
    pub fn has_hits(&self) -> bool {
        !self.hits.is_empty()
    }

    /// Whether the scan may end early: it has found something, or it is one of a selection and has come further than where
    /// it began.
    pub fn may_end(&self) -> bool {
        let Some(next) = self.ahead.last().map(Visit::begin).filter(|_| !self.has_hits()) else {
            return true;
        };
        let has_come_further = |start: &BoxKey| (next.leaf, &next.id) > (start.leaf, &start.id);
        !self.selection.is_everything() && self.start.as_ref().is_some_and(has_come_further)
    }

    /// Whether any page was looked at.
    pub fn has_begun(&self) -> bool {
        self.work.pages > 0
    }

    /// Goes on as far as the available pages allow: those supplied, and those that `local` has.
    pub fn advance(&mut self, mut local: impl FnMut(H3Cell) -> Option<Arc<Page>>) -> Progress {
        while let Some(next) = self.ahead.last() {
            let is_spent = self.work.pages >= self.limits.page_budget.get() || self.pacing.is_spent();
            if self.hits.len() >= self.query.limit.get() || (is_spent && self.may_end()) {
                return Progress::Done;
            }
            if self.pacing.takes_pause() {
                return Progress::Paused;
            }
            let found = match next {
                Visit::Cell(cell) => self.supplied.remove(cell).or_else(|| local(*cell)),
                Visit::Run(run) => self.supplied_runs.remove(run),
            };
            let Some(page) = found else { return self.ask(&mut local) };
            let Some(visit) = self.ahead.pop() else { break };
            self.work.pages += 1;
            self.look_at(&visit, &page);
        }
        Progress::Done
    }

    fn look_at(&mut self, visit: &Visit, page: &Arc<Page>) {
        match (&**page, visit) {
            (Page::Split(split), _) => self.push(split.shapes().iter()),
            (Page::Places(places), _) => self.collect(page, places),
            (Page::Roots(roots), _) => {
                let mut cells: Vec<_> =
                    roots.roots().iter().filter_map(|root| root.ancestor(self.top)).collect();
                cells.dedup();
                self.push(cells.into_iter().filter_map(root_index::shape));
            }
            (Page::Crowd(crowd), Visit::Cell(cell)) => {
                if let Ok(leaf) = Leaf::try_from(*cell) {
                    self.push_runs(leaf, crowd);
                }
            }
            (Page::Crowd(_), Visit::Run(_)) => {}
        }
    }

    /// Asks for what is missing of what comes next, twice as far ahead in each round: for pages of cells, or for runs,
    /// whichever is next.
    fn ask(&mut self, local: &mut impl FnMut(H3Cell) -> Option<Arc<Page>>) -> Progress {
        let window = (1 << self.work.rounds.min(8)).min(self.limits.fan_out.get());
        let (mut cells, mut runs) = (Vec::new(), Vec::new());
        for next in self.ahead.iter().rev().take(window) {
            match next {
                Visit::Cell(cell) if runs.is_empty() && !self.supplied.contains_key(cell) => {
                    match local(*cell) {
                        Some(page) => drop(self.supplied.insert(*cell, page)),
                        None => cells.push(*cell),
                    }
                }
                Visit::Run(run) if cells.is_empty() && !self.supplied_runs.contains_key(run) => {
                    runs.push(run.clone());
                }
                _ => {}
            }
        }
        self.work.rounds += 1;
        self.work.asked += cells.len() + runs.len();
        if runs.is_empty() { Progress::Need(cells) } else { Progress::NeedRuns(runs) }
    }

    /// Supplies a page that was asked for, or one that was loaded along with it.
    pub fn supply(&mut self, cell: H3Cell, page: Arc<Page>) {
        self.supplied.insert(cell, page);
    }

    /// Supplies the places of a run that was asked for.
    pub fn supply_run(&mut self, run: RunRead, page: Arc<Page>) {
        self.supplied_runs.insert(run, page);
    }

    fn collect(&mut self, page: &Arc<Page>, places: &PlacesPage) {
        let allowed = self.query.category.as_ref().map(|filter| places.allowed(filter));
        let mut pacing = self.pacing;
        let wanted = |row: &usize| {
            let row = *row;
            let behind = self
                .query
                .after
                .as_ref()
                .is_none_or(|after| (places.leaf(row), places.id(row)) > (after.leaf, after.id.as_str()));
            behind
                && allowed.as_ref().is_none_or(|allowed| allowed.has(row))
                && self.query.bbox.contains(places.position(row))
                && self.selection.has(places, row, None, &mut pacing)
        };
        let room = self.query.limit.get() - self.hits.len();
        let mut rows = (0..places.len()).filter(wanted);
        let found: Vec<usize> = rows.by_ref().take(room).collect();
        self.cut = found.len() == room && rows.next().is_some();
        self.pacing = pacing;
        self.hits.extend(found.into_iter().map(|row| Hit { page: Arc::clone(page), row, distance: None }));
    }

    /// The answer: all of it once [`advance`](BoxScan::advance) has said that it is done, and before that what has been
    /// found so far.
    pub fn finish(self) -> BoxAnswer {
        let behind_last = self
            .hits
            .last()
            .filter(|_| self.cut || self.hits.len() >= self.query.limit.get())
            .map(|hit| BoxKey { leaf: hit.leaf(), id: hit.id().to_owned() });
        let next = match self.ahead.last() {
            None if self.cut => behind_last,
            None => None,
            Some(next) => behind_last.or_else(|| Some(next.begin())),
        };
        BoxAnswer { hits: self.hits, next, work: self.work }
    }
}

impl Visit {
    /// A key before all of its places.
    fn begin(&self) -> BoxKey {
        match self {
            Self::Cell(cell) => BoxKey { leaf: *cell.leaves().start(), id: String::new() },
            Self::Run(run) => {
                BoxKey { leaf: run.leaf, id: run.after.as_deref().map(str::to_owned).unwrap_or_default() }
            }
        }
    }
}
