//! The variables that the function reads, and the table of docs/LAMBDA.md.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cellar_config::Env;
use cellar_http::config::LambdaConfig;

use super::bed::environment;

/// An environment that takes note of what is read.
struct Watched(RefCell<BTreeSet<String>>);

impl Env for Watched {
    fn var(&self, name: &str) -> Option<String> {
        self.0.borrow_mut().insert(name.to_owned());
        environment("http://127.0.0.1:1", "places", &[]).remove(name)
    }
}

#[test]
fn the_table_names_every_variable_and_no_other() {
    let watched = Watched(RefCell::default());
    LambdaConfig::from_env(&watched).unwrap();
    let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/LAMBDA.md"));
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let named: BTreeSet<String> = rows
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with("CELLAR_") || name.starts_with("AWS_") || name == "RUST_LOG")
        .collect();
    assert_eq!(named, watched.0.into_inner());
}
