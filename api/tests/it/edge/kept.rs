//! What a client keeps: answers for as long as they say, and the density map.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::http::StatusCode;
use cellar_cache::clock::{Clock, ManualClock};
use cellar_client::{HttpTransport, NearbyClient, Outcome, Response, Transport, TransportError};
use cellar_search::cells::EdgeConfig;

use super::origin::{Origin, PATIENCE};
use super::sites::{Site, at, results, transport, usual};

fn edge(max_age_s: u64) -> EdgeConfig {
    EdgeConfig { max_age: Duration::from_secs(max_age_s), ..EdgeConfig::default() }
}

/// What tells a client the time of this clock.
fn time_of(clock: &Arc<ManualClock>) -> impl Fn() -> Instant + Send + Sync + 'static {
    let clock = Arc::clone(clock);
    move || clock.now()
}

#[tokio::test]
async fn a_user_who_moves_within_a_cell_asks_once_while_the_answer_is_fresh() {
    let site = Site::town("town", at(48.8566, 2.3522));
    let origin = Origin::start(std::slice::from_ref(&site), edge(100)).await;
    let clock = Arc::new(ManualClock::default());
    let client = NearbyClient::new(transport(&origin.url)).with_clock(time_of(&clock));
    let ask = async |lat: f64| {
        let wanted = usual("town", at(lat, 2.3522));
        let found = client.nearby(wanted.clone(), PATIENCE).await.unwrap();
        assert_eq!(results(&found), site.brute_force(&wanted));
        found.requests[0].outcome.clone()
    };
    assert_eq!(ask(48.8566).await, Outcome::Answered);
    for lat in [48.8566, 48.86, 48.85] {
        assert_eq!(ask(lat).await, Outcome::Kept);
    }
    // The lifetime varies by a tenth.
    clock.advance(Duration::from_secs(85));
    assert_eq!((ask(48.859).await, origin.cells().len()), (Outcome::Kept, 1));
    clock.advance(Duration::from_secs(30));
    assert_eq!((ask(48.859).await, origin.cells().len()), (Outcome::Answered, 2));

    let forgetful = NearbyClient::new(transport(&origin.url)).keeping(0);
    for _ in 0..2 {
        forgetful.nearby(usual("town", at(48.8566, 2.3522)), PATIENCE).await.unwrap();
    }
    assert_eq!(origin.cells().len(), 4);
}

/// The API, and a density map beside it.
struct Mapped {
    api: HttpTransport,
    map: Mutex<(StatusCode, String)>,
    asked: Mutex<u32>,
}

#[async_trait]
impl Transport for Mapped {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        if path == "/v1/collections/town/edge-map" {
            *self.asked.lock().unwrap() += 1;
            let (status, body) = self.map.lock().unwrap().clone();
            return Ok(Response { status, body: body.into(), ..Response::default() });
        }
        self.api.get(path).await
    }
}

#[tokio::test]
async fn the_density_map_picks_the_first_cell_and_is_asked_for_once_in_a_while() {
    let site = Site::town("town", at(48.8566, 2.3522));
    let origin = Origin::start(std::slice::from_ref(&site), EdgeConfig::default()).await;
    let good = r#"{"rows":{"u0":"00000000050000000000000000000000"}}"#.to_owned();
    for (status, body, level, asks) in [
        (StatusCode::OK, good.clone(), 5, 1),
        (StatusCode::NOT_FOUND, good.clone(), 4, 1),
        (StatusCode::OK, "<html>".to_owned(), 4, 1),
        (StatusCode::BAD_GATEWAY, good, 4, 2),
    ] {
        let map = Mutex::new((status, body));
        let mapped = Arc::new(Mapped { api: transport(&origin.url), map, asked: Mutex::default() });
        let clock = Arc::new(ManualClock::default());
        let client = NearbyClient::new(Arc::clone(&mapped)).with_clock(time_of(&clock));
        for step in 0..20 {
            // Neighbourhoods of which nothing is remembered.
            let wanted = usual("town", at(48.8566 + f64::from(step) * 0.06 - 0.6, 2.3522));
            let found = client.nearby(wanted.clone(), PATIENCE).await.unwrap();
            assert_eq!(results(&found), site.brute_force(&wanted));
            if step == 10 {
                assert_eq!(found.requests[0].cell.unwrap().level(), level, "{status}");
                clock.advance(Duration::from_mins(1));
            }
        }
        assert_eq!(*mapped.asked.lock().unwrap(), asks, "{status}");
    }
}
