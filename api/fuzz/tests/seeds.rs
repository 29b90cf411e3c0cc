//! Every seed goes through its target, whole and damaged at random: what libFuzzer does for as long as it is let, for a moment
//! and on any toolchain.

use std::fs;
use std::path::Path;

const DAMAGED: usize = 500;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 14] = [
    ("query", cellar_fuzz::query),
    ("cursor", cellar_fuzz::cursor),
    ("filter", cellar_fuzz::filter),
    ("search", cellar_fuzz::search),
    ("names", cellar_fuzz::names),
    ("url", cellar_fuzz::url),
    ("geojson", cellar_fuzz::geojson),
    ("file", cellar_fuzz::file),
    ("record", cellar_fuzz::record),
    ("event", cellar_fuzz::event),
    ("envelope", cellar_fuzz::envelope),
    ("message", cellar_fuzz::message),
    ("access_log", cellar_fuzz::access_log),
    ("cache_status", cellar_fuzz::cache_status),
];

/// A few bytes are others, gone, or there twice.
fn damage(seed: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..random.usize(1..6) {
        if data.is_empty() {
            break;
        }
        let at = random.usize(..data.len());
        match random.u8(..4) {
            0 => data[at] = random.u8(..),
            1 => drop(data.remove(at)),
            2 => data.insert(at, data[random.usize(..data.len())]),
            _ => data.truncate(at),
        }
    }
    data
}

#[test]
fn no_seed_and_nothing_like_it_breaks_a_parser() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut random = fastrand::Rng::with_seed(1);
    for (name, target) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(seeds.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")) {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            target(&seed);
            for _ in 0..DAMAGED {
                target(&damage(&seed, &mut random));
            }
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
    }
}

#[test]
fn every_target_is_a_program() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut programs: Vec<String> = fs::read_dir(targets)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    programs.sort();
    let mut names = TARGETS.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(programs, names);
}
