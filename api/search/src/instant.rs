//! Answers of one instant: drives the page tree of `geo-index` over a source of pages, and goes over what has changed
//! meanwhile.
//!
//! A search reads its pages one after the other. If a place moves meanwhile, it may be in none of them, or in two. So
//! when a search is done, it asks whether all its pages still are what it would read now. If no page that it used was
//! invalidated since it was read, and no write under way touches one, then the pages are those of the instant of that
//! question (docs/adr/0016 has the argument). Otherwise the search reads what was invalidated once more and goes over all
//! pages again; and when a write under way is in the way, it holds writes of the collection back while it does so.
//!
//! Invariant: an answer that is not [`torn`](crate::Work::torn) is the state at an instant between its question and its
//! end, as far as this process has written it and its table's index shows a write at once. No answer lists an id twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::InvalidationPoint;
use cellar_cache::trace::Trace;
use cellar_model::{Collection, PageTree};
use cellar_store::{ReadCost, StoreError};
use futures::future::try_join_all;
use geo_index::tree::{BoxAnswer, BoxScan, Hit, NearbyAnswer, NearbySearch, Progress, SearchWork};
use geo_index::{H3Cell, Page, RunRead, SearchError};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::timeout_at;

use crate::doubles::doubles;
use crate::pages::PageError;
use crate::{Search, Work};

/// How many times a search goes over its pages again, at most.
const MOST_REPEATS: u32 = 8;

/// How many times of these without holding writes back, unless one is in the way.
const FREE_REPEATS: u32 = 2;

/// How long it may take to ask the table which of two versions of a place is the newer one.
const COMPARE_LIMIT: Duration = Duration::from_millis(200);

/// Share of its time after which a box scan that has found something ends with a cursor. The rest is for a store that
/// answers late, and for one that has found nothing yet.
const ITEMS_SHARE_OF_TIME: f64 = 0.6;

/// Where a page is: a cell of one of the trees that are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    /// Number of the tree.
    pub(crate) tree: usize,
    /// The cell.
    pub(crate) cell: H3Cell,
}

/// Pages that a search used, with where they are.
pub(crate) type Used = Vec<(Spot, Arc<Page>)>;

/// What is wanted next, each of one tree; nothing at the end.
pub(crate) type Wanted = Vec<(usize, Progress)>;

/// A search or a scan of the page tree.
pub(crate) trait Machine {
    type Answer: Answer;

    /// Goes on as far as the pages go that `local` has, and notes which ones it used.
    fn go_on(
        &mut self,
        local: impl FnMut(Spot) -> Option<Arc<Page>>,
        used: &mut Used,
    ) -> Result<Wanted, SearchError>;

    /// Of the pages that it needs of a tree, those whose load should begin at another cell.
    fn begins(&self, _tree: usize) -> &[(H3Cell, H3Cell)] {
        &[]
    }

    /// Takes a page that was fetched.
    fn take(&mut self, at: Spot, page: Arc<Page>, used: &mut Used);

    /// Takes the places of a run of a tree. They are of the leaf's page, which is among those used: a change of one is of the
    /// other.
    fn take_run(&mut self, tree: usize, run: RunRead, page: Arc<Page>);

    /// Whether it may end before it is done, with a cursor, when its time is short.
    fn may_end_early(&self) -> bool {
        false
    }

    /// Whether it pauses, so that its time is looked at while it works.
    fn pauses(&self) -> bool {
        false
    }

    /// Makes it end as soon as it can, with a cursor, for its time is short; false if it does not.
    fn hurry(&mut self) -> bool {
        false
    }

    /// Whether it has found nothing so far, however far it came.
    fn found_nothing(&self) -> bool {
        false
    }

    fn end(self) -> Self::Answer;
}

/// What a machine ends with.
pub(crate) trait Answer {
    fn hits(&mut self) -> &mut Vec<Hit>;
    fn work(&self) -> SearchWork;
}

/// An answer, and what it took.
pub(crate) struct Found<A> {
    pub(crate) answer: A,
    pub(crate) work: Work,
    pub(crate) used: Used,
}

/// When a pass over the pages began.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Since {
    /// In the order of changes that the source has been told of, if it has one.
    point: Option<InvalidationPoint>,
    /// In the order of this process's writes.
    ended: u64,
}

/// Pages of earlier passes that need not be fetched again.
#[derive(Default)]
struct Kept(FxHashMap<Spot, (Arc<Page>, Since)>);

impl Kept {
    fn get(&self, at: Spot) -> Option<Arc<Page>> {
        self.0.get(&at).map(|(page, _)| Arc::clone(page))
    }

    /// Keeps what a pass has used that began then; what it had from here stays as old as it is.
    fn add(&mut self, used: &Used, since: Since) {
        for (at, page) in used {
            let is_here = self.0.get(at).is_some_and(|(kept, _)| Arc::ptr_eq(kept, page));
            if !is_here {
                self.0.insert(*at, (Arc::clone(page), since));
            }
        }
    }

