use proptest::prelude::*;
use serde_json::{Value, json};

use super::fold::is_unspaced;
use super::*;

fn query(text: &str) -> NameQuery {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The edit distance of optimal string alignment, by its definition.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let other = usize::from(a[i - 1] != b[j - 1]);
                let mut least = (table[i - 1][j - 1] + other).min(table[i - 1][j].min(table[i][j - 1]) + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(table[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    table[a.len()][b.len()]
}

/// Whether a name is found, by a look at every part of every word of it.
fn is_found(query: &str, name: &str, with_typos: bool) -> bool {
    let words = |text: &str| -> Vec<Vec<char>> {
        let text = folded(text);
        text.split(' ').map(|word| word.chars().collect()).collect()
    };
    let (query, name) = (words(query), words(name));
    query.iter().enumerate().all(|(at, word)| {
        let is_last = at + 1 == query.len();
        let typos = match word.len() {
            _ if !with_typos => 0,
            0..3 => 0,
            3..6 => 1,
            _ => 2,
        };
        name.iter().any(|name| {
            let parts = |at: usize| {
                at == 0 || at == name.len() || [name[at - 1], name[at]].iter().any(|c| is_unspaced(*c))
            };
            (0..name.len()).filter(|start| parts(*start)).any(|start| {
                (start + 1..=name.len())
                    .filter(|end| is_last || parts(*end))
                    .any(|end| distance(word, &name[start..end]) <= typos)
            })
        })
    })
}

#[test]
fn names_are_found_as_one_types() {
    for (text, name) in [
        ("p", "Pizzeria Roma"),
        ("pizzeria ro", "Pizzeria Roma"),
        ("roma piz", "Pizzeria Roma"),
        ("roma roma", "Pizzeria Roma"),
        ("pizeria r", "Pizzeria Roma"),
        ("pizzerai r", "Pizzeria Roma"),
        ("pixzerai", "Pizzeria Roma"),
        ("rmoa", "Pizzeria Roma"),
        ("cafe", "Le Café"),
        ("CAFÉ", "le cafe"),
        ("cafe\u{301}", "Café"),
        ("strasse", "Hauptstr. / Straße"),
        ("GROẞE", "große Freiheit"),
        ("istanbul", "İSTANBUL"),
        ("ISTANBUL", "ıstanbul"),
        ("οδυσσευς", "ΟΔΥΣΣΕΥΣ"),
        ("smorrebrod", "Smørrebrød"),
        ("lodz", "Łódź"),
        ("fish", "ﬁsh & chips"),
        ("cafe 3", "Ｃａｆｅ ３"),
        ("obrien", "O’Brien's"),
        ("brien s", "O’Brien's"),
        ("hotel", "L'Hôtel"),
        ("foo bar", "Foo™ Bar"),
        ("rock n roll", "Rock\u{ad} 'n' Ro\u{200d}ll"),
        ("pizza", "🍕Pizza🍕"),
        ("66", "Route 66"),
        // From right to left, with points and without.
        ("בית קפה", "בֵּית קָפֶה"),
        ("مقهى", "مَقْهَى الحرية"),
        // Without spaces: from any character on.
        ("東京", "東京駅前カフェ"),
        ("駅前", "東京駅前カフェ"),
        ("カフェ 東京", "東京駅前カフェ"),
        ("ｶﾌｪ", "東京駅前カフェ"),
        ("bar", "東京bar"),
        ("bar 東", "東京barカフェ"),
        ("ร้าน", "ร้านอาหาร"),
        ("อาหาร", "ร้านอาหาร"),
        // Syllables of Hangul are typed letter by letter.
        ("한", "한국"),
        ("하", "한국"),
        ("हिन्", "हिन्दी"),
    ] {
        assert!(query(text).matches(name), "{text} finds {name}");
        assert!(is_found(text, name, true), "{text} is found in {name}");
    }
    for (text, name) in [
        ("om", "Pizzeria Roma"),
        ("pizz roma", "Pizzeria Roma"),
        ("rm", "Pizzeria Roma"),
        ("pixzxrax", "Pizzeria Roma"),
        ("pizzeria milano", "Pizzeria Roma"),
        ("a", "ß"),
        ("か", "がっこう"),
        ("67", "Route 66"),
        ("x", ""),
        ("x", "🍕"),
        ("x", "\u{301}\u{302}"),
    ] {
        assert!(!query(text).matches(name), "{text} finds {name}");
    }
    assert!(!query("pizeria r").without_typos().matches("Pizzeria Roma"));
    assert!(query("PIZZERIA r").without_typos().matches("Pizzeria Roma"));
}

#[test]
fn what_is_no_query_is_refused() {
    for empty in ["", " ", "🍕", "\u{301}", "- / ™", "\u{200d}", "\u{200b}"] {
        assert_eq!(empty.parse::<NameQuery>().unwrap_err(), NameError::Empty, "{empty:?}");
    }
    let refused = |text: String| text.parse::<NameQuery>().unwrap_err();
    assert_eq!(refused("a".repeat(257)), NameError::TooLong { bytes: 257 });
    assert_eq!(refused("a ".repeat(9)), NameError::TooManyWords { count: 9 });
    assert_eq!(refused("a".repeat(64)), NameError::LongWord { chars: 64 });
    assert_eq!(refused("\u{fdfa}ﬃ".repeat(5)), NameError::TooManyWords { count: 16 });
    assert_eq!(refused("ﬃ".repeat(22)), NameError::LongWord { chars: 66 });
    assert!(query(&"ab".repeat(31)).matches(&"ab".repeat(40)));
    let longest = format!("{}b", "a".repeat(62));
    assert!(query(&longest).matches(&longest) && query(&longest).matches(&longest.replace('b', "cab")));
    assert!(!query(&longest).matches(&"a".repeat(60)));
}

#[test]
fn names_are_texts_or_several() {
    let finds = |text: &str, properties: &Value| {
        let payload = format!(r#""id":"a","geometry":{{}},"properties":{properties}}}"#);
        query(text).finds(payload.as_bytes(), &[NAME.to_owned()])
    };
    assert!(finds("cafe", &json!({ "x": 1, "name": "Caf\u{e9}" })));
    assert!(finds("cafe", &json!({ "name": ["Bar", ["Café"], 7] })));
    // A word of one name and one of another are not those of a name.
    assert!(!finds("bar cafe", &json!({ "name": ["Bar", "Café"] })));
    for none in [json!({}), json!({ "name": null }), json!({ "name": 7 }), json!({ "name": { "a": "7" } })] {
        assert!(!finds("7", &none), "{none}");
    }
    let long = format!("{}zebra", "x ".repeat(249));
    assert!(query("ze").matches(&long) && !query("zeb").without_typos().matches(&long));
    assert!(query("x").matches(&"x ".repeat(100_000)));
}

/// A query whose words are parts of a name, with a few characters exchanged, and the name.
fn similar() -> impl Strategy<Value = (String, String)> {
    let name = "[abé東カ]{1,14}( [abé東カ]{1,14}){0,2}";
    (name, proptest::collection::vec((0..40_usize, "[abé東]?"), 0..5), 0..12_usize).prop_map(
        |(name, edits, from)| {
            let mut typed: Vec<char> = name.chars().skip(from % name.chars().count()).collect();
            for (at, with) in edits {
                let at = at % typed.len().max(1);
                match with.chars().next() {
                    Some(c) if at.is_multiple_of(2) => typed.insert(at.min(typed.len()), c),
                    Some(c) if at < typed.len() => typed[at] = c,
                    None if at + 1 < typed.len() => typed.swap(at, at + 1),
                    _ => drop(typed.pop()),
                }
            }
            (typed.into_iter().collect(), name)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_found_is_what_the_definition_finds((text, name) in similar()) {
        if let Ok(query) = text.parse::<NameQuery>() {
            prop_assert_eq!(query.matches(&name), is_found(&text, &name, true), "{} in {}", text, name);
            prop_assert_eq!(query.without_typos().matches(&name), is_found(&text, &name, false));
        }
    }

    /// Few of these are alike, and all lengths of words are there.
    #[test]
    fn the_same_of_other_words(text in "[ab]{1,12}( [ab]{1,9})?", name in "[ab]{1,12}( [ab]{1,12}){0,2}") {
        prop_assert_eq!(query(&text).matches(&name), is_found(&text, &name, true));
    }

    #[test]
    fn texts_are_canonical(text in "\\PC{0,24}") {
        let folds = folded(&text);
        prop_assert_eq!(&*folded(&folds), &*folds);
        if let Ok(query) = text.parse::<NameQuery>() {
            let again = self::query(&query.to_string());
            prop_assert_eq!(again.to_string(), query.to_string());
            prop_assert!(query.matches(&text) && again.matches(&text));
        }
    }

    /// However a text is composed, and in whichever case, its words are the same.
    #[test]
    fn forms_do_not_count(text in "[a-zàéîõüßåçñřłőαΐωйҐが한झ ]{0,20}") {
        let decomposed: String =
            icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
        let upper = text.to_uppercase();
        prop_assert_eq!(&*folded(&decomposed), &*folded(&text));
        prop_assert_eq!(&*folded(&upper), &*folded(&text));
    }
}
