//! The job: down the page tree, a bounded number of pages at a time.

use std::sync::Arc;
use std::time::Instant;

use cellar_cache::trace::Trace;
use cellar_search::pages::{PageError, PageSource};
use cellar_store::{ReadCost, StoreError};
use futures::stream::{FuturesUnordered, StreamExt as _};
use geo_index::tree::{AreaWalk, Visit};
use geo_index::{H3Cell, Page};
use rustc_hash::FxHashMap;

use super::Warm;
use super::check::{differs, is_sampled};
use super::report::Report;

/// Failures after which the job gives up: by then it is not about single pages.
const MAX_FAILURES: u64 = 10;

/// Pages that came along and are kept until the walk comes to them. Beyond that they are forgotten, and asked for.
const MAX_KEPT: usize = 4_096;

/// A page that was visited.
struct Visited {
    visit: Visit,
    came_along: bool,
    trace: Trace,
    outcome: Result<Got, PageError>,
}

struct Got {
    page: Arc<Page>,
    others: Vec<(H3Cell, Arc<Page>)>,
    cost: ReadCost,
    /// Whether it differs from the store, if it was compared, and what that took.
    compared: Option<Result<(bool, ReadCost), PageError>>,
}

/// Visits all pages around the area through `pages`, comparing a sample of them with `store`. `progress` is told the
/// account so far and the pages that are known to come.
pub async fn warm(
    job: &Warm,
    pages: &dyn PageSource,
    store: &dyn PageSource,
    mut progress: impl FnMut(&Report, usize),
) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    let mut walk = AreaWalk::new(&job.area, job.margin);
    let mut kept: FxHashMap<H3Cell, Arc<Page>> = FxHashMap::default();
    let mut under_way = FuturesUnordered::new();
    loop {
        let begun = report.pages + report.failures + under_way.len() as u64;
        let has_room = under_way.len() < job.concurrency.max(1) && begun < job.max_pages;
        if has_room
            && report.failures < MAX_FAILURES
            && job.goes_on()
            && let Some(visit) = walk.next()
        {
            let along = kept.remove(&visit.cell);
            under_way.push(visit_page(job, visit, along, pages, store));
            continue;
        }
        let Some(visited) = under_way.next().await else { break };
        accept(visited, &mut report, &mut walk, &mut kept);
        progress(&report, walk.ahead() + under_way.len());
    }
    report.left_out = walk.ahead() as u64;
    report.seconds = started.elapsed().as_secs_f64();
    report
}

fn accept(
    visited: Visited,
    report: &mut Report,
    walk: &mut AreaWalk,
    kept: &mut FxHashMap<H3Cell, Arc<Page>>,
) {
    let Visited { visit, came_along, trace, outcome } = visited;
    let got = match outcome {
        Ok(got) => got,
        Err(error) => return report.failed(&format!("page {}: {error}", visit.cell)),
    };
    report.visited(&got.page, came_along, &trace, got.cost);
    match got.compared {
        None => {}
        Some(Ok((differs, cost))) => {
            report.compared(visit.cell, differs);
            report.verify_queries += u64::from(cost.queries);
        }
        Some(Err(error)) => report.failed(&format!("comparing page {}: {error}", visit.cell)),
    }
    if let Page::Split(split) = &*got.page {
        walk.below(&visit, split);
        if kept.len() > MAX_KEPT {
            kept.clear();
        }
        kept.extend(got.others);
    }
}

async fn visit_page(
    job: &Warm,
    visit: Visit,
    along: Option<Arc<Page>>,
    pages: &dyn PageSource,
    store: &dyn PageSource,
) -> Visited {
    let came_along = along.is_some();
    let mut trace = Trace::default();
    let outcome = match along.or_else(|| pages.get_if_present(&job.tree, visit.cell, &mut trace)) {
        Some(page) => Ok((page, Vec::new(), ReadCost::default())),
        None => fetch(job, visit.cell, pages, &mut trace).await,
    };
    let outcome = match outcome {
        Err(error) => Err(error),
        Ok((page, others, cost)) => {
            let sampled = matches!(*page, Page::Places(_)) && is_sampled(visit.cell, job.verify);
            let compared =
                if sampled { Some(differs(job, visit.cell, &page, pages, store).await) } else { None };
            Ok(Got { page, others, cost, compared })
        }
    };
    Visited { visit, came_along, trace, outcome }
}

type Fetched = (Arc<Page>, Vec<(H3Cell, Arc<Page>)>, ReadCost);

async fn fetch(
    job: &Warm,
    cell: H3Cell,
    pages: &dyn PageSource,
    trace: &mut Trace,
) -> Result<Fetched, PageError> {
    let mut fetched = pages.fetch(&job.tree, &[cell], job.page_deadline(), trace).await?;
    let own = fetched.pages.iter().position(|(its_cell, _)| *its_cell == cell);
    let Some(own) = own else {
        return Err(StoreError::Failed("the source returned another page".to_owned()).into());
    };
    let (_, page) = fetched.pages.swap_remove(own);
    Ok((page, fetched.pages, fetched.cost))
}

#[cfg(test)]
mod tests;
