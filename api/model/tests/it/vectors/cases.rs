//! The requests: each rule of docs/EDGE.md by hand, then positions and mixtures by a fixed seed.

use geo_index::{Cell, GeohashCell, Grid, Position};
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt};

use super::tables::{CATEGORIES, CELL_QUERIES, NUMBERS, PATHS, QUERIES};
use crate::support::rng;

/// A request, as sent.
pub(super) struct Case {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) store: &'static str,
}

fn case(path: &str, query: &str, store: &'static str) -> Case {
    Case { path: path.into(), query: query.into(), store }
}

const NEARBY: &str = "/v1/collections/wineries/nearby";
const CELL: &str = "/v1/collections/wineries/cells/gh:u09tv/nearby";

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(PATHS.iter().flat_map(|path| [case(path, "", "none"), case(path, AT, "none")]));
    cases.extend(
        cell_texts()
            .iter()
            .map(|cell| case(&format!("/v1/collections/wineries/cells/{cell}/nearby"), "", "none")),
    );
    cases.extend(
        h3_texts()
            .iter()
            .map(|cell| case(&format!("/v1/collections/wineries/cells/h3:{cell}/nearby"), "", "none")),
    );
    cases.extend(CELL_QUERIES.iter().map(|query| case(CELL, query, "none")));
    cases.extend(QUERIES.iter().map(|query| case(NEARBY, query, "none")));
    cases.extend(NUMBERS.iter().flat_map(|number| {
        [
            case(NEARBY, &format!("mode=cell&lon=0&lat={number}"), "none"),
            case(NEARBY, &format!("mode=cell&lat=0&lon={number}"), "none"),
            case(NEARBY, &format!("mode=cell&lat=0&lon=0&radius={number}"), "none"),
            case(NEARBY, &format!("mode=cell&lat=0&lon=0&limit={number}"), "none"),
            case(NEARBY, &format!("mode=cell&lat=0&lon=0&precision={number}"), "none"),
        ]
    }));
    cases.extend(CATEGORIES.iter().flat_map(|category| {
        [
            case(CELL, &format!("category={category}"), "none"),
            case(NEARBY, &format!("category={category}&{AT}"), "none"),
        ]
    }));
    cases.extend(long());
    cases.extend(borders());
    cases.extend(stores());
    cases.extend(mixtures());
    cases
}

const AT: &str = "lat=48.8566&lon=2.3522&mode=cell";

/// Cells as texts, good and bad, besides H3.
fn cell_texts() -> Vec<String> {
    let mut texts: Vec<String> =
        (0..=13).map(|length| format!("gh:{}", &"u09tvw5f4j2z7"[..length])).collect();
    texts.extend("ailoAILOUéＡ~!-_. +%,;:@$&=*'()".chars().map(|letter| format!("gh:u0{letter}t")));
    #[rustfmt::skip]
    texts.extend(
        [
            "gh:zzz", "gh:000", "gh:bpb", "gh:pbp", "gh:u09%20", "gh:u09%00", "gh:u09%0D%0A", "gh%3Au09",
            "gh%3au09", "g%68:u09", "gh:%7509", "gh:u09%", "gh:u09%7", "gh:u09%FF", "gh:u09%2Ft", "GH:u09t",
            "Gh:u09t", "gh:gh:u09", "gh::u09", "u09t", ":u09t", "gh", "gh:", "h3", "h3:", "s2:u09t",
            "geohash:u09t", " gh:u09t", "gh:u09t ", "gh:u09t%0a", "gh:u0\u{131}",
        ]
        .map(String::from),
    );
    texts
}

