//! Patterns of `LIKE`.
//!
//! Invariant: a text is compared in time linear in its length: parts without `_` are searched for by `memmem`, those with it by
//! the shift-and algorithm (R. Baeza-Yates and G. Gonnet, "A New Approach to Text Searching", 1992).

use memchr::memmem::Finder;

/// A pattern: `%` stands for any characters, `_` for one, and a backslash makes either of them, or itself, a character.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    /// Parts that have to follow each other; between two of them stands a `%`.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    /// Its characters; `None` is any.
    chars: Vec<Option<char>>,
    search: PartSearch,
}

/// How a part is found.
#[derive(Clone, Debug)]
enum PartSearch {
    Text(Box<Finder<'static>>),
    Shifts(Shifts),
}

/// A part with characters that may be any, as an automaton whose states are bits: one is set if the part matches up to there.
#[derive(Clone, Debug)]
struct Shifts {
    /// States that any character leads to, 64 a word.
    any: Vec<u64>,
    /// States that a character leads to, these among them; by character.
    by_char: Vec<(char, Vec<u64>)>,
    len: usize,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut parts = vec![Vec::new()];
        let push = |parts: &mut Vec<Vec<Option<char>>>, part| {
            if let Some(last) = parts.last_mut() {
                last.push(part);
            }
        };
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '%' => parts.push(Vec::new()),
                '_' => push(&mut parts, None),
                '\\' => {
                    let escaped = chars.next_if(|next| matches!(next, '%' | '_' | '\\'));
                    push(&mut parts, Some(escaped.unwrap_or('\\')));
                }
                c => push(&mut parts, Some(c)),
            }
        }
        Self { parts: parts.into_iter().map(Part::new).collect() }
    }

    /// Whether a whole text is like it.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.matches_in(text, &mut 0)
    }

    /// The same, and adds up the steps of shifts.
    fn matches_in(&self, text: &str, steps: &mut usize) -> bool {
        let [first, middle @ .., last] = &self.parts[..] else {
            return self.parts.first().and_then(|only| only.strip_from(text)).is_some_and(str::is_empty);
        };
        let Some(rest) = first.strip_from(text) else { return false };
        let Some(mut rest) = last.strip_from_end(rest) else { return false };
        for part in middle {
            // The leftmost place leaves the most for the others.
            let Some(behind) = part.find_in(rest, steps) else { return false };
            rest = behind;
        }
        true
    }
}

impl Part {
    fn new(chars: Vec<Option<char>>) -> Self {
        let text: Option<String> = chars.iter().copied().collect();
        let search = match text {
            Some(text) => PartSearch::Text(Box::new(Finder::new(text.as_bytes()).into_owned())),
            None => PartSearch::Shifts(Shifts::new(&chars)),
        };
        Self { chars, search }
    }

    /// What follows it at the beginning of a text.
    fn strip_from<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        let begins = self.chars.iter().all(|own| rest.next().is_some_and(|c| own.is_none_or(|own| own == c)));
        begins.then_some(rest.as_str())
    }

    /// What comes before it at the end of a text.
    fn strip_from_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        let mut own = self.chars.iter().rev();
        let ends = own.all(|own| rest.next_back().is_some_and(|c| own.is_none_or(|own| own == c)));
        ends.then_some(rest.as_str())
    }

    /// What follows the first place in a text where it stands.
    fn find_in<'t>(&self, text: &'t str, steps: &mut usize) -> Option<&'t str> {
        let end = match &self.search {
            PartSearch::Text(finder) => finder.find(text.as_bytes())? + finder.needle().len(),
            PartSearch::Shifts(shifts) => shifts.find_end(text, steps)?,
        };
        text.get(end..)
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.chars == other.chars
    }
}