    /// Drops what does not hold any more; whether anything did not. A split always holds: it may be out of date without
    /// harm.
    fn drop_changed(&mut self, holds: impl Fn(Spot, Since) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|at, (page, since)| matches!(**page, Page::Split(_)) || holds(*at, *since));
        self.0.len() < before
    }
}

/// A request, as far as its passes share it.
struct Request<'a> {
    search: &'a Search,
    trees: &'a [PageTree],
    cost: ReadCost,
    trace: Trace,
    tree: SearchWork,
}

impl Search {
    /// Runs a search of trees of one collection until all pages that it used are from one instant, or until that has taken too
    /// long.
    pub(crate) async fn at_an_instant<M: Machine>(
        &self,
        trees: &[PageTree],
        begin: impl Fn() -> M,
        deadline: Instant,
    ) -> Result<Found<M::Answer>, PageError> {
        let (cost, trace) = (ReadCost::default(), Trace::default());
        let mut request = Request { search: self, trees, cost, trace, tree: SearchWork::default() };
        let (since, mut used) = (self.since(), Used::with_capacity(16));
        let mut answer = request.pass(begin(), &Kept::default(), &mut used, deadline).await?;
        let calm = self.writes().none_under_way() && self.since() == since;
        let done = if calm && doubles(answer.hits()).is_empty() {
            Repeated { answer, used, repeats: 0, torn: false }
        } else {
            // Rare, and larger than everything else that the request waits for.
            Box::pin(request.repeat(&begin, answer, used, since, deadline)).await?
        };
        let Repeated { answer, used, repeats, torn } = done;
        let Request { cost, trace, tree, .. } = request;
        Ok(Found { answer, work: Work { tree, cost, trace, repeats, torn }, used })
    }

    fn since(&self) -> Since {
        Since { point: self.source().invalidation_point(), ended: self.writes().ended() }
    }
}

/// An answer, whatever it took to have it.
struct Repeated<A> {
    answer: A,
    used: Used,
    repeats: u32,
    torn: bool,
}