/// H3 indexes as texts: good ones of every resolution, and each way to be wrong.
fn h3_texts() -> Vec<String> {
    let mut rng = rng(31);
    let mut texts: Vec<String> = Vec::new();
    for level in 0..=15 {
        for _ in 0..4 {
            let cell = Cell::at(Grid::H3, somewhere(&mut rng), level).unwrap().to_string();
            texts.push(cell[3..].to_owned());
        }
    }
    // Mode, resolution, base cell, a digit: whichever one hexadecimal digit at fault.
    for at in 0..15 {
        for _ in 0..6 {
            let level = rng.random_range(3..=9);
            let cell = Cell::at(Grid::H3, somewhere(&mut rng), level).unwrap().to_string();
            let mut text = cell.as_bytes()[3..].to_vec();
            text[at] = *b"0123456789abcdef".choose(&mut rng).unwrap();
            texts.push(String::from_utf8(text).unwrap());
        }
    }
    // Below the pentagons: first digit 0 (itself), 1 (deleted), 2; leading zeros before a 1.
    for base in [4_u64, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117, 0, 121, 122, 127] {
        for digits in [0o000, 0o100, 0o010, 0o001, 0o200, 0o021, 0o012, 0o666, 0o700, 0o070] {
            let unused = (1_u64 << 36) - 1;
            let index = 8 << 56 | 3 << 52 | base << 45 | digits << 36 | unused;
            texts.push(format!("{index:015x}"));
        }
    }
    #[rustfmt::skip]
    texts.extend(
        [
            "831FB4FFFFFFFFF", "831fb4fffffffff0", "831fb4ffffffff", "0831fb4fffffffff", "+31fb4fffffffff",
            "-31fb4fffffffff", " 31fb4fffffffff", "831fb4ffffffffg", "fffffffffffffff", "000000000000000",
            "0x831fb4fffffff", "83%31fb4fffffffff", "8%331fb4fffffffff", "%3831fb4fffffffff",
            "831fb4fffffffff%20",
        ]
        .map(String::from),
    );
    texts
}

fn long() -> Vec<Case> {
    let category = |length| format!("category={}", "a".repeat(length));
    let padded = |length: usize| format!("{AT}{}", "&".repeat(length - AT.len()));
    let mut cases: Vec<Case> = [199, 200, 201].map(|length| case(CELL, &category(length), "none")).into();
    for text in ["%C3%A9", "é", "%F0%9F%8D%B7"] {
        for bytes in [200, 204] {
            let each = if text.len() > 6 { 4 } else { 2 };
            cases.push(case(CELL, &format!("category={}", text.repeat(bytes / each)), "none"));
        }
    }
    cases.extend([2_047, 2_048, 2_049, 8_000].map(|length| case(NEARBY, &padded(length), "none")));
    cases.extend([2_047, 2_048, 2_049].map(|length| case(CELL, &"&".repeat(length), "none")));
    cases.push(case(NEARBY, &format!("x={}", "a".repeat(3_000)), "none"));
    cases.push(case(NEARBY, &format!("x={}&mode=cell", "a".repeat(3_000)), "none"));
    cases.push(case(NEARBY, &format!("lat=1{}&lon=2&mode=cell", "0".repeat(400)), "none"));
    cases.push(case(NEARBY, &format!("lat=1.{}1&lon=2&mode=cell", "0".repeat(400)), "none"));
    cases
}

/// Positions on borders of cells and a rounding error beside them, the poles and ±180°.
fn borders() -> Vec<Case> {
    let mut cases = Vec::new();
    for lat in [-90.0, -89.999_999_999_999_99, -45.0, 0.0, 45.0, 5.625, 11.25, 89.999_999_999_999_99, 90.0] {
        for lon in [-180.0, -179.999_999_999_999_97, -90.0, 0.0, 11.25, 45.0, 179.999_999_999_999_97, 180.0] {
            for precision in [3, 7] {
                let query = format!("lat={lat}&lon={lon}&mode=cell&precision={precision}");
                cases.push(case(NEARBY, &query, "none"));
            }
        }
    }
    let mut rng = rng(32);
    for _ in 0..60 {
        // A corner of a cell, and its neighbours in each direction.
        let cell = Cell::at(Grid::Geohash, somewhere(&mut rng), rng.random_range(3..=7)).unwrap();
        let Cell::Geohash(geohash) = cell else { unreachable!() };
        let [west, south, ..] = geohash.bounds().edges();
        let precision = cell.level();
        for (lat, lon) in [(south, west), (south.next_down(), west), (south, west.next_down())] {
            if lat >= -90.0 && lon >= -180.0 {
                cases.push(case(
                    NEARBY,
                    &format!("lat={lat}&lon={lon}&precision={precision}&mode=cell"),
                    "none",
                ));
            }
        }
    }
    cases
}