impl Shifts {
    fn new(chars: &[Option<char>]) -> Self {
        let mask = |is: &dyn Fn(Option<char>) -> bool| {
            let mut words = vec![0_u64; chars.len().div_ceil(64)];
            for (at, _) in chars.iter().enumerate().filter(|(_, own)| is(**own)) {
                words[at / 64] |= 1 << (at % 64);
            }
            words
        };
        let mut own: Vec<char> = chars.iter().copied().flatten().collect();
        own.sort_unstable();
        own.dedup();
        let by_char = own.into_iter().map(|c| (c, mask(&|own| own.is_none_or(|own| own == c)))).collect();
        Self { any: mask(&|own| own.is_none()), by_char, len: chars.len() }
    }

    /// Where the first place ends at which it stands. A step is a word for a character.
    fn find_end(&self, text: &str, steps: &mut usize) -> Option<usize> {
        let mut states = vec![0_u64; self.any.len()];
        let last = self.len.checked_sub(1)?;
        for (at, c) in text.char_indices() {
            let found = self.by_char.binary_search_by(|(known, _)| known.cmp(&c));
            let mask = found.map_or(&self.any, |found| &self.by_char[found].1);
            let mut carry = 1;
            for (state, mask) in states.iter_mut().zip(mask) {
                let shifted = *state << 1 | carry;
                carry = *state >> 63;
                *state = shifted & mask;
            }
            *steps += states.len();
            if states.last()? >> (last % 64) & 1 == 1 {
                return Some(at + c.len_utf8());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::new(pattern).matches(text)
    }

    #[test]
    fn patterns_are_those_of_sql() {
        for (text, pattern) in [
            ("", ""),
            ("", "%"),
            ("café", "caf_"),
            ("café", "%"),
            ("café", "c%é"),
            ("café", "%af%"),
            ("aab", "a%ab"),
            ("abab", "%ab"),
            ("100%", r"100\%"),
            ("a_b", r"a\_b"),
            (r"a\b", r"a\\b"),
            (r"a\b", r"a\b"),
        ] {
            assert!(like(text, pattern), "{text} is like {pattern}");
        }
        for (text, pattern) in [
            ("", "_"),
            ("café", "caf"),
            ("cafés", "caf_"),
            ("aa", "a%aa"),
            ("axb", r"a\_b"),
            ("ab", "b%a"),
            ("Café", "c%"),
        ] {
            assert!(!like(text, pattern), "{text} is not like {pattern}");
        }
    }

    /// By its definition, in exponential time.
    fn defined(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|at| defined(&text[at..], rest)),
            ['_', rest @ ..] => !text.is_empty() && defined(&text[1..], rest),
            [c, rest @ ..] => text.first() == Some(c) && defined(&text[1..], rest),
        }
    }

    /// Texts and patterns that took the product of their lengths.
    #[test]
    fn a_text_is_gone_through_once() {
        let text = "a".repeat(60_000);
        for part in ["a".repeat(150) + "_c", "a_".repeat(90) + "c", "_".repeat(190) + "c"] {
            let mut steps = 0;
            assert!(!Pattern::new(&format!("%{part}%")).matches_in(&text, &mut steps));
            assert_eq!(steps, text.len() * part.len().div_ceil(64));
            assert!(like(&format!("{text}bc{text}"), "%a_c%a"));
        }
        // Several parts share the text; one without `_` is left to `memmem`.
        let mut steps = 0;
        assert!(!Pattern::new("%a_%a_%a_b%").matches_in(&text, &mut steps));
        assert_eq!(steps, text.len());
        let plain = Pattern::new(&format!("%{}0c%", "a".repeat(150)));
        assert!(matches!(plain.parts[1].search, PartSearch::Text(_)) && !plain.matches(&text));
    }

    #[test]
    fn long_parts_carry_from_word_to_word() {
        for len in [63, 64, 65, 127, 128, 129, 199] {
            let part = format!("_{}é", "ab".repeat(100).chars().take(len).collect::<String>());
            let text = part.replace('_', "ü");
            assert!(like(&format!("abab{text}x"), &format!("%{part}%")), "{len}");
            assert!(!like(&format!("abab{}x", text.replace('é', "e")), &format!("%{part}%")), "{len}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_as_it_is_defined(text in "[abé]{0,10}", pattern in "[abé%_]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&text, &pattern), defined(&chars(&text), &chars(&pattern)));
        }
    }
}
