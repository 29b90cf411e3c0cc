//! Pages beside what the store has.

use cellar_cache::trace::Trace;
use cellar_search::pages::{PageError, PageSource};
use cellar_store::ReadCost;
use geo_index::{H3Cell, Page};
use xxhash_rust::xxh3::xxh3_64;

use super::Warm;

/// Whether a cell belongs to the sample: the same cells in each run, and of a larger share those of a smaller one.
pub(super) fn is_sampled(cell: H3Cell, share: f64) -> bool {
    (xxh3_64(&cell.index().to_le_bytes()) as f64) < share * 2_f64.powi(64)
}

/// Whether the page of a cell is another in the store, and what it took to find out.
///
/// A write may fall between the page and the look at the store. So what differs is looked at once more, from both
/// sides.
pub(super) async fn differs(
    job: &Warm,
    cell: H3Cell,
    page: &Page,
    pages: &dyn PageSource,
    store: &dyn PageSource,
) -> Result<(bool, ReadCost), PageError> {
    let (fresh, mut cost) = page_of(store, job, cell).await?;
    if fresh.as_deref() == Some(page) {
        return Ok((false, cost));
    }
    let mut trace = Trace::default();
    let again = match pages.get_if_present(&job.tree, cell, &mut trace) {
        Some(page) => Some(page),
        None => page_of(pages, job, cell).await?.0,
    };
    let (fresh, more) = page_of(store, job, cell).await?;
    cost += more;
    Ok((again != fresh, cost))
}

async fn page_of(
    source: &dyn PageSource,
    job: &Warm,
    cell: H3Cell,
) -> Result<(Option<std::sync::Arc<Page>>, ReadCost), PageError> {
    let fetched = source.fetch(&job.tree, &[cell], job.page_deadline(), &mut Trace::default()).await?;
    let page = fetched.pages.into_iter().find_map(|(its_cell, page)| (its_cell == cell).then_some(page));
    Ok((page, fetched.cost))
}

#[cfg(test)]
mod tests {
    use geo_index::{Leaf, Position};

    use super::*;

    #[test]
    fn a_sample_has_its_share() {
        let leaf = |i: i32| Leaf::at(Position::new(f64::from(i) / 100.0, 2.0).unwrap());
        let cells: Vec<H3Cell> = (0..4_000).map(|i| leaf(i).into()).collect();
        let count = |share| cells.iter().filter(|cell| is_sampled(**cell, share)).count();
        assert_eq!((count(0.0), count(1.0)), (0, cells.len()));
        assert!((120..280).contains(&count(0.05)), "{}", count(0.05));
        assert!(cells.iter().all(|cell| !is_sampled(*cell, 0.05) || is_sampled(*cell, 0.1)));
    }
}
