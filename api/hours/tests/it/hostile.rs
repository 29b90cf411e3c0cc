//! Whatever a text says, it is read or refused, and evaluated in bounded work.

use cellar_hours::{Hours, MAX_HOURS_BYTES, MAX_RULES};
use proptest::prelude::*;

use crate::{at, position};

const WORDS: [&str; 64] = [
    "Mo",
    "Tu",
    "Su",
    "Mo-Su",
    "-",
    "-",
    ",",
    ", ",
    " ",
    " ",
    ";",
    "; ",
    " || ",
    "PH",
    "SH",
    "Jan",
    "Feb",
    "Dec",
    " 1",
    " 31",
    " 29",
    "24/7",
    "off",
    "closed",
    "unknown",
    "open",
    "\"x\"",
    "\"",
    "10:00",
    "24:00",
    "00:00",
    "48:00",
    "26:00",
    "30:00",
    "+",
    "sunrise",
    "sunset",
    "dawn",
    "dusk",
    "(sunset",
    "(sunrise",
    "+05:00)",
    "-05:59)",
    "+23:59)",
    "[1]",
    "[-1]",
    "[5]",
    " +1 day",
    " -9999 days",
    "week ",
    "01",
    "53",
    "/2",
    "easter",
    "2026",
    "2020-2030",
    "9999",
    "1900",
    "/9999",
    ":",
    "Feb 29",
    "Feb 30",
    "Dec 31 -9999 days",
    "é",
];

fn evaluate(text: &str) {
    for (lat, lon) in [(48.85, 2.35), (70.0, 25.0), (-77.8, 166.6), (90.0, 0.0)] {
        for time in ["2026-06-21T23:59", "2026-12-31T00:00Z", "2000-01-01T00:00Z", "2075-12-31T23:59:59"] {
            if let Some(hours) = Hours::read(text) {
                let (here, time) = (position(lat, lon), at(time));
                let opening = hours.at(here, time);
                assert_eq!(hours.state(here, time), opening.map(|opening| opening.state), "{text}");
            }
        }
    }
}

#[test]
fn long_texts_are_refused_and_the_longest_are_evaluated() {
    assert!(Hours::read(&"Mo,".repeat(MAX_HOURS_BYTES)).is_none());
    let rules = |count| vec!["Mo"; count].join(";");
    assert!(Hours::read(&rules(MAX_RULES)).is_some() && Hours::read(&rules(MAX_RULES + 1)).is_none());
    for part in [
        "Mo;",
        "Mo-Su,PH 00:01-23:59, ",
        "week 1-53/2 Mo-Su;",
        "00:00-00:01,",
        "easter-Dec 31,",
        "2020-2030/2,",
        "sunrise-sunset, ",
        "00:00-24:00 \"a\"; ",
        "Mo[1,2,3,4,5],",
        "(((",
        "\"\"",
        "24/7 || ",
        "Jan 1 -9999 days-Dec 31 +9999 days,",
    ] {
        let text = part.repeat(MAX_HOURS_BYTES / part.len());
        evaluate(&text);
        evaluate(text.trim_end_matches([',', ';', ' ', '|']));
    }
}

/// What makes the library panic is refused before, or told as what cannot be told.
#[test]
fn times_far_from_the_sun_are_refused() {
    for far in [
        "(sunset+23:59)-30:00",
        "(dusk-06:01)-20:00",
        "10:00-(sunrise+12:00)",
        "(sunset+06:00)-26:00",
        "(dusk+05:00)-(sunset+04:00)",
    ] {
        assert!(Hours::read(far).is_none(), "{far}");
    }
    for near in ["(sunrise-01:00)-(sunset+06:00)", "(sunset+01:00)-26:00", "(sunset+01:00)-02:00"] {
        assert!(Hours::read(near).is_some(), "{near}");
        evaluate(near);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(0..WORDS.len(), 0..16)) {
        evaluate(&words.into_iter().map(|word| WORDS[word]).collect::<String>());
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,64}") {
        evaluate(&text);
    }
}
