//! Cells, collections and categories.

use geo_index::{Cell, Grid};
use rand::{Rng, RngExt};

use super::spelling::{pick, pick_char};
use crate::support::anywhere;

const PENTAGONS: [u64; 12] = [4, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117];
const BASE32: &str = "0123456789bcdefghjkmnpqrstuvwxyz";

/// A collection's name: mostly one that the density maps know.
pub(super) fn collection(rng: &mut impl Rng) -> String {
    match rng.random_range(0..30) {
        0..=22 => pick(rng, &["wineries", "c", "other"]).into(),
        23 | 24 => (0..rng.random_range(60..68)).map(|_| pick_char(rng, "az09-_")).collect(),
        25 => (0..rng.random_range(0..4)).map(|_| pick_char(rng, "aZ0-_.+ %é")).collect(),
        _ => pick(
            rng,
            &[
                "", "..", "Wineries", "-w", "_w", "w.", "w+", "w%", "w%2", "w%C0%AF", "w%0A", "é", "%FF",
                "w%2Fx",
            ],
        )
        .into(),
    }
}

/// A cell, or nearly one.
pub(super) fn cell(rng: &mut impl Rng) -> String {
    match rng.random_range(0..20) {
        0..=6 => geohash(rng, 3, 7),
        7 => geohash(rng, 0, 13),
        8 => format!("gh:{}", (0..5).map(|_| pick_char(rng, "ailoAB09zé%~")).collect::<String>()),
        9..=14 => {
            let resolution = rng.random_range(3..=9);
            format!("h3:{:015x}", h3(rng, resolution))
        }
        15 => {
            let resolution = rng.random_range(0..=15);
            format!("h3:{:015x}", h3(rng, resolution))
        }
        16 => {
            let index = h3(rng, 5) ^ 1 << rng.random_range(0..60);
            format!("h3:{index:x}")
        }
        17 => format!("h3:8{:014x}", rng.random::<u64>() >> 8),
        18 => {
            let index = h3(rng, 6);
            pick(rng, &["H3:", "h3", "gh:", "h3:0", "h3:h3:", "s2:", "h3:%"]).to_owned()
                + &format!("{index:X}")
        }
        _ => pick(
            rng,
            &[
                "",
                "gh",
                "gh:",
                "h3:",
                ":",
                "GH:u09",
                "gh:u09%0A",
                "gh:%75%30%39",
                "gh%3Au09",
                "gh:u+9",
                "gh:u09%",
                "gh:u09%C3",
            ],
        )
        .into(),
    }
}

fn geohash(rng: &mut impl Rng, least: usize, most: usize) -> String {
    let length = rng.random_range(least..=most);
    format!("gh:{}", (0..length).map(|_| pick_char(rng, BASE32)).collect::<String>())
}

/// A cell of a resolution: anywhere, or below a pentagon with mostly zeros, which may be one of the deleted ones.
fn h3(rng: &mut impl Rng, resolution: u8) -> u64 {
    if rng.random_ratio(2, 3) {
        let Ok(Cell::H3(cell)) = Cell::at(Grid::H3, anywhere(rng), resolution) else { unreachable!() };
        return cell.index();
    }
    let base = if rng.random_ratio(9, 10) { pick(rng, &PENTAGONS) } else { rng.random_range(118..128) };
    let digit = |rng: &mut _| Rng::next_u64(rng) % 64;
    let digits = (1..=15).fold(0, |digits, level| {
        let used = match digit(rng) {
            0..48 => 0,
            other => other % 7,
        };
        digits << 3 | if level <= resolution { used } else { 7 }
    });
    8 << 56 | u64::from(resolution) << 52 | base << 45 | digits
}

/// A category, decoded.
pub(super) fn category(rng: &mut impl Rng) -> String {
    match rng.random_range(0..8) {
        0..=3 => {
            pick(rng, &["bar", "wine bar", "café", "🍷", "a&b=c", "it's (*)!", "~-_.", "x/y?z#", "__proto__"])
                .into()
        }
        4 => {
            let letters = pick(rng, &["a", "é", "€", "🍷", " "]);
            letters.repeat(rng.random_range(195..206) / letters.len())
        }
        5 => (0..rng.random_range(0..6)).map(|_| rng.random::<char>()).collect(),
        6 => (0..rng.random_range(1..9)).map(|_| char::from(rng.random_range(b' '..=b'~'))).collect(),
        _ => pick(
            rng,
            &[
                "", "\u{0}", "a\u{1f}", "\u{7f}", "\u{85}b", "a\u{9f}", "\u{a0}", "\u{2028}", "\u{feff}",
                "\u{fffd}", "\n", "a\n",
            ],
        )
        .into(),
    }
}
