//! Stand-in: brute force over a scan of the store.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use geo_index::{BBox, Collection, CursorError, H3Cell, Meters, PlaceId, Position, SearchError, distance};
use thiserror::Error;

use crate::place::Place;
use crate::store::{Store, StoreError};

#[derive(Clone, Debug)]
#[expect(missing_docs)]
pub struct NearbyQuery {
    pub origin: Position,
    pub radius: Meters,
    pub limit: usize,
    pub category: Option<String>,
    pub after: Option<NearbyKey>,
}

#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs)]
pub struct NearbyKey {
    pub distance: Meters,
    pub id: String,
}

#[derive(Clone, Debug)]
#[expect(missing_docs)]
pub struct BoxQuery {
    pub bbox: BBox,
    pub limit: usize,
    pub category: Option<String>,
    pub after: Option<BoxKey>,
}

#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs)]
pub struct BoxKey {
    pub leaf: u64,
    pub id: String,
}

fn encode(kind: &str, fingerprint: u64, number: u64, id: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{kind}:{fingerprint:x}:{number:x}:{id}"))
}

fn decode(kind: &str, text: &str, fingerprint: u64) -> Result<(u64, String), CursorError> {
    const MALFORMED: CursorError = CursorError::Malformed;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| MALFORMED)?;
    let text = String::from_utf8(bytes).map_err(|_| MALFORMED)?;
    let mut parts = text.splitn(4, ':');
    let mut part = || parts.next().ok_or(MALFORMED);
    let (found_kind, found_print, number, id) = (part()?, part()?, part()?, part()?);
    if found_kind != kind || found_print != format!("{fingerprint:x}") {
        return Err(CursorError::Foreign);
    }
    Ok((u64::from_str_radix(number, 16).map_err(|_| MALFORMED)?, id.to_owned()))
}

#[expect(missing_docs)]
impl NearbyKey {
    pub fn encode(&self, fingerprint: u64) -> String {
        encode("n", fingerprint, self.distance.get().to_bits(), &self.id)
    }
    pub fn decode(text: &str, fingerprint: u64) -> Result<Self, CursorError> {
        let (bits, id) = decode("n", text, fingerprint)?;
        let distance = Meters::new(f64::from_bits(bits)).ok_or(CursorError::Malformed)?;
        Ok(Self { distance, id })
    }
}

#[expect(missing_docs)]
impl BoxKey {
    pub fn encode(&self, fingerprint: u64) -> String {
        encode("b", fingerprint, self.leaf, &self.id)
    }
    pub fn decode(text: &str, fingerprint: u64) -> Result<Self, CursorError> {
        decode("b", text, fingerprint).map(|(leaf, id)| Self { leaf, id })
    }
}

#[expect(missing_docs)]
impl NearbyQuery {
    pub fn fingerprint(&self, collection: &Collection) -> u64 {
        let text = format!("{collection} {:?} {:?} {:?}", self.origin, self.radius, self.category);
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    }
}

#[expect(missing_docs)]
impl BoxQuery {
    pub fn fingerprint(&self, collection: &Collection) -> u64 {
        let text = format!("{collection} {:?} {:?}", self.bbox, self.category);
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    }
}

#[derive(Clone)]
#[expect(missing_docs)]
pub struct Search {
    store: Arc<dyn Store>,
}

#[derive(Clone, Debug)]
#[expect(missing_docs)]
pub struct Hit {
    distance: Option<Meters>,
    tail: String,
}

#[expect(missing_docs)]
impl Hit {
    pub fn distance(&self) -> Option<Meters> {
        self.distance
    }
    pub fn feature_tail(&self) -> &[u8] {
        self.tail.as_bytes()
    }
}

#[derive(Clone, Debug)]
#[expect(missing_docs)]
pub struct Nearby {
    pub hits: Vec<Hit>,
    pub next: Option<NearbyKey>,
    pub work: Work,
}

#[derive(Clone, Debug)]
#[expect(missing_docs)]
pub struct Items {
    pub hits: Vec<Hit>,
    pub next: Option<BoxKey>,
    pub work: Work,
}

#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs)]
pub struct Work {
    pub rounds: u32,
    pub pages: u32,
    pub queries: u32,
    pub read_units: f64,
}

#[derive(Debug, Error)]
#[expect(missing_docs)]
pub enum SearchFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Search(#[from] SearchError),
}

fn page<K>(mut found: Vec<(K, Hit)>, limit: usize) -> (Vec<Hit>, Option<K>) {
    let more = found.len() > limit;
    found.truncate(limit);
    let mut last = None;
    let hits = found
        .into_iter()
        .map(|(key, hit)| {
            last = Some(key);
            hit
        })
        .collect();
    (hits, last.filter(|_| more))
}

#[expect(missing_docs)]
impl Search {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    async fn all(&self, collection: &Collection, deadline: Instant) -> Result<Vec<Place>, StoreError> {
        let scan = async {
            let (mut places, mut from) = (Vec::new(), None);
            loop {
                let part = self.store.scan(collection, from.take()).await?;
                places.extend(part.places);
                from = part.next;
                if from.is_none() {
                    return Ok(places);
                }
            }
        };
        tokio::time::timeout_at(deadline.into(), scan).await.unwrap_or(Err(StoreError::Deadline))
    }

    pub async fn nearby(
        &self,
        collection: &Collection,
        query: &NearbyQuery,
        deadline: Instant,
    ) -> Result<Nearby, SearchFailure> {
        let mut found: Vec<(NearbyKey, Hit)> = Vec::new();
        for place in self.all(collection, deadline).await? {
            let away = distance(query.origin, place.position);
            let key = NearbyKey { distance: away, id: place.id.to_string() };
            let matches = query.category.is_none() || place.properties.category() == query.category;
            let later = |after: &NearbyKey| (away.get(), &key.id) > (after.distance.get(), &after.id);
            if matches && away <= query.radius && query.after.as_ref().is_none_or(later) {
                found.push((key, Hit { distance: Some(away), tail: place.feature_tail() }));
            }
        }
        found.sort_by(|(a, _), (b, _)| {
            a.distance.get().total_cmp(&b.distance.get()).then_with(|| a.id.cmp(&b.id))
        });
        let (hits, next) = page(found, query.limit);
        Ok(Nearby { hits, next, work: Work { rounds: 1, pages: 1, queries: 1, read_units: 0.5 } })
    }

    pub async fn items(
        &self,
        collection: &Collection,
        query: &BoxQuery,
        deadline: Instant,
    ) -> Result<Items, SearchFailure> {
        let mut found: Vec<(BoxKey, Hit)> = Vec::new();
        for place in self.all(collection, deadline).await? {
            let leaf = u64::from_str_radix(&H3Cell::leaf(place.position).to_string(), 16).unwrap_or(0);
            let key = BoxKey { leaf, id: PlaceId::to_string(&place.id) };
            let matches = query.category.is_none() || place.properties.category() == query.category;
            let later = |after: &BoxKey| (key.leaf, &key.id) > (after.leaf, &after.id);
            if matches && query.bbox.contains(place.position) && query.after.as_ref().is_none_or(later) {
                found.push((key, Hit { distance: None, tail: place.feature_tail() }));
            }
        }
        found.sort_by(|(a, _), (b, _)| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
        let (hits, next) = page(found, query.limit);
        Ok(Items { hits, next, work: Work { rounds: 1, pages: 1, queries: 1, read_units: 0.5 } })
    }
}
