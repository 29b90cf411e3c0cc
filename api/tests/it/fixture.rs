//! Places in a store, questions about them, and what a scan over all places answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_model::Collection;
use cellar_model::demo as generated;
use cellar_model::place::Place;
use cellar_search::pages::{PageSource, StorePages};
use cellar_search::{Limits, Search, Work};
use cellar_store::Store as _;
use geo_index::tree::{BoxQuery, NearbyQuery};
use geo_index::{BBox, CategoryFilter, Meters, Position, distance};

use cellar_test_kit::{TestStore, collection, fresh_store, place};

/// Places in a store of their own, and what to ask about them.
pub(crate) struct Fixture {
    pub(crate) store: TestStore,
    pub(crate) collection: Collection,
    pub(crate) places: Vec<Place>,
    questions: Vec<(NearbyQuery, Vec<(String, f64)>)>,
    walks: Vec<(BoxQuery, BTreeSet<String>)>,
}

impl Fixture {
    pub(crate) async fn of(places: Vec<Place>) -> Self {
        let store = fresh_store().await;
        let collection = collection("fixture");
        for chunk in places.chunks(2_000) {
            store.put_many(&collection, chunk).await.unwrap();
        }
        Self { store, collection, places, questions: Vec::new(), walks: Vec::new() }
    }

    /// Towns as they are. Three questions at every so manieth place: 10 km and 20 results, then all kinds, then only
    /// the place's category. And a box, walked in small steps.
    pub(crate) async fn metros(count: usize, every: usize) -> Self {
        let mut fixture = Self::of(generated::places(count, 7).collect()).await;
        let origins: Vec<_> = fixture.places.iter().step_by(every).cloned().collect();
        for (i, place) in origins.iter().enumerate() {
            let from = Position::new(place.position.lat() + 0.003, place.position.lon()).unwrap();
            fixture.ask(nearby(from, 10_000.0, 20));
            let query = nearby(from, 10f64.powf((i % 51) as f64 / 10.0), 1 + i % 100);
            fixture.ask(query.clone());
            let category = place.properties.category().as_deref().map(Into::into);
            fixture.ask(NearbyQuery { category, ..query });
        }
        fixture.walk((-12.0, 34.0, 40.0, 62.0), 70, Some("cafe"));
        fixture
    }

