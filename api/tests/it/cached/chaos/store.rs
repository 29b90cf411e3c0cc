//! DynamoDB throttles or fails, with stale pages in memory.

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::{Clock, ManualClock};
use cellar_store::StoreError;

use super::super::bed::{client, patient, url};
use super::super::process::Process;
use super::super::town;
use crate::redis::RedisServer;
use cellar_test_kit::server::Answer;

const HERE: &str = "/v1/collections/town/nearby?lat=48.008&lon=11.021&radius=1000&limit=50";
const ELSEWHERE: &str = "/v1/collections/town/nearby?lat=-30&lon=20&radius=1000";
const SECOND: Duration = Duration::from_secs(1);

fn features(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["features"].clone()
}

#[track_caller]
fn assert_stale(answer: &Answer, tier: &str) {
    let status = answer.header("cache-status");
    let member = status.split(", ").find(|member| member.starts_with(tier));
    assert!(member.is_some_and(|member| member.contains("; ttl=-")), "{tier} in {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_answers_until_they_are_too_old() {
    for (fault, problem) in [
        (StoreError::Throttled, "store-throttled"),
        (StoreError::Failed("connection refused".into()), "store-unavailable"),
    ] {
        let server = RedisServer::start(&[]);
        let (store, clock) = (town::store().await, Arc::new(ManualClock::default()));
        let policy = patient().soft_limit(SECOND);
        let process =
            |redis| Process::clocked(&store, policy.clone(), redis, clock.clone() as Arc<dyn Clock>);
        let shared = || Some(client(&url(&server)));
        // One has the pages in memory, one in both tiers, and one only in Redis.
        let processes = [process(None), process(shared()), process(shared())];
        let [alone, both, other] = &processes;
        let right = features(&alone.get(HERE).await);
        assert!(right.as_array().is_some_and(|features| !features.is_empty()));
        assert_eq!(features(&both.get(HERE).await), right);
        both.cache().drain().await;
        // It knows the collection, and nothing else.
        features(&other.get(ELSEWHERE).await);

        clock.advance(policy.fresh + policy.stale_while_revalidate + SECOND);
        for process in &processes {
            process.store.set_fault(Some(fault.clone()));
        }
        for _ in 0..10 {
            clock.advance(SECOND);
            // Once loading is left alone, what is in memory needs nobody else.
            for (process, tier) in [(alone, "cellar-l1"), (both, "cellar-l"), (other, "cellar-l")] {
                let answer = process.get(HERE).await;
                assert_stale(&answer, tier);
                assert_eq!(features(&answer), right, "stale, but whole");
            }
        }
        let nowhere = "/v1/collections/town/nearby?lat=-50&lon=-50&radius=1000";
        alone.get(nowhere).await.problem(503, problem);

        clock.advance(policy.stale_if_error);
        for process in &processes {
            process.get(HERE).await.problem(503, problem);
            // The other loads of that request may still be on their way to their failure, which puts the next try off.
            process.cache().drain().await;
        }
        // Loading is tried again after a moment.
        clock.advance(SECOND);
        for process in &processes {
            process.store.set_fault(None);
            let answer = process.get(HERE).await;
            assert_eq!(features(&answer), right);
            assert!(!answer.header("cache-status").contains("ttl=-"), "{:?}", answer.headers);
        }
        println!("{fault}: ten seconds of stale answers, then {problem}, then fresh ones");
    }
}
