//! Transports that misbehave: results are right with respect to what was served, or there are none.

mod tricks;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cellar_client::Wanted;
use cellar_client::{
    By, ClientError, Fault, HttpTransport, NearbyClient, Outcome, Response, Transport, TransportError,
};
use cellar_search::cells::EdgeConfig;
use geo_index::edge::CacheCell;
use geo_index::{Grid, Meters};
use rand::RngExt;
use rand::rngs::StdRng;

use self::tricks::{Spoilt, TRICKS, Trick};
use super::origin::{Origin, PATIENCE};
use super::sites::{SOME, Site, at, near, results, rng, transport, usual};

/// The same places at two names.
fn twins() -> Vec<Site> {
    vec![Site::town("town", at(48.8566, 2.3522)), Site::town("twin", at(48.8566, 2.3522))]
}

fn client(origin: &Origin, trick: Trick, exact_too: bool) -> (NearbyClient<Arc<Spoilt>>, Arc<Spoilt>) {
    let honest = transport(&origin.url);
    let spoilt = Arc::new(Spoilt { honest, trick, exact_too, played: AtomicU32::new(0) });
    (NearbyClient::new(Arc::clone(&spoilt)), spoilt)
}

fn users(seed: u64) -> Wanted {
    let mut rng = rng(seed);
    let position = near(at(48.8566, 2.3522), 40_000.0, &mut rng);
    let category = rng.random_bool(0.5).then(|| SOME.into());
    let radius = Meters::new(10f64.powf(rng.random_range(3.0..4.7))).unwrap();
    Wanted { category, radius, limit: rng.random_range(2..40), ..usual("town", position) }
}