    /// Thousands of places at one point, and heavy ones beside.
    pub(crate) async fn crowded() -> Self {
        let heavy = format!(r#"{{"text":"{}"}}"#, "x".repeat(9_000));
        let mut places: Vec<_> = (0..2_600).map(|i| place(&format!("p{i:04}"), 48.0, 11.0, "{}")).collect();
        places.extend((0..300).map(|i| place(&format!("h{i:03}"), 48.0 + f64::from(i) * 1e-3, 11.2, &heavy)));
        let mut fixture = Self::of(places).await;
        for (lat, lon) in [(48.0, 11.0), (48.01, 11.01), (48.1, 11.2), (48.3, 11.2)] {
            for limit in [1, 20, 100] {
                fixture.ask(nearby(Position::new(lat, lon).unwrap(), 50_000.0, limit));
            }
        }
        fixture.walk((11.1, 48.1, 11.3, 48.2), 30, None);
        fixture
    }

    /// Around both poles and on both sides of the antimeridian.
    pub(crate) async fn edges() -> Self {
        let mut random = fastrand::Rng::with_seed(3);
        let mut somewhere = |at_pole: bool, south: bool| {
            let lat = if at_pole { 90.0 - random.f64().powi(2) * 3.0 } else { random.f64() * 60.0 };
            let lon = if at_pole { random.f64() * 360.0 } else { 179.0 + random.f64() * 2.0 };
            (if south { -lat } else { lat }, if lon > 180.0 { lon - 360.0 } else { lon })
        };
        let positions: Vec<_> = (0..900).map(|i| somewhere(i % 2 == 0, i % 4 < 2)).collect();
        let mut places: Vec<_> = positions
            .iter()
            .enumerate()
            .map(|(i, (lat, lon))| place(&format!("e{i}"), *lat, *lon, "{}"))
            .collect();
        for (id, lat, lon) in
            [("north", 90.0, 0.0), ("south", -90.0, 50.0), ("west", 0.0, -180.0), ("east", 0.0, 180.0)]
        {
            places.push(place(id, lat, lon, "{}"));
        }
        let mut fixture = Self::of(places).await;
        let corners = [(90.0, 0.0), (-90.0, 0.0), (0.0, 180.0), (0.0, -180.0), (89.9, -170.0)];
        for (lat, lon) in corners.into_iter().chain(positions.into_iter().step_by(30)) {
            for radius_m in [1_000.0, 50_000.0, 200_000.0] {
                fixture.ask(nearby(Position::new(lat, lon).unwrap(), radius_m, 40));
            }
        }
        fixture.walk((179.5, -30.0, -179.5, 30.0), 25, None);
        fixture.walk((-180.0, 88.0, 180.0, 90.0), 25, None);
        fixture
    }

    /// Adds a question.
    pub(crate) fn ask(&mut self, query: NearbyQuery) {
        let expected = self.brute_force(&query);
        self.questions.push((query, expected));
    }

    fn walk(
        &mut self,
        (west, south, east, north): (f64, f64, f64, f64),
        limit: usize,
        category: Option<&str>,
    ) {
        let category = category.map(CategoryFilter::only);
        let bbox = BBox::new(west, south, east, north).unwrap();
        let wanted = |place: &&Place| bbox.contains(place.position) && (allows(category.as_ref(), place));
        let expected: BTreeSet<_> = self.places.iter().filter(wanted).map(|p| p.id.to_string()).collect();
        assert!(!expected.is_empty(), "an empty box shows nothing");
        let limit = limit.try_into().unwrap();
        self.walks.push((BoxQuery { bbox, limit, category, after: None }, expected));
    }

    fn brute_force(&self, query: &NearbyQuery) -> Vec<(String, f64)> {
        let mut found: Vec<_> = self
            .places
            .iter()
            .filter(|place| allows(query.category.as_ref(), place))
            .map(|place| (distance(query.origin, place.position).get(), place.id.as_str()))
            .filter(|(at, _)| *at <= query.radius.get())
            .collect();
        found.sort_by(|a, b| a.partial_cmp(b).unwrap());
        found.truncate(query.limit.get());
        found.into_iter().map(|(at, id)| (id.to_owned(), at)).collect()
    }

    /// Searches in the store itself.
    pub(crate) fn plain(&self) -> Search {
        self.search(StorePages::new(Arc::new(self.store.clone())))
    }

    /// Searches in pages from somewhere.
    #[expect(clippy::unused_self, reason = "reads as what it is")]
    pub(crate) fn search(&self, pages: impl PageSource) -> Search {
        Search::new(Arc::new(pages), Limits::default())
    }

    /// Asks every question; each answer equals the scan's. What each took.
    pub(crate) async fn check(&self, search: &Search) -> Vec<Work> {
        let mut works = Vec::with_capacity(self.questions.len());
        for (query, expected) in &self.questions {
            let answer = search.nearby(&self.collection, query.clone(), in_time()).await.unwrap();
            let found: Vec<_> =
                answer.hits.iter().map(|hit| (hit.id().to_owned(), hit.distance().unwrap().get())).collect();
            assert_eq!(found, *expected, "{query:?}");
            works.push(answer.work);
        }
        works
    }

    /// Walks every box to its end; each place of it comes once. What each step took.
    pub(crate) async fn check_walks(&self, search: &Search) -> Vec<Work> {
        let mut works = Vec::new();
        for (query, expected) in &self.walks {
            let (mut query, mut walked) = (query.clone(), Vec::new());
            loop {
                let answer = search.items(&self.collection, query.clone(), in_time()).await.unwrap();
                walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
                works.push(answer.work);
                let Some(next) = answer.next else { break };
                query.after = Some(next);
            }
            assert_eq!(walked.len(), expected.len());
            assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), *expected);
        }
        works
    }
}

/// A deadline that only hangs reach.
pub(crate) fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

pub(crate) fn nearby(origin: Position, radius_m: f64, limit: usize) -> NearbyQuery {
    let (radius, limit) = (Meters::new(radius_m).unwrap(), limit.try_into().unwrap());
    NearbyQuery { origin, radius, limit, category: None, after: None }
}

fn allows(filter: Option<&CategoryFilter>, place: &Place) -> bool {
    filter.is_none_or(|filter| filter.allows(place.properties.category().as_deref()))
}
