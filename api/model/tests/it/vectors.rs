//! `infra/edge/vectors.json`: what the edge function in JavaScript and [`canonical`] must both say.
//!
//! `CELLAR_WRITE_VECTORS=1 cargo test -p cellar-model --test it vectors` writes the file anew; the test asserts that
//! what is checked in is what it would write.

mod cases;
mod tables;

use std::collections::BTreeMap;
use std::path::PathBuf;

use cellar_model::canonical::{Canonical, canonical};
use serde_json::to_string as json;

use crate::support::{max_radius, precision};

/// Stores that the cases name: `KeyValueStore` entries by key.
type Stores = BTreeMap<&'static str, BTreeMap<String, String>>;

fn stores() -> Stores {
    let digits: String = "34567034567034567034567034567034".into();
    let sample = [
        ("wineries:u0", digits.clone()),
        ("wineries:zz", "7".repeat(32)),
        ("wineries:s0", "3".repeat(32)),
        ("wineries:dr", "6".repeat(32)),
        ("bars:u0", "5".repeat(32)),
    ];
    // Paris is in u09t, and in the third of its children that are of two precisions.
    let marks = "x56756756756x56756756756756x5675";
    let tree = [
        ("wineries:u0", "340567xx0x034567034567034567034x".into()),
        ("wineries:u09t", format!("{marks}{}", "8zzzzz30000000uuuuuu1")),
        ("wineries:u09w", "6".into()),
        ("wineries:u09q", "7".repeat(32)),
        ("wineries:u06b", format!("{}{}", "x".repeat(32), "g1h2j3k".repeat(32))),
        // Below what is of one precision, and below nothing.
        ("wineries:u001", "7".into()),
        ("wineries:s000", "7".into()),
    ];
    let torn = [
        ("wineries:u0", "x".repeat(32)),
        ("wineries:u09t", marks.into()),
        ("wineries:u09w", "4".into()),
        ("wineries:u09q", "7".repeat(31)),
        ("wineries:u06b", format!("{}{}", "x".repeat(32), "g1h2j3k".repeat(31))),
        ("wineries:u06c", format!("{}{}", "x".repeat(32), "g1h2j3a".repeat(32))),
        ("wineries:u09y", format!("{marks}{}", "8zzzzz30000000uuuuuu1\n")),
    ];
    let broken = [
        ("wineries:u0", "4".repeat(31)),
        ("wineries:s0", "8".repeat(32)),
        ("wineries:zz", "é".repeat(32)),
        ("wineries:dr", String::new()),
    ];
    let store = |entries: &[(&str, String)]| {
        entries.iter().map(|(key, digits)| ((*key).to_owned(), digits.clone())).collect()
    };
    BTreeMap::from([
        ("none", BTreeMap::new()),
        ("sample", store(&sample)),
        ("broken", store(&broken)),
        ("tree", store(&tree)),
        ("torn", store(&torn)),
    ])
}

/// What a request with a store must become, as JSON members.
fn expected(path: &str, query: &str, store: &BTreeMap<String, String>) -> String {
    let outcome = canonical(path, query, max_radius(), |collection, cell| precision(store, collection, cell));
    match outcome {
        Ok(Canonical::PassThrough) => r#""pass":true"#.into(),
        Ok(Canonical::Cell(url)) => {
            // A canonical URL is its own.
            let again = canonical(&url.path(), &url.query(), max_radius(), |_, _| None);
            assert_eq!(again, Ok(Canonical::Cell(url.clone())));
            format!(
                r#""uri":{},"canonical_query":{}"#,
                json(&url.path()).unwrap(),
                json(&url.query()).unwrap()
            )
        }
        Err(reject) => {
            assert!(!reject.detail.is_empty());
            let parameter = json(&reject.parameter).unwrap();
            format!(r#""reject":{{"kind":"{}","parameter":{parameter}}}"#, reject.kind.slug())
        }
    }
}

fn vectors() -> String {
    let stores = stores();
    let mut out = String::from("{\n");
    out += r#""made_by": "api/model/tests/it/vectors.rs: CELLAR_WRITE_VECTORS=1 cargo test -p cellar-model --test it vectors","#;
    out += "\n";
    out += r#""meaning": "path and query are as sent. `store` names the KeyValueStore entries that exist. A case passes through (`pass`), or has a canonical `uri` and `canonical_query`, or is refused (`reject`: kind of problem and parameter at fault). docs/EDGE.md has the rules.","#;
    out += "\n\"stores\": ";
    out += &json(&stores).unwrap();
    out += ",\n\"cases\": [\n";
    let lines: Vec<String> = cases::all()
        .iter()
        .map(|case| {
            let store = &stores[case.store];
            let (path, query) = (json(&case.path).unwrap(), json(&case.query).unwrap());
            let expected = expected(&case.path, &case.query, store);
            format!(r#"{{"path":{path},"query":{query},"store":"{}",{expected}}}"#, case.store)
        })
        .collect();
    out += &lines.join(",\n");
    out += "\n]\n}\n";
    out
}

#[test]
fn vectors_are_what_is_checked_in() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/edge/vectors.json");
    let vectors = vectors();
    if std::env::var_os("CELLAR_WRITE_VECTORS").is_some() {
        std::fs::write(&file, &vectors).unwrap();
    }
    let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        checked_in == vectors,
        "infra/edge/vectors.json is out of date: CELLAR_WRITE_VECTORS=1 writes it"
    );
}

/// Each kind of outcome is there in numbers, or the file proves little.
#[test]
fn vectors_cover_every_outcome() {
    let vectors: serde_json::Value = serde_json::from_str(&vectors()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let outcome = match &case["reject"]["kind"] {
            serde_json::Value::String(kind) => kind.clone(),
            _ if case["pass"] == true => "pass".into(),
            _ => "uri".into(),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("{} vectors: {outcomes:?}", cases.len());
    assert_eq!(outcomes.len(), 9, "{outcomes:?}");
    assert!(outcomes.values().all(|&count| count >= 2) && outcomes["uri"] >= 300, "{outcomes:?}");
}
