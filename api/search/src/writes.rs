//! What this process is writing, and how a search holds writes back.
//!
//! A write is *under way* from before the store is asked until the pages that it changes are invalidated. In between it
//! takes effect at an instant that nobody here knows, in pages of which one, where the place was, is known to nobody
//! either. So a search asks whether the pages that it used show anything of such a write ([`Writes::touch`]), and if they
//! do and nothing else helps, it waits for an instant at which none is under way ([`Writes::pause`]).
//!
//! Invariant: while a [`Pause`] of a collection is held, no write of it is under way in this process.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cellar_model::{Category, Collection, PlaceId, Placement};
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{H3Cell, Leaf, Page};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The writes under way of all collections.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    under_way: AtomicUsize,
    ended: AtomicU64,
    gates: Mutex<FxHashMap<Collection, Arc<Gate>>>,
}

/// What the writes and the searches of a collection meet at.
#[derive(Debug, Default)]
struct Gate {
    /// Writes share it, a search that holds them back has it for itself. It is fair: neither side starves.
    lock: Arc<RwLock<()>>,
    announced: Mutex<Announced>,
    rests_until: Mutex<Option<Instant>>,
}

/// Places that are being written, and where they are going, each as often as there are writes of it.
#[derive(Debug, Default)]
struct Announced {
    ids: FxHashMap<Box<str>, usize>,
    placements: FxHashMap<Placement, usize>,
}

/// A write under way. It ends when this is dropped: after its pages have been invalidated.
#[derive(Debug)]
pub(crate) struct UnderWay {
    writes: Arc<Writes>,
    gate: Arc<Gate>,
    places: Vec<(PlaceId, Option<Placement>)>,
    _shared: OwnedRwLockReadGuard<()>,
}

/// A time without writes of a collection.
#[derive(Debug)]
pub(crate) struct Pause {
    _alone: OwnedRwLockWriteGuard<()>,
}

impl Writes {
    /// Announces a write of places, each with where it will be; without that it is removed. Waits while a search
    /// holds writes back.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        collection: &Collection,
        places: Vec<(PlaceId, Option<Placement>)>,
    ) -> UnderWay {
        let gate = self.gate(collection);
        let shared = Arc::clone(&gate.lock).read_owned().await;
        gate.announced.lock().add(&places);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay { writes: Arc::clone(self), gate, places, _shared: shared }
    }

    /// Whether no write is under way.
    pub(crate) fn none_under_way(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }

    /// How many writes have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    /// Whether a write under way concerns one of these pages: a place that it holds, or one that is going there. If none
    /// does, the pages are the same whether these writes have taken effect or not. With each page comes the category of whose
    /// tree it is, if it is of one.
    pub(crate) fn touch<'a>(
        &self,
        collection: &Collection,
        pages: impl IntoIterator<Item = (Option<&'a Category>, H3Cell, &'a Page)>,
    ) -> bool {
        let gate = self.gate(collection);
        let announced = gate.announced.lock();
        !announced.ids.is_empty()
            && pages.into_iter().any(|(category, cell, page)| announced.touch(category, cell, page))
    }

    /// Waits until no write of a collection is under way, and holds new ones back. `None` if that takes too long, or has
    /// taken too long a moment ago.
    pub(crate) async fn pause(
        &self,
        collection: &Collection,
        drain: Duration,
        until: Instant,
    ) -> Option<Pause> {
        let gate = self.gate(collection);
        let now = Instant::now();
        if gate.rests_until.lock().is_some_and(|until| now < until) {
            return None;
        }
        let alone = Arc::clone(&gate.lock).write_owned();
        if let Ok(alone) = tokio::time::timeout_at(until.min(now + drain).into(), alone).await {
            return Some(Pause { _alone: alone });
        }
        *gate.rests_until.lock() = Some(Instant::now() + drain);
        None
    }

    fn gate(&self, collection: &Collection) -> Arc<Gate> {
        let mut gates = self.gates.lock();
        if let Some(gate) = gates.get(collection) {
            return Arc::clone(gate);
        }
        Arc::clone(gates.entry(collection.clone()).or_default())
    }
}

