//! `api/client/vectors/`: what clients in every language must compute, bit for bit.
//!
//! `CELLAR_WRITE_VECTORS=1 cargo test -p cellar-client --test it` writes the files that are made by code anew; the tests
//! assert that what is checked in is what they would write. The others are read by the tests within `src`.

mod distances;
mod maps;
mod memory;
mod plans;

use std::path::PathBuf;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

/// A file as it is checked in.
fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// Asserts that a file holds these lists, one element a line.
fn assert_checked_in(name: &str, meaning: &str, lists: &[(&str, Vec<Value>)]) {
    let made_by = "CELLAR_WRITE_VECTORS=1 cargo test -p cellar-client --test it";
    let of_lines = |(name, elements): &(&str, Vec<Value>)| {
        let lines: Vec<String> = elements.iter().map(Value::to_string).collect();
        format!("\"{name}\": [\n{}\n]", lines.join(",\n"))
    };
    let lists: Vec<String> = lists.iter().map(of_lines).collect();
    let (meaning, lists) = (Value::from(meaning), lists.join(",\n"));
    let text = format!("{{\n\"made_by\": \"{made_by}\",\n\"meaning\": {meaning},\n{lists}\n}}\n");
    if std::env::var_os("CELLAR_WRITE_VECTORS").is_some() {
        std::fs::write(path(name), &text).unwrap();
    }
    let checked_in = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(checked_in == text, "vectors/{name} is out of date: CELLAR_WRITE_VECTORS=1 writes it");
}

/// The same numbers on every machine.
fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}
