//! The warmer, and warm-up jobs.

use std::time::Duration;

use serde_json::{Value, json};

use super::bed::{Bed, answer, settled, within};
use crate::redis::RedisServer;
use cellar_test_kit::transport::{self, PLENTY};

const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0.01&lon=0.01&radius=2000";

#[tokio::test]
async fn the_warmer_tells_whether_it_was_cold_and_what_it_found() {
    let bed = Bed::new(&[]).await;
    let told = bed.invoke(&json!({ "instruction": "warmer" })).await.unwrap();
    assert_eq!(
        (&told["cold"], &told["dynamodb"], &told["redis"]),
        (&json!(true), &json!("ok"), &json!("off"))
    );
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    let again = bed.invoke(&json!({ "instruction": "warmer" })).await.unwrap();
    assert_eq!((&again["cold"], &again["instance"]), (&json!(false), &told["instance"]));
    let answer = bed.get("/live").await;
    assert_eq!(answer.header("x-cellar-cold"), "false", "the warmer was first");
    assert_eq!(answer.header("x-cellar-instance"), told["instance"]);
}

#[tokio::test]
async fn a_warm_up_leaves_nothing_to_be_loaded() {
    let redis = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let shared = [("CELLAR_REDIS_URL", url.as_str()), ("CELLAR_SETTLE_MS", "0")];
    let bed = Bed::new(&shared).await;
    bed.put("wineries", "w-1", 0.01, 0.01).await;
    let order = json!({ "instruction": "warm", "collection": "wineries", "bbox": [0.0, 0.0, 0.02, 0.02],
        "margin_m": 2000, "verify": 1.0 });
    let fresh = bed.another(&shared).await;
    let report = within(transport::invoke(&fresh, &order, Some(PLENTY))).await.unwrap();
    assert_eq!(
        (&report["complete"], &report["left_out"], &report["differences"]),
        (&json!(true), &json!(0), &json!(0))
    );
    assert!(report["pages"].as_u64().unwrap() > 0 && report["places"] == 1, "{report}");
    settled(&fresh).await;
    // What was loaded is in Redis by now, for environments that have not seen the job.
    let third = bed.another(&shared).await;
    let found = answer(&third, "GET", NEARBY, "").await;
    assert_eq!(found.json()["numberReturned"], 1);
    assert!(found.header("server-timing").contains(r#"queries;desc="0""#), "{:?}", found.headers);
}

#[tokio::test]
async fn a_warm_up_ends_with_the_invocation_and_says_what_is_left() {
    let bed = Bed::new(&[]).await;
    bed.put("wineries", "w-1", 0.01, 0.01).await;
    let order = json!({ "instruction": "warm", "collection": "wineries", "bbox": [0, 0, 1, 1] });
    let report = within(transport::invoke(&bed.function, &order, Some(Duration::ZERO))).await;
    match report {
        Ok(report) => {
            assert_eq!((&report["complete"], &report["pages"]), (&json!(false), &json!(0)), "{report}");
            assert!(report["left_out"].as_u64().unwrap() > 0, "{report}");
        }
        // It may not even get to know that the collection exists.
        Err(text) => assert!(text.contains("in time"), "{text}"),
    }
    assert_eq!(bed.invoke(&order).await.unwrap()["complete"], true);
}

#[tokio::test]
async fn instructions_that_cannot_be_carried_out_are_refused() {
    let bed = Bed::new(&[]).await;
    let refused = async |order: Value| bed.invoke(&order).await.unwrap_err();
    let nowhere = json!({ "instruction": "warm", "collection": "nope", "cells": ["gh:s000"] });
    assert_eq!(refused(nowhere).await, "there is no collection `nope`");
    let hottest = json!({ "instruction": "warm", "collection": "nope", "top": 5 });
    assert!(refused(hottest).await.contains("CELLAR_REDIS_URL"));
    assert!(refused(json!({ "hello": "world" })).await.starts_with("expected an event"));
    assert_eq!(bed.get("/live").await.status, 200);
}
