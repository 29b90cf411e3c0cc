//! What `cellar contract` says of the program that it is part of.

use serde_json::{Value, json};

use super::process::Desk;

fn contract() -> Value {
    serde_json::from_str(&Desk::new().ok(&["contract", "--json"])).unwrap()
}

fn variable<'a>(contract: &'a Value, name: &str, reader: &str) -> &'a Value {
    let all = contract["variables"].as_array().unwrap();
    let read_by = |variable: &Value| variable["read_by"].as_array().unwrap().contains(&json!(reader));
    let mut found = all.iter().filter(|variable| variable["name"] == name && read_by(variable));
    let first = found.next().unwrap_or_else(|| panic!("{reader} does not read {name}"));
    assert!(found.next().is_none(), "{reader} reads {name} in two ways");
    first
}

#[test]
fn routes_say_which_methods_write() {
    let contract = contract();
    let route = |path: &str| {
        let mut routes = contract["routes"].as_array().unwrap().iter();
        routes.find(|route| route["path"] == path).unwrap_or_else(|| panic!("{path}"))
    };
    assert_eq!(
        route("/v1/collections/{collection}/items/{id}"),
        &json!({
            "path": "/v1/collections/{collection}/items/{id}",
            "methods": ["GET", "PUT", "DELETE"],
            "writes": ["PUT", "DELETE"],
            "is_data": true,
        })
    );
    assert_eq!((&route("/health")["is_data"], &route("/health")["writes"]), (&json!(false), &json!([])));
    assert!(contract["health"].as_str().unwrap().contains(r#""status":"ok""#));
    assert_eq!(contract["headers"]["cache_tag"], "cache-tag");
    assert!(contract["metrics"]["names"].as_array().unwrap().contains(&json!("l2_breaker_open")));
}

#[test]
fn variables_say_who_reads_them_and_what_is_allowed() {
    let contract = contract();
    for reader in ["cellar serve", "cellar demo", "bootstrap"] {
        let in_flight = variable(&contract, "CELLAR_MAX_IN_FLIGHT", reader);
        assert_eq!((&in_flight["default"], &in_flight["allowed"]), (&json!("512"), &json!("1 to 65536")));
    }
    assert_eq!(variable(&contract, "CELLAR_SETTLE_MS", "cellar serve")["default"], "0 or 2000");
    assert_eq!(variable(&contract, "CELLAR_SETTLE_MS", "bootstrap")["default"], "2000");
    assert_eq!(variable(&contract, "CELLAR_SETTLE_MS", "cellar warm")["default"], "0 or 2000");
    assert_eq!(variable(&contract, "CELLAR_EDGE_PURGE_RATE", "cellar serve")["default"], "600");
    assert_eq!(variable(&contract, "CELLAR_LISTEN", "cellar serve")["default"], "127.0.0.1:8080");
    assert_eq!(variable(&contract, "CELLAR_TABLE", "cellar table create")["required"], false);
    assert_eq!(variable(&contract, "CELLAR_TABLE", "bootstrap")["required"], true);
    let part = &variable(&contract, "CELLAR_L1_MB", "bootstrap")["default"];
    assert_eq!(part, "1/4 of AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
}

#[test]
fn the_table_is_the_one_that_is_created() {
    let part = |name, role| json!({ "name": name, "role": role });
    let text = |name| json!({ "name": name, "type": "S" });
    let index = |name, hash| json!({ "name": name, "key": [part(hash, "HASH"), part("leaf", "RANGE")], "projection": "ALL" });
    assert_eq!(
        contract()["table"],
        json!({
            "key": [part("pk", "HASH")],
            "attributes": [
                text("pk"), text("root"), text("leaf"), text("category"), text("category_2"), text("category_3"),
                text("category_4"),
            ],
            "indexes": [
                index("by_cell", "root"),
                index("by_category", "category"),
                index("by_category_2", "category_2"),
                index("by_category_3", "category_3"),
                index("by_category_4", "category_4"),
            ],
            "billing": "PAY_PER_REQUEST",
            "stream": "NEW_AND_OLD_IMAGES",
            "time_to_live": "expires",
        })
    );
}

#[test]
fn people_get_tables() {
    let text = Desk::new().ok(&["contract"]);
    for expected in ["/v1/collections/{collection}/nearby", "CELLAR_MAX_RADIUS_M", "by_cell"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
