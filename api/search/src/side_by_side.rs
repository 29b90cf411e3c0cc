//! A search of several trees: one search of each, side by side, and what they find as one of all of them would.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::sync::Arc;

use geo_index::tree::{Hit, NearbyAnswer, NearbyKey, NearbySearch, Progress, SearchWork};
use geo_index::{H3Cell, Meters, Page, RunRead, SearchError};
use rustc_hash::FxHashMap;

use crate::instant::{Machine, Spot, Used, Wanted};

/// Searches of trees, in the order of the trees.
pub(crate) struct SideBySide {
    searches: Vec<NearbySearch>,
    limit: NonZeroUsize,
}

impl SideBySide {
    /// Searches that each find up to `limit` places, for up to `limit` of all.
    pub(crate) fn new(searches: Vec<NearbySearch>, limit: NonZeroUsize) -> Self {
        Self { searches, limit }
    }
}

impl Machine for SideBySide {
    type Answer = NearbyAnswer;

    fn go_on(
        &mut self,
        mut local: impl FnMut(Spot) -> Option<Arc<Page>>,
        used: &mut Used,
    ) -> Result<Wanted, SearchError> {
        let mut wanted = Wanted::new();
        for (tree, search) in self.searches.iter_mut().enumerate() {
            let at = |cell: H3Cell| Spot { tree, cell };
            let looked_at = |cell, page: &Arc<Page>| used.push((at(cell), Arc::clone(page)));
            let progress = search.advance_observed(|cell| local(at(cell)), looked_at)?;
            if progress != Progress::Done {
                wanted.push((tree, progress));
            }
        }
        Ok(wanted)
    }

    fn begins(&self, tree: usize) -> &[(H3Cell, H3Cell)] {
        self.searches.get(tree).map_or(&[], NearbySearch::begins)
    }

    fn take(&mut self, at: Spot, page: Arc<Page>, _: &mut Used) {
        if let Some(search) = self.searches.get_mut(at.tree) {
            search.supply(at.cell, page);
        }
    }

    fn take_run(&mut self, tree: usize, run: RunRead, page: Arc<Page>) {
        if let Some(search) = self.searches.get_mut(tree) {
            search.supply_run(run, page);
        }
    }

    fn pauses(&self) -> bool {
        self.searches.iter().any(NearbySearch::selects)
    }

    fn hurry(&mut self) -> bool {
        let selects = self.pauses();
        if selects {
            self.searches.iter_mut().for_each(NearbySearch::hurry);
        }
        selects
    }

    fn end(self) -> NearbyAnswer {
        merged(self.searches.into_iter().map(NearbySearch::finish), self.limit.get())
    }
}

/// Answers of several trees as one. A place may be in several of them; if it is not the same in all, it stays twice, and
/// tells that their pages are not of one instant.
fn merged(answers: impl Iterator<Item = NearbyAnswer>, limit: usize) -> NearbyAnswer {
    let (mut hits, mut work) = (Vec::<Hit>::new(), SearchWork::default());
    // Behind this key some tree may have more than it said.
    let mut end: Option<NearbyKey> = None;
    for answer in answers {
        let is_first = |next: &NearbyKey| end.as_ref().is_none_or(|end| compare(next, end).is_lt());
        end = answer.next.filter(is_first).or(end);
        hits.extend(answer.hits);
        work.rounds = work.rounds.max(answer.work.rounds);
        work.pages += answer.work.pages;
        work.asked += answer.work.asked;
    }
    hits.sort_by(|a, b| compare(&key(a), &key(b)));
    if let Some(end) = &end {
        hits.retain(|hit| compare(&key(hit), end).is_le());
    }
    let mut first: FxHashMap<String, Hit> = FxHashMap::default();
    hits.retain(|hit| {
        let same = |known: &Hit| known.leaf() == hit.leaf() && known.payload() == hit.payload();
        let is_known = first.get(hit.id()).is_some_and(same);
        first.entry(hit.id().to_owned()).or_insert_with(|| hit.clone());
        !is_known
    });
    let cut = hits.len() > limit;
    hits.truncate(limit);
    let last = hits.last().filter(|_| cut || (end.is_some() && hits.len() == limit)).map(key);
    NearbyAnswer { hits, next: last.or(end), work }
}