/// Density maps: digits of each value, unknown ones, broken ones, another collection's.
fn stores() -> Vec<Case> {
    let mut rng = rng(33);
    let mut cases = Vec::new();
    for _ in 0..80 {
        // Within geohash u0: 45 to 50.625 north, 0 to 11.25 east.
        let (lat, lon) = (rng.random_range(45.0..50.625), rng.random_range(0.0..11.25));
        let query = format!("lat={lat:.6}&lon={lon:.6}&mode=cell");
        cases.push(case(NEARBY, &query, "sample"));
    }
    for cell in
        ["u09t", "u09tv", "u09t0", "u09tc", "u09w", "u09q", "u06b", "u06c", "u09y", "u09s", "u07k", "u001"]
    {
        let cell: GeohashCell = cell.parse().unwrap();
        let [west, south, east, north] = cell.bounds().edges();
        for store in ["tree", "tree", "torn"] {
            for _ in 0..4 {
                let (lat, lon) = (rng.random_range(south..north), rng.random_range(west..east));
                cases.push(case(NEARBY, &format!("lat={lat:.6}&lon={lon:.6}&mode=cell"), store));
            }
        }
    }
    let places = ["lat=46&lon=3", "lat=90&lon=180", "lat=0&lon=0", "lat=40.7&lon=-74", "lat=-33.9&lon=151.2"];
    for at in places {
        for store in ["none", "sample", "broken"] {
            for collection in ["wineries", "bars", "win%65ries", "w"] {
                let path = format!("/v1/collections/{collection}/nearby");
                cases.push(case(&path, &format!("{at}&mode=cell"), store));
            }
            cases.push(case(NEARBY, &format!("{at}&mode=cell&precision=6"), store));
        }
    }
    cases
}

/// Requests put together at random from good and bad parts.
fn mixtures() -> Vec<Case> {
    const PARTS: &[&str] = &[
        "radius=5000",
        "limit=20",
        "category=bar",
        "category=wine+bar",
        "category=caf%C3%A9",
        "precision=5",
        "mode=cell",
        "cursor=x",
        "x=1",
        "limit=0",
        "radius=-1",
        "%zz=1",
        "category=%",
        "",
        "lat=1",
        "precision=9",
    ];
    let mut rng = rng(34);
    (0..300)
        .map(|_| {
            let at = somewhere(&mut rng);
            let mut parts = vec![
                format!("lat={}", rounded(at.lat(), &mut rng)),
                format!("lon={}", rounded(at.lon(), &mut rng)),
                "mode=cell".into(),
            ];
            for _ in 0..rng.random_range(0..3) {
                let extra = if rng.random_bool(0.7) { &PARTS[..6] } else { PARTS };
                let position = rng.random_range(0..=parts.len());
                parts.insert(position, (*extra.choose(&mut rng).unwrap()).into());
            }
            case(NEARBY, &parts.join("&"), ["none", "sample"].choose(&mut rng).copied().unwrap())
        })
        .collect()
}

/// A position made without trigonometry, whose last bit is each platform's own.
fn somewhere(rng: &mut impl Rng) -> Position {
    Position::new(rng.random_range(-90.0..=90.0), rng.random_range(-180.0..=180.0)).unwrap()
}

/// Degrees with as many decimals as phones and people write.
fn rounded(degrees: f64, rng: &mut impl Rng) -> String {
    match rng.random_range(0..4) {
        0 => format!("{degrees}"),
        1 => format!("{degrees:e}"),
        2 => format!("{degrees:.1}"),
        _ => format!("{degrees:.6}"),
    }
}