impl Request<'_> {
    async fn pass<M: Machine>(
        &mut self,
        mut machine: M,
        kept: &Kept,
        used: &mut Used,
        deadline: Instant,
    ) -> Result<M::Answer, PageError> {
        let Self { search, trees, cost, trace, tree } = self;
        let (mut soon, mut hurries) = (None, false);
        if machine.pauses() && Instant::now() >= deadline {
            return Err(StoreError::Deadline.into());
        }
        loop {
            let present = |at: Spot, trace: &mut Trace| {
                search.source().get_if_present(trees.get(at.tree)?, at.cell, trace)
            };
            let wanted = machine.go_on(|at| kept.get(at).or_else(|| present(at, trace)), used)?;
            if wanted.is_empty() {
                break;
            }
            let soon = *soon.get_or_insert_with(|| {
                let now = Instant::now();
                now + deadline.saturating_duration_since(now).mul_f64(ITEMS_SHARE_OF_TIME)
            });
            let is_soon = Instant::now() >= soon;
            if is_soon && !std::mem::replace(&mut hurries, is_soon) && machine.hurry() {
                continue;
            }
            let is_paused = wanted.iter().any(|(_, progress)| *progress == Progress::Paused);
            if is_paused && !machine.may_end_early() && Instant::now() >= deadline {
                return Err(StoreError::Deadline.into());
            }
            if is_paused {
                tokio::task::yield_now().await;
            }
            // A search is left to the store's and the cache's own limits; a scan has something to say when they come late.
            let end = match (machine.may_end_early(), machine.found_nothing()) {
                (true, _) if is_soon => break,
                (true, _) => Some(soon),
                (false, true) => Some(deadline),
                (false, false) => None,
            };
            let more = supply(search, trees, wanted, (&mut machine, used), deadline, (cost, trace));
            let supplied = match end {
                Some(end) => timeout_at(end.into(), more).await.unwrap_or(Err(StoreError::Deadline.into())),
                None => more.await,
            };
            match supplied {
                Ok(()) => {}
                Err(PageError::Store(StoreError::Deadline)) if machine.may_end_early() => break,
                Err(PageError::Store(StoreError::Deadline)) if machine.found_nothing() => {
                    return Err(PageError::NothingInTime);
                }
                Err(error) => return Err(error),
            }
        }
        let answer = machine.end();
        let SearchWork { rounds, pages, asked } = answer.work();
        *tree = SearchWork { rounds: tree.rounds + rounds, pages, asked: tree.asked + asked };
        Ok(answer)
    }

    /// Goes over the pages again until they are from one instant.
    async fn repeat<M: Machine>(
        &mut self,
        begin: &impl Fn() -> M,
        mut answer: M::Answer,
        mut used: Used,
        mut since: Since,
        deadline: Instant,
    ) -> Result<Repeated<M::Answer>, PageError> {
        let Self { search, trees, .. } = *self;
        let Some(collection) = trees.first().map(|tree| &tree.collection) else {
            return Ok(Repeated { answer, used, repeats: 0, torn: false });
        };
        let (now, patience) = (Instant::now(), search.patience());
        let mut end = deadline.min(now + (deadline.saturating_duration_since(now) / 2).min(patience.total));
        let (mut kept, mut pause, mut repeats, mut discarded) = (Kept::default(), None, 0, false);
        let torn = loop {
            kept.add(&used, since);
            // In this order: a write that has ended by the first question has invalidated its pages by the second.
            let category = |at: &Spot| trees.get(at.tree).and_then(|tree| tree.category.as_ref());
            let pages = used.iter().map(|(at, page)| (category(at), at.cell, &**page));
            let touched = pause.is_none() && search.writes().touch(collection, pages);
            let changed = kept.drop_changed(|at, since| self.holds(at, since));
            if !touched && !changed {
                let twice = doubles(answer.hits());
                if twice.is_empty() {
                    break false;
                }
                if discarded {
                    break true;
                }
                // Somebody else's write: one of the pages that have the place is old.
                let old = with_any(&used, &twice);
                for (number, tree) in trees.iter().enumerate() {
                    let cells: Vec<_> = old.iter().filter(|at| at.tree == number).map(|at| at.cell).collect();
                    search.source().discard(tree, &cells).await;
                }
                kept.0.retain(|at, _| !old.contains(at));
                discarded = true;
            }
            if repeats == MOST_REPEATS || Instant::now() >= end {
                break true;
            }
            if pause.is_none() && (touched || repeats >= FREE_REPEATS) {
                pause = search.writes().pause(collection, patience.drain, end).await;
                if pause.is_none() {
                    break true;
                }
                end = end.min(Instant::now() + patience.hold);
                // What was waited for.
                kept.drop_changed(|at, since| self.holds(at, since));
            }
            repeats += 1;
            since = search.since();
            let mut again = Used::with_capacity(used.len());
            match self.pass(begin(), &kept, &mut again, end).await {
                Ok(found) => (answer, used) = (found, again),
                Err(PageError::Store(StoreError::Deadline) | PageError::NothingInTime) => break true,
                Err(error) => return Err(error),
            }
        };
        drop(pause);
        let twice = doubles(answer.hits());
        if !twice.is_empty() {
            let end = deadline.min(Instant::now() + COMPARE_LIMIT);
            self.keep_the_newer(collection, answer.hits(), &twice, end).await;
        }
        Ok(Repeated { answer, used, repeats, torn })
    }

    fn holds(&self, at: Spot, since: Since) -> bool {
        let Self { search, trees, .. } = *self;
        match (since.point, trees.get(at.tree)) {
            (Some(point), Some(tree)) => search.source().holds_since(tree, at.cell, point),
            (_, None) => false,
            (None, _) => search.writes().ended() == since.ended,
        }
    }

    /// Keeps one hit of each of these ids: the one that is as the table itself has it, or else the first.
    async fn keep_the_newer(
        &self,
        collection: &Collection,
        hits: &mut Vec<Hit>,
        ids: &FxHashSet<String>,
        deadline: Instant,
    ) {
        for id in ids {
            let Ok(parsed) = id.parse() else { continue };
            let current = self.search.source().place(collection, &parsed, deadline).await;
            let current = current.ok().flatten();
            let is_current = |hit: &Hit| {
                current.as_ref().is_some_and(|row| row.leaf == hit.leaf() && row.payload == hit.payload())
            };
            let mine = || hits.iter().enumerate().filter(|(_, hit)| hit.id() == id);
            let keep = mine().find(|(_, hit)| is_current(hit)).or_else(|| mine().next()).map(|(at, _)| at);
            let mut at = 0;
            hits.retain(|hit| {
                at += 1;
                hit.id() != id || keep == Some(at - 1)
            });
        }
    }
}

/// What came of what one tree was asked for.
enum Supply {
    Pages(Vec<(H3Cell, Arc<Page>)>),
    Runs(Vec<(RunRead, Arc<Page>)>),
}