impl Announced {
    fn add(&mut self, places: &[(PlaceId, Option<Placement>)]) {
        for (id, placement) in places {
            *self.ids.entry(id.as_str().into()).or_default() += 1;
            if let Some(placement) = placement {
                *self.placements.entry(placement.clone()).or_default() += 1;
            }
        }
    }

    fn remove(&mut self, places: &[(PlaceId, Option<Placement>)]) {
        for (id, placement) in places {
            take_one(&mut self.ids, id.as_str());
            if let Some(placement) = placement {
                take_one(&mut self.placements, placement);
            }
        }
    }

    fn touch(&self, category: Option<&Category>, cell: H3Cell, page: &Page) -> bool {
        let leaves = cell.leaves();
        match page {
            Page::Places(places) => {
                let has = |placement: &Placement| {
                    category.is_none_or(|category| placement.categories.contains(category))
                };
                self.placements.keys().any(|placement| leaves.contains(&placement.leaf) && has(placement))
                    || (0..places.len()).any(|row| self.ids.contains_key(places.id(row)))
            }
            // It does not tell which places are there.
            Page::Crowd(_) => true,
            Page::Roots(listed) => {
                let is_new =
                    |leaf: &Leaf| leaf.ancestor(ROOT_RESOLUTION).is_some_and(|root| !listed.has(root));
                let mut going = self.placements.keys().map(|placement| &placement.leaf);
                going.any(|leaf| leaves.contains(leaf) && is_new(leaf))
            }
            Page::Split(_) => false,
        }
    }
}