fn key(hit: &Hit) -> NearbyKey {
    NearbyKey { distance: hit.distance().unwrap_or(Meters::ZERO), id: hit.id().to_owned() }
}

fn compare(a: &NearbyKey, b: &NearbyKey) -> Ordering {
    a.distance.get().total_cmp(&b.distance.get()).then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use geo_index::tree::{NearbyQuery, SearchLimits};
    use geo_index::{Leaf, PlacesPage, Position, Row, distance};

    use super::*;

    fn at(step: f64) -> Position {
        Position::new(1.0 + step / 1e4, 2.0).unwrap()
    }

    fn metres(step: f64) -> Meters {
        distance(at(0.0), at(step))
    }

    /// What a tree found so many steps away, and where it would go on.
    fn answer(places: &[(&str, f64)], next: Option<(f64, &str)>) -> NearbyAnswer {
        let row = |(id, step): &(&str, f64)| Row {
            leaf: Leaf::at(at(*step)),
            id: (*id).to_owned(),
            position: at(*step),
            category: None,
            payload: step.to_string().into_bytes(),
        };
        let page = Arc::new(Page::Places(PlacesPage::new(places.iter().map(row).collect())));
        let limit = NonZeroUsize::new(20).unwrap();
        let query = NearbyQuery { origin: at(0.0), radius: metres(20.0), limit, category: None, after: None };
        let mut search = NearbySearch::new(query, SearchLimits::default());
        let empty = Arc::new(Page::Places(PlacesPage::default()));
        let local =
            |cell: H3Cell| Some(Arc::clone(if cell.covers(Leaf::at(at(0.0))) { &page } else { &empty }));
        assert_eq!(search.advance(local), Ok(Progress::Done));
        let key = |(step, id): (f64, &str)| NearbyKey { distance: metres(step), id: id.to_owned() };
        NearbyAnswer { next: next.map(key), ..search.finish() }
    }

    fn ids(answers: Vec<NearbyAnswer>, limit: usize) -> (String, Option<(f64, String)>) {
        let NearbyAnswer { hits, next, .. } = merged(answers.into_iter(), limit);
        let ids: Vec<_> = hits.iter().map(Hit::id).collect();
        let steps = |metres: Meters| (metres.get() / self::metres(1.0).get()).round();
        (ids.join(" "), next.map(|next| (steps(next.distance), next.id)))
    }

    #[test]
    fn trees_are_one_as_far_as_all_of_them_know() {
        let both = |next: Option<(f64, &str)>| {
            vec![answer(&[("a", 1.0), ("c", 3.0)], None), answer(&[("b", 2.0), ("c", 3.0), ("d", 4.0)], next)]
        };
        assert_eq!(ids(both(None), 9), ("a b c d".into(), None));
        assert_eq!(ids(both(None), 4), ("a b c d".into(), None));
        assert_eq!(ids(both(None), 3), ("a b c".into(), Some((3.0, "c".into()))));
        assert_eq!(ids(both(Some((4.0, "d"))), 4), ("a b c d".into(), Some((4.0, "d".into()))));
        // The second one ended early.
        assert_eq!(ids(both(Some((9.0, ""))), 9), ("a b c d".into(), Some((9.0, String::new()))));
        let early = vec![answer(&[("a", 1.0), ("e", 5.0)], None), answer(&[("b", 2.0)], Some((3.0, "")))];
        assert_eq!(ids(early, 9), ("a b".into(), Some((3.0, String::new()))));
        assert_eq!(ids(Vec::new(), 9), (String::new(), None));
    }

    #[test]
    fn of_one_place_two_versions_stay() {
        let moved = vec![answer(&[("a", 1.0)], None), answer(&[("a", 2.0)], None)];
        assert_eq!(ids(moved, 9).0, "a a");
    }
}
