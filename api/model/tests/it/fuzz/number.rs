//! Decimals: as phones write them, as nobody does, and within a rounding error of where something changes.

use rand::{Rng, RngExt};

use super::spelling::pick;

/// Degrees of latitude or longitude, or what looks like them.
pub(super) fn degrees(rng: &mut impl Rng, bound: f64) -> String {
    match rng.random_range(0..20) {
        0..=7 => {
            let value = rng.random_range(-bound..=bound);
            let decimals = rng.random_range(0..9);
            format!("{value:.decimals$}")
        }
        8 | 9 => spelled(rng, bound),
        10..=12 => near(border(rng, bound), rng),
        13 => near(bound, rng),
        14 => format!("{}{bound}", pick(rng, &["", "-", "-", "00", "%2B"])),
        15 => {
            pick(rng, &["0", "-0", "-0.0", "1e-400", "-1e-400", ".0", "0e99", "4.9e-324", "2.4e-324"]).into()
        }
        16 => format!("{:e}", rng.random_range(-bound * 1.2..bound * 1.2)),
        17 => format!("{}", f64::from_bits(rng.random::<u64>())),
        _ => hostile(rng),
    }
}

/// Metres, within what is allowed and beside it.
pub(super) fn radius(rng: &mut impl Rng) -> String {
    match rng.random_range(0..8) {
        0..=4 => format!("{}", rng.random_range(1..=200_000)),
        5 => near(200_000.0, rng),
        6 => format!("{:e}", rng.random_range(-1e6..1e6)),
        _ => hostile(rng),
    }
}

/// A whole number, mostly.
pub(super) fn whole(rng: &mut impl Rng, most: u32) -> String {
    match rng.random_range(0..8) {
        0..=4 => format!("{}", rng.random_range(1..=most)),
        5 => format!("{:0width$}", rng.random_range(-5_i64..300), width = rng.random_range(1..30)),
        6 => format!("{}", rng.random::<i64>()),
        _ => hostile(rng),
    }
}

/// A value with its digits written in another way.
fn spelled(rng: &mut impl Rng, bound: f64) -> String {
    let value: f64 = rng.random_range(-bound..=bound);
    let shift = rng.random_range(-30..30);
    let zeros = "0".repeat(rng.random_range(0..40));
    match rng.random_range(0..5) {
        0 => format!("{value}{}", if value.fract() == 0.0 { "." } else { zeros.as_str() }),
        1 => format!("{}{zeros}{}", if value < 0.0 { "-" } else { "" }, value.abs()),
        2 => format!("{value:.5}e{}0", pick(rng, &["", "-", "%2B", "+"])),
        3 => format!("{:.7}{}{shift}", value * 10_f64.powi(-shift), pick(rng, &["e", "E"])),
        _ => format!("{value:.60}"),
    }
}

/// Where a geohash cell of some precision begins: a sum of halves.
fn border(rng: &mut impl Rng, bound: f64) -> f64 {
    let parts = 1_u64 << rng.random_range(1..=19);
    -bound + 2.0 * bound * rng.random_range(0..=parts) as f64 / parts as f64
}

/// A value, a neighbour of it, or a decimal between two neighbours: halfway, and a trace above and below.
fn near(value: f64, rng: &mut impl Rng) -> String {
    let below = if value > 0.0 { value.next_down() } else { value.next_up() };
    let sign = if value < 0.0 { "-" } else { "" };
    let between = halfway(below.abs());
    match rng.random_range(0..7) {
        0 => format!("{value}"),
        1 => format!("{below}"),
        2 => format!("{}", value.next_up()),
        3 => format!("{below:.70}"),
        4 => format!("{sign}{between}"),
        5 => format!("{sign}{between}{}1", "0".repeat(rng.random_range(0..30))),
        _ => format!("{sign}{}4{}", &between[..between.len() - 1], "9".repeat(rng.random_range(1..30))),
    }
}

/// The decimal exactly between a number of 1 to 2^52 and the next larger one; its last digit is 5.
fn halfway(value: f64) -> String {
    let (bits, value) = (value.to_bits(), value.max(1.0));
    let exponent = 1_075 - (value.to_bits() >> 52) as u32;
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let (numerator, shift) = (u128::from(2 * mantissa + 1), exponent + 1);
    let mut text = format!("{}.", numerator >> shift);
    let mut rest = numerator & ((1 << shift) - 1);
    while rest > 0 {
        rest *= 10;
        text += &(rest >> shift).to_string();
        rest &= (1 << shift) - 1;
    }
    text
}

fn hostile(rng: &mut impl Rng) -> String {
    const TEXTS: &[&str] = &[
        "",
        "+",
        "-",
        ".",
        "-.",
        "e5",
        "1e",
        "1e%2B",
        "--1",
        "1-",
        "0x10",
        "1_0",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "infinity",
        "1e999",
        "-1e999",
        "1,5",
        "1%2C5",
        "%201",
        "1%20",
        "1%0A",
        "%0A1",
        "1%00",
        "٣",
        "%D9%A3",
        "1n",
        "1f",
        "true",
        "null",
        "[1]",
        "1e1.0",
        "1.2.3",
        "1e1e1",
        "+1",
        "%2B1",
        "%2B.5",
        "5.",
        ".5",
        "1\u{a0}",
        "１",
        "1%C2%A0",
        "%E2%88%925",
        "91",
        "-91",
        "181",
        "1e3",
        "200001",
        "0",
        "101",
        "-1",
    ];
    pick(rng, TEXTS).into()
}

#[test]
fn halfway_is_halfway() {
    for value in [1.0, 45.0, 89.999, 5.625_f64.next_down(), 200_000.0] {
        let text = halfway(value);
        // Ties go to the even neighbour; a trace decides them.
        assert_eq!(format!("{text}1").parse(), Ok(value.next_up()), "{text}");
        assert_eq!(format!("{}49", &text[..text.len() - 1]).parse(), Ok(value), "{text}");
    }
}
