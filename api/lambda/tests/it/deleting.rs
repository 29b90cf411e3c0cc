//! Deletions of collections, carried on by scheduled invocations.

use std::time::Duration;

use serde_json::json;

use super::bed::{Bed, answer};
use cellar_test_kit::transport;

const URI: &str = "/v1/collections/wineries";

/// Little more than a step of a deletion may take, so that an invocation ends soon.
const SHORT: Duration = Duration::from_millis(8_500);

#[tokio::test]
async fn scheduled_invocations_go_on_with_deletions() {
    for instruction in ["warmer", "delete"] {
        let bed = Bed::new(&[]).await;
        bed.put("wineries", "w-1", 0.01, 0.01).await;
        let marked = answer(&bed.function, "DELETE", URI, "").await;
        assert_eq!((marked.status.as_u16(), &marked.json()["deleted"]), (202, &json!(0)));
        let told =
            transport::invoke(&bed.function, &json!({ "instruction": instruction }), Some(SHORT)).await;
        let told = told.unwrap();
        if instruction == "delete" {
            assert_eq!(told, json!([{ "collection": "wineries", "status": "deleting", "deleted": 1 }]));
        } else {
            assert_eq!(told["dynamodb"], "ok");
        }
        let status = bed.get(URI).await.json();
        assert_eq!((&status["status"], &status["deleted"]), (&json!("deleting"), &json!(1)), "{instruction}");
        bed.get(&format!("{URI}/items/w-1")).await.problem(410, "collection-gone");
    }
}
