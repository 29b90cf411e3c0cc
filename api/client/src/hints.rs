//! Density maps, as far as the server has them: which precision to try first.
//!
//! Invariant: a map is a hint. Whatever is wrong with one, or with its server, costs tries and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cellar_model::Collection;
use cellar_model::density::parse;
use geo_index::Position;
use geo_index::edge::DensityMap;
use http::StatusCode;

use super::fresh::fresh_for;
use super::transport::Response;

/// Maps that are kept.
const MAX_MAPS: usize = 64;
/// When to ask again if the server does not say, or has no map.
const USUAL: Duration = Duration::from_mins(5);
/// When to ask again after a failure, and no sooner in any case.
const SOON: Duration = Duration::from_secs(30);

/// The maps in memory.
#[derive(Default)]
pub(super) struct Hints(Mutex<HashMap<Collection, Known>>);

struct Known {
    map: Arc<DensityMap>,
    ask_again: Instant,
}

impl Hints {
    /// What the map says of a position.
    pub(super) fn precision(&self, collection: &Collection, position: Position) -> Option<u8> {
        let map = Arc::clone(&self.lock().get(collection)?.map);
        map.precision_at(position)
    }

    /// Whether the map is to be asked for now. Whoever is told so is the only one for a while, and need not say what
    /// came of it.
    pub(super) fn is_due(&self, collection: &Collection, now: Instant) -> bool {
        let mut maps = self.lock();
        if maps.get(collection).is_some_and(|known| now < known.ask_again) {
            return false;
        }
        if maps.len() >= MAX_MAPS && !maps.contains_key(collection) {
            let least = maps.iter().min_by_key(|(_, known)| known.ask_again).map(|(name, _)| name.clone());
            least.and_then(|name| maps.remove(&name));
        }
        let fresh = || Known { map: Arc::default(), ask_again: now };
        maps.entry(collection.clone()).or_insert_with(fresh).ask_again = now + SOON;
        true
    }

    /// Takes what came of it.
    pub(super) fn learn(&self, collection: &Collection, answer: &Response, now: Instant) {
        let lifetime = fresh_for(&answer.headers).unwrap_or(USUAL).max(SOON);
        let known = match answer.status {
            StatusCode::OK => Known {
                map: Arc::new(parse(&String::from_utf8_lossy(&answer.body))),
                ask_again: now + lifetime,
            },
            StatusCode::NOT_FOUND => Known { map: Arc::default(), ask_again: now + USUAL },
            _ => return,
        };
        if let Some(place) = self.lock().get_mut(collection) {
            *place = known;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Collection, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a server has the map of a collection.
pub(super) fn path(collection: &Collection) -> String {
    format!("/v1/collections/{collection}/edge-map")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: StatusCode, body: &str) -> Response {
        Response { status, body: body.to_owned().into(), ..Response::default() }
    }

    #[test]
    fn one_asks_and_all_know() {
        let (hints, now) = (Hints::default(), Instant::now());
        let (bars, paris) = ("bars".parse().unwrap(), Position::new(48.85, 2.35).unwrap());
        assert!(hints.is_due(&bars, now) && !hints.is_due(&bars, now));
        assert_eq!(hints.precision(&bars, paris), None);
        let map = r#"{"rows":{"u0":"00000000050000000000000000000000"}}"#;
        hints.learn(&bars, &answer(StatusCode::OK, map), now);
        assert_eq!(hints.precision(&bars, paris), Some(5));
        assert!(!hints.is_due(&bars, now + SOON) && hints.is_due(&bars, now + USUAL));
        // A failure leaves the map, another server's 404 does not.
        hints.learn(&bars, &answer(StatusCode::BAD_GATEWAY, ""), now);
        assert_eq!(hints.precision(&bars, paris), Some(5));
        assert!(hints.is_due(&bars, now + USUAL + SOON));
        hints.learn(&bars, &answer(StatusCode::NOT_FOUND, ""), now);
        assert_eq!(hints.precision(&bars, paris), None);
    }

    #[test]
    fn maps_are_bounded() {
        let (hints, now) = (Hints::default(), Instant::now());
        for i in 0..1_000 {
            assert!(hints.is_due(&format!("c{i}").parse().unwrap(), now));
        }
        assert_eq!(hints.lock().len(), MAX_MAPS);
    }
}