#[tokio::test(flavor = "multi_thread")]
async fn spoilt_cell_answers_are_refused_and_the_exact_endpoint_is_asked() {
    let sites = twins();
    let origin = Origin::start(&sites, EdgeConfig::default()).await;
    for trick in TRICKS {
        let (client, transport) = client(&origin, trick, false);
        for seed in 0..6 {
            let (wanted, before) = (users(seed), transport.played.load(Ordering::Relaxed));
            let truth = sites[0].brute_force(&wanted);
            let found = client.nearby(wanted.clone(), PATIENCE).await.unwrap();
            assert_eq!(results(&found), truth, "{trick:?}: {wanted:?}");
            if transport.played.load(Ordering::Relaxed) > before {
                assert_eq!(found.by, By::Exact, "{trick:?}: {:?}", found.requests);
                let first = &found.requests[0];
                assert!(matches!(first.outcome, Outcome::Failed(_)), "{trick:?}: {first:?}");
            }
        }
        assert!(transport.played.load(Ordering::Relaxed) >= 5, "{trick:?} was hardly played");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_spoils_everything_gets_an_error_out_of_the_client() {
    let sites = twins();
    let origin = Origin::start(&sites, EdgeConfig::default()).await;
    // The others have nothing to do with an exact search, which states neither a cell nor its collection.
    let tricks = TRICKS
        .into_iter()
        .filter(|trick| !matches!(trick, Trick::OtherCell | Trick::OtherCategory | Trick::OtherCollection));
    for trick in tricks {
        let (client, _) = client(&origin, trick, true);
        let wanted = Wanted { category: None, radius: Meters::new(50_000.0).unwrap(), ..users(1) };
        assert!(sites[0].brute_force(&wanted).len() > 1);
        let error = client.nearby(wanted, PATIENCE).await.expect_err(&format!("{trick:?}"));
        let expected = match trick {
            Trick::NotModified => matches!(error, ClientError::Refused { status: 304, .. }),
            Trick::Unavailable => matches!(error, ClientError::Refused { status: 503, .. }),
            Trick::NoConnection => matches!(error, ClientError::Unreachable(_)),
            _ => matches!(error, ClientError::Broken(_)),
        };
        assert!(expected, "{trick:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_exact_answer_for_somebody_else_is_an_error() {
    /// A cache that takes no heed of who asks.
    struct Careless(HttpTransport, Mutex<Option<Response>>);

    #[async_trait]
    impl Transport for Careless {
        async fn get(&self, path: &str) -> Result<Response, TransportError> {
            if !path.contains("mode=exact") {
                return Err(TransportError("down".into()));
            }
            if let Some(kept) = self.1.lock().unwrap().clone() {
                return Ok(kept);
            }
            let answer = self.0.get(path).await?;
            *self.1.lock().unwrap() = Some(answer.clone());
            Ok(answer)
        }
    }

    let sites = twins();
    let origin = Origin::start(&sites, EdgeConfig::default()).await;
    let client = NearbyClient::new(Careless(transport(&origin.url), Mutex::default()));
    let first = usual("town", at(48.8566, 2.3522));
    let found = client.nearby(first.clone(), PATIENCE).await.unwrap();
    assert_eq!(results(&found), sites[0].brute_force(&first));
    let error = client.nearby(usual("town", at(48.858, 2.353)), PATIENCE).await.unwrap_err();
    assert!(matches!(error, ClientError::Broken(Fault::Place { .. })), "{error:?}");
}

/// The edge has answers of various ages: a cell is served as it was when somebody first asked for it.
struct Aged {
    old: HttpTransport,
    new: HttpTransport,
    choice: Mutex<(StdRng, HashMap<String, bool>)>,
}

#[async_trait]
impl Transport for Aged {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        let is_old = {
            let (rng, of) = &mut *self.choice.lock().unwrap();
            path.contains("/cells/") && *of.entry(path.to_owned()).or_insert_with(|| rng.random_bool(0.5))
        };
        if is_old { self.old.get(path).await } else { self.new.get(path).await }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_answers_give_what_was_true_then_and_nothing_in_between() {
    let (old, mut new) = (Site::town("town", at(48.8566, 2.3522)), Site::town("town", at(48.8566, 2.3522)));
    // Every second place has moved.
    let mut random = rng(9);
    for place in new.places.iter_mut().step_by(2) {
        place.position = near(at(48.8566, 2.3522), 250_000.0, &mut random);
    }
    let before = Origin::start(std::slice::from_ref(&old), EdgeConfig::default()).await;
    let now = Origin::start(std::slice::from_ref(&new), EdgeConfig::default()).await;
    let choice = Mutex::new((rng(10), HashMap::new()));
    let client =
        NearbyClient::new(Aged { old: transport(&before.url), new: transport(&now.url), choice }).keeping(0);
    let (mut olden, mut current) = (0, 0);
    for seed in 0..60 {
        let wanted = users(seed);
        let found = results(&client.nearby(wanted.clone(), PATIENCE).await.unwrap());
        let (then, today) = (old.brute_force(&wanted), new.brute_force(&wanted));
        assert!(found == then || found == today, "user {seed}: {found:?}");
        olden += usize::from(found == then && found != today);
        current += usize::from(found == today && found != then);
    }
    assert!(olden > 5 && current > 5, "{olden} old, {current} current");
}

/// It never answers.
struct Silent;

#[async_trait]
impl Transport for Silent {
    async fn get(&self, _: &str) -> Result<Response, TransportError> {
        std::future::pending().await
    }
}

/// Cells do not answer, the rest does.
struct Halting(HttpTransport);

#[async_trait]
impl Transport for Halting {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        if path.contains("/cells/") { std::future::pending().await } else { self.0.get(path).await }
    }
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_leaves_time_for_the_exact_endpoint() {
    let wanted = usual("town", at(48.8566, 2.3522));
    let silent = NearbyClient::new(Silent).nearby(wanted.clone(), Duration::from_millis(60)).await;
    assert_eq!(silent.unwrap_err(), ClientError::Deadline);

    let sites = twins();
    let origin = Origin::start(&sites, EdgeConfig::default()).await;
    let halting = NearbyClient::new(Halting(transport(&origin.url)));
    // Half of it passes before the exact endpoint is asked.
    let found = halting.nearby(wanted.clone(), Duration::from_secs(10)).await.unwrap();
    assert_eq!((found.by, results(&found)), (By::Exact, sites[0].brute_force(&wanted)));
}

#[tokio::test]
async fn any_h3_or_other_cell_in_place_of_the_one_asked_for_is_refused() {
    /// Serves one answer, whatever is asked for.
    struct Stuck(HttpTransport, String);

    #[async_trait]
    impl Transport for Stuck {
        async fn get(&self, path: &str) -> Result<Response, TransportError> {
            self.0.get(if path.contains("/cells/") { &self.1 } else { path }).await
        }
    }

    let sites = twins();
    let origin = Origin::start(&sites, EdgeConfig::default()).await;
    let wanted = usual("town", at(48.8566, 2.3522));
    let truth = sites[0].brute_force(&wanted);
    for cell in [
        CacheCell::at(Grid::H3, wanted.position, 6),
        CacheCell::at(Grid::Geohash, wanted.position, 5),
        CacheCell::at(Grid::Geohash, wanted.position, 3),
        CacheCell::at(Grid::Geohash, at(0.0, 0.0), 4),
    ] {
        let stuck = format!("/v1/collections/town/cells/{}/nearby", cell.unwrap());
        let client = NearbyClient::new(Stuck(transport(&origin.url), stuck));
        let found = client.nearby(wanted.clone(), PATIENCE).await.unwrap();
        assert_eq!((found.by, results(&found)), (By::Exact, truth.clone()));
        let Outcome::Failed(why) = &found.requests[0].outcome else { panic!("{:?}", found.requests) };
        assert!(why.contains("gh:u09t"), "{why}");
    }
}
