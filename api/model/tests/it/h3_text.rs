//! Rule C2 of docs/EDGE.md, as the edge function checks it, says what the H3 library says.

use geo_index::{Cell, Grid, H3Cell};
use rand::RngExt;

use crate::support::{anywhere, rng};

const PENTAGONS: [u64; 12] = [4, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117];

/// The resolution of a well-formed text.
fn by_the_rule(text: &str) -> Option<u64> {
    let hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (first, rest) = text.split_at_checked(1).filter(|_| hex && text.len() == 15)?;
    let (resolution, rest) = rest.split_at(1);
    let resolution = u64::from_str_radix(resolution, 16).ok()?;
    let bits = u64::from_str_radix(rest, 16).ok()?;
    let base = bits >> 45;
    let digits = (1..=15).map(|i| (i, bits >> (45 - 3 * i) & 7));
    let whole = digits.clone().all(|(i, digit)| (i <= resolution) == (digit < 7));
    let leading = digits.map(|(_, digit)| digit).find(|&digit| digit != 0);
    let deleted = PENTAGONS.contains(&base) && leading == Some(1);
    (first == "8" && base < 122 && whole && !deleted).then_some(resolution)
}

#[test]
fn the_rule_for_h3_texts_is_that_of_the_library() {
    let mut rng = rng(41);
    let mut well_formed = 0;
    for round in 0..200_000 {
        let level = rng.random_range(0..=15);
        let Ok(Cell::H3(cell)) = Cell::at(Grid::H3, anywhere(&mut rng), level) else { unreachable!() };
        let mut index = cell.index();
        match round % 4 {
            0 => {}
            // One bit, one digit, another base cell with mostly zeros below.
            1 => index ^= 1 << rng.random_range(0..60),
            2 => index ^= rng.random_range(0..8_u64) << (3 * rng.random_range(0..15_u32)),
            _ => {
                let digit = rng.random_range(0..7_u64) << (3 * (15 - rng.random_range(1..=15_u32)));
                let unused = (1_u64 << (3 * (15 - u32::from(level)))) - 1;
                let base = rng.random_range(0..128_u64);
                index = 8 << 56 | u64::from(level) << 52 | base << 45 | digit | unused;
            }
        }
        let text = format!("{index:015x}");
        let library = text.parse::<H3Cell>().ok().map(|cell| u64::from(geo_index::GridCell::level(cell)));
        assert_eq!(by_the_rule(&text), library, "{text}");
        well_formed += u32::from(library.is_some());
    }
    assert!((60_000..180_000).contains(&well_formed), "{well_formed}");
}
