//! Whatever a client answers equals brute force, in set, order and distance.

use std::sync::Arc;

use cellar_client::{By, ClientError, Found, NearbyClient, Outcome};
use cellar_search::cells::EdgeConfig;
use geo_index::Meters;
use geo_index::edge::Planner;

use super::origin::{Origin, PATIENCE};
use super::sites::{Site, at, results, rng, transport, usual};

/// Of each site.
const USERS: u64 = 30;

/// How calls were answered.
#[derive(Debug, Default)]
struct AnswerStats {
    first_try: usize,
    more_tries: usize,
    exact: usize,
    empty: usize,
}

impl AnswerStats {
    fn count(&mut self, found: &Found) {
        let last = found.requests.last().expect("something was asked");
        assert_eq!(last.cell.is_none(), found.by == By::Exact);
        assert!(
            found.requests.iter().all(|request| matches!(request.outcome, Outcome::Answered | Outcome::Kept))
        );
        assert!(found.tries() <= Planner::MAX_TRIES);
        match (found.by, found.tries()) {
            (By::Cell(_), 1) => self.first_try += 1,
            (By::Cell(_), _) => self.more_tries += 1,
            (By::Exact, _) => self.exact += 1,
        }
        self.empty += usize::from(found.hits.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_equals_brute_force() {
    let sites = Site::all();
    let origin = Origin::start(&sites, EdgeConfig::default()).await;
    let mut stats = AnswerStats::default();
    for site in &sites {
        let experienced = NearbyClient::new(transport(&origin.url));
        for seed in 0..USERS {
            let wanted = site.wanted(&mut rng(seed));
            let truth = site.brute_force(&wanted);
            // One that knows nothing, and one that remembers what worked and keeps answers.
            let new = NearbyClient::new(transport(&origin.url));
            for client in [&new, &experienced] {
                let found = client.nearby(wanted.clone(), PATIENCE).await.unwrap();
                assert_eq!(results(&found), truth, "{}, user {seed}: {wanted:?}", site.name);
                stats.count(&found);
            }
        }
    }
    println!("{stats:?}");
    let AnswerStats { first_try, more_tries, exact, empty } = stats;
    let all = first_try + more_tries + exact;
    assert_eq!(all, sites.len() * USERS as usize * 2);
    assert!(first_try > all / 2, "{first_try} of {all} at the first try");
    assert!(more_tries > all / 50, "{more_tries} of {all} after more tries");
    assert!(exact > all / 50, "{exact} of {all} by the exact endpoint");
    assert!((all / 10..all * 3 / 4).contains(&empty), "{empty} of {all} found nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_serves_many_at_once() {
    let site = Arc::new(Site::town("town", at(48.8566, 2.3522)));
    let origin = Origin::start(std::slice::from_ref(&*site), EdgeConfig::default()).await;
    let client = Arc::new(NearbyClient::new(transport(&origin.url)));
    let calls: Vec<_> = (0..60)
        .map(|seed| {
            let (site, client) = (Arc::clone(&site), Arc::clone(&client));
            tokio::spawn(async move {
                let wanted = site.wanted(&mut rng(seed));
                let found = client.nearby(wanted.clone(), PATIENCE).await.unwrap();
                assert_eq!(results(&found), site.brute_force(&wanted), "user {seed}");
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn properties_come_as_they_were_stored() {
    let site = Site::town("town", at(48.8566, 2.3522));
    let origin = Origin::start(std::slice::from_ref(&site), EdgeConfig::default()).await;
    let client = NearbyClient::new(transport(&origin.url));
    let found = client.nearby(usual("town", at(48.86, 2.35)), PATIENCE).await.unwrap();
    assert!(!found.hits.is_empty());
    for hit in &found.hits {
        let stored = site.places.iter().find(|place| place.id == hit.place.id).unwrap();
        assert_eq!(hit.place.feature(), stored.feature());
    }
    let collection: serde_json::Value = serde_json::from_str(&found.feature_collection()).unwrap();
    assert_eq!(collection["features"][0]["distance_m"].as_f64(), Some(found.hits[0].distance.get()));
    assert_eq!(collection["numberReturned"], found.hits.len());
}

#[tokio::test]
async fn calls_that_the_exact_endpoint_refuses_are_refused() {
    let origin = Origin::start(&[Site::town("town", at(1.0, 2.0))], EdgeConfig::default()).await;
    let client = NearbyClient::new(transport(&origin.url));
    let wanted = usual("town", at(1.0, 2.0));
    for limit in [0, 101] {
        let refused = client.nearby(cellar_client::Wanted { limit, ..wanted.clone() }, PATIENCE).await;
        assert!(matches!(refused, Err(ClientError::Invalid { parameter: "limit", .. })), "{limit}");
    }
    let nowhere = cellar_client::Wanted { radius: Meters::ZERO, ..wanted.clone() };
    let refused = client.nearby(nowhere, PATIENCE).await.unwrap_err();
    assert_eq!(refused.to_string(), "`radius` must be more than 0 metres");
    assert_eq!(origin.seen(), 0);

    // Nothing is near, so that no cell vouches for it.
    let far = usual("town", at(40.0, 100.0));
    let far = cellar_client::Wanted { radius: Meters::new(300_000.0).unwrap(), ..far };
    let Err(ClientError::Refused { status: 400, detail: Some(detail) }) = client.nearby(far, PATIENCE).await
    else {
        panic!("a radius beyond the server's")
    };
    assert!(detail.contains("radius") && detail.contains("200000"), "{detail}");
    let unknown = client.nearby(usual("nowhere", at(1.0, 2.0)), PATIENCE).await.unwrap_err();
    assert!(matches!(unknown, ClientError::Refused { status: 404, .. }), "{unknown}");
    let long = cellar_client::Wanted { category: Some("x".repeat(201).as_str().into()), ..wanted };
    assert!(matches!(client.nearby(long, PATIENCE).await, Err(ClientError::Refused { status: 400, .. })));
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_error() {
    let origin = Origin::start(&[], EdgeConfig::default()).await;
    let client = NearbyClient::new(transport(&origin.url));
    origin.kill().await;
    let gone = client.nearby(usual("town", at(1.0, 2.0)), PATIENCE).await.unwrap_err();
    assert!(matches!(gone, ClientError::Unreachable(_)), "{gone}");
    assert!(!gone.to_string().contains("lat="), "{gone}");
}