fn take_one<K, Q>(counts: &mut FxHashMap<K, usize>, key: &Q)
where
    K: Borrow<Q> + Eq + Hash,
    Q: Eq + Hash + ?Sized,
{
    let Some(count) = counts.get_mut(key) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // In this order: who does not find the write any more finds that it has ended.
        self.writes.ended.fetch_add(1, Ordering::SeqCst);
        self.gate.announced.lock().remove(&self.places);
        self.writes.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use geo_index::{PlacesPage, Position, RootsPage, Row, SplitPage};

    use super::*;

    const DRAIN: Duration = Duration::from_millis(250);

    fn towns() -> Collection {
        "towns".parse().unwrap()
    }

    fn at(lat: f64) -> Position {
        Position::new(lat, 7.0).unwrap()
    }

    fn page(lat: f64, id: &str) -> (H3Cell, Page) {
        let (position, leaf) = (at(lat), Leaf::at(at(lat)));
        let row = Row { leaf, id: id.to_owned(), position, category: None, payload: Vec::new() };
        (leaf.ancestor(5).unwrap(), Page::Places(PlacesPage::new(vec![row])))
    }

    fn touch(writes: &Writes, (cell, page): &(H3Cell, Page)) -> bool {
        writes.touch(&towns(), [(None, *cell, page)])
    }

    async fn begin(writes: &Arc<Writes>, id: &str, lat: Option<f64>) -> UnderWay {
        writes.begin(&towns(), vec![(id.parse().unwrap(), lat.map(|lat| Leaf::at(at(lat)).into()))]).await
    }

    #[tokio::test]
    async fn a_write_touches_pages_that_have_its_place_or_will_have_it() {
        let writes = Arc::new(Writes::default());
        let (here, there, other) = (page(10.0, "a"), page(20.0, "b"), page(30.0, "c"));
        let all = [&here, &there, &other];
        assert!(writes.none_under_way() && all.iter().all(|page| !touch(&writes, page)));
        let first = begin(&writes, "a", Some(20.0)).await;
        let second = begin(&writes, "a", Some(20.0)).await;
        assert_eq!(all.map(|page| touch(&writes, page)), [true, true, false]);
        let split = Page::Split(SplitPage::new(here.0).unwrap());
        assert!(!touch(&writes, &(here.0, split)), "a split holds no places");
        assert!(!writes.touch(&"others".parse().unwrap(), [(None, here.0, &here.1)]));
        drop(first);
        assert_eq!(all.map(|page| touch(&writes, page)), [true, true, false]);
        drop(second);
        assert!(writes.none_under_way() && all.iter().all(|page| !touch(&writes, page)));
        assert_eq!(writes.ended(), 2);
        let removal = begin(&writes, "c", None).await;
        assert_eq!(all.map(|page| touch(&writes, page)), [false, false, true]);
        drop(removal);
    }

    #[tokio::test]
    async fn a_write_touches_the_trees_of_its_categories() {
        let writes = Arc::new(Writes::default());
        let [cafe, bar]: [Category; 2] = ["cafe".parse().unwrap(), "bar".parse().unwrap()];
        let placement = Placement { leaf: Leaf::at(at(20.0)), categories: vec![cafe.clone()] };
        let write = writes.begin(&towns(), vec![("a".parse().unwrap(), Some(placement))]).await;
        let touches =
            |category, (cell, page): &(H3Cell, Page)| writes.touch(&towns(), [(category, *cell, page)]);
        let (here, there) = (page(10.0, "a"), page(20.0, "b"));
        assert!(touches(Some(&cafe), &there) && !touches(Some(&bar), &there) && touches(None, &there));
        assert!(touches(Some(&bar), &here), "it may leave the category");
        drop(write);
    }

    #[tokio::test]
    async fn a_write_touches_the_list_that_its_root_is_missing_from() {
        let writes = Arc::new(Writes::default());
        let (leaf, elsewhere) = (Leaf::at(at(20.0)), Leaf::at(at(-60.0)));
        let (root, base) = (leaf.ancestor(ROOT_RESOLUTION).unwrap(), leaf.ancestor(0).unwrap());
        let list = |base, roots: Vec<H3Cell>| (base, Page::Roots(RootsPage::new(base, roots)));
        let write = begin(&writes, "a", Some(20.0)).await;
        assert!(touch(&writes, &list(base, Vec::new())), "the root may be listed a moment later");
        assert!(!touch(&writes, &list(base, vec![root])), "it is listed already");
        assert!(!touch(&writes, &list(elsewhere.ancestor(0).unwrap(), Vec::new())));
        drop(write);
        assert!(!touch(&writes, &list(base, Vec::new())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_begins_when_all_writes_have_ended_and_holds_back_new_ones() {
        let writes = Arc::new(Writes::default());
        let far = Instant::now() + Duration::from_hours(1);
        assert!(writes.pause(&towns(), DRAIN, far).await.is_some(), "nothing was ever written");
        let first = begin(&writes, "a", Some(1.0)).await;
        let towns = towns();
        let mut pause = Box::pin(writes.pause(&towns, DRAIN, far));
        assert!((&mut pause).now_or_never().is_none());
        let mut next = Box::pin(begin(&writes, "b", Some(1.0)));
        assert!((&mut next).now_or_never().is_none(), "it came after the search");
        drop(first);
        let pause = pause.await.unwrap();
        assert!(writes.none_under_way() && (&mut next).now_or_never().is_none());
        drop(pause);
        next.await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_without_end_holds_up_the_others_for_a_moment_only() {
        let writes = Arc::new(Writes::default());
        let far = Instant::now() + Duration::from_hours(1);
        let stuck = begin(&writes, "a", Some(1.0)).await;
        let towns = towns();
        let search = writes.pause(&towns, DRAIN, far);
        let write = begin(&writes, "b", Some(1.0));
        let (pause, _) = futures::join!(search, write);
        assert!(pause.is_none());
        assert!(
            writes.pause(&towns, DRAIN, far).now_or_never().unwrap().is_none(),
            "searches let writes be for a while"
        );
        drop(stuck);
    }
}
