//! The same text in other bytes: escapes where none are needed, and escapes that are none.

use std::fmt::Write as _;

use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt};

/// One of some.
pub(super) fn pick<T: Copy>(rng: &mut impl Rng, of: &[T]) -> T {
    *of.choose(rng).expect("there are some")
}

/// A character of a text.
pub(super) fn pick_char(rng: &mut impl Rng, of: &str) -> char {
    let at = rng.random_range(0..of.chars().count());
    of.chars().nth(at).expect("it is within")
}

/// A decoded text as part of a query: what must be escaped is, more is now and then.
pub(super) fn encoded(rng: &mut impl Rng, text: &str) -> String {
    let eager = if rng.random_ratio(1, 6) { 0.3 } else { 0.0 };
    let raw = rng.random_ratio(1, 4);
    let mut out = String::new();
    for letter in text.chars() {
        let plain = letter.is_ascii_alphanumeric() || "-._~:,'()*!/".contains(letter);
        let may_be_raw = plain || raw && !"&+%=\n?".contains(letter) && letter != ' ';
        if letter == ' ' && rng.random_bool(0.5) {
            out.push('+');
        } else if may_be_raw && !rng.random_bool(eager) {
            out.push(letter);
        } else {
            escape(&mut out, letter, rng.random_bool(0.5));
        }
    }
    out
}

/// A text that holds escapes already, with some more.
pub(super) fn more_escapes(rng: &mut impl Rng, text: &str) -> String {
    if !rng.random_ratio(1, 12) {
        return text.into();
    }
    let share = pick(rng, &[0.3, 1.0]);
    let mut out = String::new();
    for letter in text.chars() {
        // What follows a `%` stays: it is an escape.
        let in_escape = out.ends_with('%') || out.chars().rev().nth(1) == Some('%');
        if letter != '%' && letter != '+' && !in_escape && rng.random_bool(share) {
            escape(&mut out, letter, rng.random_bool(0.5));
        } else {
            out.push(letter);
        }
    }
    out
}

fn escape(out: &mut String, letter: char, upper: bool) {
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        let written = if upper { write!(out, "%{byte:02X}") } else { write!(out, "%{byte:02x}") };
        written.expect("strings take all");
    }
}

/// What decoders disagree about.
const TRAPS: &[&str] = &[
    "%",
    "%%",
    "%4",
    "%zz",
    "%u0041",
    "%C0%AF",
    "%E0%80%AF",
    "%F0%80%80%AF",
    "%ED%A0%80",
    "%ED%B0%80",
    "%F4%90%80%80",
    "%F8%88%80%80%80",
    "%80",
    "%C3",
    "%c3%a9",
    "%FF",
    "%00",
    "%0A",
    "%0D",
    "%0d%0a",
    "%1F",
    "%7F",
    "%C2%85",
    "%EF%BB%BF",
    "%EF%BF%BF",
    "%F4%8F%BF%BF",
    "%20",
    "+",
    "&",
    "&&",
    "=",
    "==",
    "?",
    "#",
    ";",
    "/",
    "%2F",
    "%26",
    "%3D",
    "%3F",
    "%25",
    "%2525",
    "\u{85}",
    "\u{7f}",
    "\t",
    "\r",
    " ",
    "é",
    "🍷",
    "\u{feff}",
    "\u{2028}",
    "İ",
    "ſ",
    "Ａ",
    "'",
    "\"",
    "<",
    "\\",
    "\u{0}",
    "[]",
    "mode=cell",
    "lat=1",
    "..",
    ".",
];

/// Puts a trap somewhere, takes a character out, or swaps the case of one.
pub(super) fn mutated(rng: &mut impl Rng, text: &str) -> String {
    let mut letters: Vec<String> = text.chars().map(String::from).collect();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=letters.len());
        match (rng.random_range(0..5), letters.get_mut(at)) {
            (0, Some(_)) => drop(letters.remove(at)),
            (1, Some(letter)) if letter.is_ascii() => {
                let swapped = if *letter == letter.to_lowercase() {
                    letter.to_uppercase()
                } else {
                    letter.to_lowercase()
                };
                *letter = swapped;
            }
            _ => letters.insert(at, pick(rng, TRAPS).into()),
        }
    }
    letters.concat()
}
