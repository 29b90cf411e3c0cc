//! Which crate of the workspace may depend on which (docs/ARCHITECTURE.md): arrows only go down.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every crate, from the bottom up, with those that it may depend on. Each of these stands above it in the list.
const ALLOWED: &[(&str, &[&str])] = &[
    ("geo-index", &[]),
    ("cellar-cache", &[]),
    ("cellar-config", &[]),
    ("cellar-cli-kit", &[]),
    ("cellar-infra", &[]),
    ("cellar-model", &["geo-index"]),
    ("cellar-coordination", &["cellar-cache"]),
    ("cellar-input", &["cellar-model", "geo-index"]),
    ("cellar-hours", &["cellar-model", "geo-index"]),
    ("cellar-client", &["cellar-hours", "cellar-model", "geo-index"]),
    ("cellar-store", &["cellar-model", "geo-index"]),
    ("cellar-changes", &["cellar-cache", "cellar-coordination", "cellar-model", "cellar-store", "geo-index"]),
    ("cellar-purge", &["cellar-cache", "cellar-config", "cellar-coordination"]),
    (
        "cellar-search",
        &[
            "cellar-cache",
            "cellar-changes",
            "cellar-config",
            "cellar-coordination",
            "cellar-model",
            "cellar-purge",
            "cellar-store",
            "geo-index",
        ],
    ),
    ("cellar-warm", &["cellar-cache", "cellar-model", "cellar-search", "cellar-store", "geo-index"]),
    (
        "cellar-jobs",
        &[
            "cellar-cache",
            "cellar-cli-kit",
            "cellar-input",
            "cellar-model",
            "cellar-purge",
            "cellar-search",
            "cellar-store",
            "cellar-warm",
            "geo-index",
        ],
    ),
    (
        "cellar-http",
        &[
            "cellar-cache",
            "cellar-changes",
            "cellar-config",
            "cellar-coordination",
            "cellar-hours",
            "cellar-model",
            "cellar-purge",
            "cellar-search",
            "cellar-store",
            "geo-index",
        ],
    ),
    (
        "cellar-imports",
        &[
            "cellar-cache",
            "cellar-config",
            "cellar-http",
            "cellar-input",
            "cellar-jobs",
            "cellar-model",
            "cellar-search",
            "cellar-store",
        ],
    ),
    ("cellar-uploads", &["cellar-cache", "cellar-config", "cellar-http", "cellar-model", "cellar-store"]),
    (
        "cellar-importer",
        &[
            "cellar-cache",
            "cellar-config",
            "cellar-http",
            "cellar-imports",
            "cellar-input",
            "cellar-jobs",
            "cellar-model",
            "cellar-store",
            "cellar-uploads",
        ],
    ),
    (
        "cellar-lambda",
        &[
            "cellar-cache",
            "cellar-changes",
            "cellar-config",
            "cellar-http",
            "cellar-model",
            "cellar-search",
            "cellar-store",
            "cellar-uploads",
            "cellar-warm",
            "geo-index",
        ],
    ),
    (
        "cellar-test-kit",
        &[
            "cellar-cache",
            "cellar-http",
            "cellar-lambda",
            "cellar-model",
            "cellar-search",
            "cellar-store",
            "geo-index",
        ],
    ),
    (
        "cellar",
        &[
            "cellar-cache",
            "cellar-changes",
            "cellar-cli-kit",
            "cellar-client",
            "cellar-config",
            "cellar-coordination",
            "cellar-http",
            "cellar-imports",
            "cellar-infra",
            "cellar-input",
            "cellar-jobs",
            "cellar-model",
            "cellar-purge",
            "cellar-search",
            "cellar-store",
            "cellar-uploads",
            "cellar-warm",
            "geo-index",
        ],
    ),
    ("cellar-loadtest", &["cellar-cli-kit", "cellar-client", "cellar-input", "cellar-model", "geo-index"]),
];

/// The crates of the workspace, each with those of the workspace that its programs are built from.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let built = dependencies.filter(|dependency| dependency["kind"] != "dev");
        built.map(|dependency| text(&dependency["name"])).filter(|name| names.contains(name)).collect()
    };
    packages.iter().map(|package| (text(&package["name"]), of(package))).collect()
}

#[test]
fn crates_depend_on_those_that_they_may() {
    let found = dependencies();
    let listed: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        listed,
        "every crate is in the list"
    );
    for (name, allowed) in ALLOWED {
        let extra: Vec<&String> = found[*name].iter().filter(|on| !allowed.contains(&on.as_str())).collect();
        assert!(extra.is_empty(), "{name} must not depend on {extra:?}");
    }
}

#[test]
fn the_list_goes_one_way() {
    for (at, (name, allowed)) in ALLOWED.iter().enumerate() {
        for on in *allowed {
            assert!(ALLOWED[..at].iter().any(|(below, _)| below == on), "{on} has to stand above {name}");
        }
    }
}