/// Supplies a machine with what it needs, of all trees side by side.
async fn supply<M: Machine>(
    search: &Search,
    trees: &[PageTree],
    wanted: Wanted,
    (machine, used): (&mut M, &mut Used),
    deadline: Instant,
    (cost, trace): (&mut ReadCost, &mut Trace),
) -> Result<(), PageError> {
    for (number, _) in &wanted {
        if let Some(tree) = trees.get(*number) {
            search.begin_loads_at(tree, machine.begins(*number));
        }
    }
    let part = trace.part();
    let fetch = |(number, progress): (usize, Progress)| async move {
        let (mut cost, mut trace) = (ReadCost::default(), part);
        let Some(tree) = trees.get(number) else {
            return Ok((number, Supply::Pages(Vec::new()), cost, trace));
        };
        let supply = match progress {
            Progress::Done | Progress::Paused => Supply::Pages(Vec::new()),
            Progress::Need(cells) => {
                Supply::Pages(search.fetch(tree, &cells, deadline, &mut cost, &mut trace).await?)
            }
            Progress::NeedRuns(runs) => {
                Supply::Runs(search.fetch_runs(tree, &runs, deadline, &mut cost, &mut trace).await?)
            }
        };
        Ok::<_, PageError>((number, supply, cost, trace))
    };
    for (tree, supply, spent, found) in try_join_all(wanted.into_iter().map(fetch)).await? {
        *cost += spent;
        *trace += found;
        match supply {
            Supply::Pages(pages) => {
                for (cell, page) in pages {
                    machine.take(Spot { tree, cell }, page, used);
                }
            }
            Supply::Runs(runs) => {
                for (run, page) in runs {
                    machine.take_run(tree, run, page);
                }
            }
        }
    }
    Ok(())
}

/// The pages that hold any of these ids. The page of a crowded leaf does not tell, so it is one of them.
fn with_any(used: &Used, ids: &FxHashSet<String>) -> Vec<Spot> {
    let holds = |page: &Page| match page {
        Page::Places(places) => (0..places.len()).any(|row| ids.contains(places.id(row))),
        Page::Crowd(_) => true,
        Page::Split(_) | Page::Roots(_) => false,
    };
    used.iter().filter(|(_, page)| holds(page)).map(|(at, _)| *at).collect()
}

/// What one tree, the first, is asked for.
fn of_first(progress: Progress) -> Wanted {
    if progress == Progress::Done { Wanted::new() } else { vec![(0, progress)] }
}

impl Machine for NearbySearch {
    type Answer = NearbyAnswer;

    fn go_on(
        &mut self,
        mut local: impl FnMut(Spot) -> Option<Arc<Page>>,
        used: &mut Used,
    ) -> Result<Wanted, SearchError> {
        let looked_at = |cell, page: &Arc<Page>| used.push((Spot { tree: 0, cell }, Arc::clone(page)));
        Ok(of_first(self.advance_observed(|cell| local(Spot { tree: 0, cell }), looked_at)?))
    }

    fn begins(&self, _: usize) -> &[(H3Cell, H3Cell)] {
        NearbySearch::begins(self)
    }

    fn take(&mut self, at: Spot, page: Arc<Page>, _: &mut Used) {
        self.supply(at.cell, page);
    }

    fn take_run(&mut self, _: usize, run: RunRead, page: Arc<Page>) {
        self.supply_run(run, page);
    }

    fn pauses(&self) -> bool {
        self.selects()
    }

    fn hurry(&mut self) -> bool {
        let selects = self.selects();
        if selects {
            NearbySearch::hurry(self);
        }
        selects
    }

    fn end(self) -> NearbyAnswer {
        self.finish()
    }
}

/// It looks at pages ahead, so that some of those noted are not used: that may cost a repeat, never a result.
impl Machine for BoxScan {
    type Answer = BoxAnswer;

    fn go_on(
        &mut self,
        mut local: impl FnMut(Spot) -> Option<Arc<Page>>,
        used: &mut Used,
    ) -> Result<Wanted, SearchError> {
        let noted = |cell| {
            let at = Spot { tree: 0, cell };
            let page = local(at)?;
            used.push((at, Arc::clone(&page)));
            Some(page)
        };
        Ok(of_first(self.advance(noted)))
    }

    fn take(&mut self, at: Spot, page: Arc<Page>, used: &mut Used) {
        used.push((at, Arc::clone(&page)));
        self.supply(at.cell, page);
    }

    fn take_run(&mut self, _: usize, run: RunRead, page: Arc<Page>) {
        self.supply_run(run, page);
    }

    fn pauses(&self) -> bool {
        self.selects()
    }

    fn may_end_early(&self) -> bool {
        self.may_end()
    }

    fn found_nothing(&self) -> bool {
        self.has_begun() && !self.may_end()
    }

    fn end(self) -> BoxAnswer {
        self.finish()
    }
}

impl Answer for NearbyAnswer {
    fn hits(&mut self) -> &mut Vec<Hit> {
        &mut self.hits
    }

    fn work(&self) -> SearchWork {
        self.work
    }
}

impl Answer for BoxAnswer {
    fn hits(&mut self) -> &mut Vec<Hit> {
        &mut self.hits
    }

    fn work(&self) -> SearchWork {
        self.work
    }
}
