//! Patterns of `LIKE`.

/// A pattern: `%` stands for any characters, `_` for one, and a backslash makes either of them, or itself, a character.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    /// Parts that have to follow each other; between two of them stands a `%`.
    parts: Vec<Vec<Part>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Char(char),
    Any,
}

impl Part {
    fn is(self, c: char) -> bool {
        match self {
            Self::Char(own) => own == c,
            Self::Any => true,
        }
    }
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut parts = vec![Vec::new()];
        let push = |parts: &mut Vec<Vec<Part>>, part| {
            if let Some(last) = parts.last_mut() {
                last.push(part);
            }
        };
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '%' => parts.push(Vec::new()),
                '_' => push(&mut parts, Part::Any),
                '\\' => {
                    let escaped = chars.next_if(|next| matches!(next, '%' | '_' | '\\'));
                    push(&mut parts, Part::Char(escaped.unwrap_or('\\')));
                }
                c => push(&mut parts, Part::Char(c)),
            }
        }
        Self { parts }
    }

    /// Whether a whole text is like it. Takes at most as many steps as the product of both lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let [first, middle @ .., last] = &self.parts[..] else {
            return self.parts.first().is_some_and(|only| only.len() == text.len() && begins(&text, only));
        };
        if !begins(&text, first) || text.len() < first.len() + last.len() {
            return false;
        }
        let (head, end) = text.split_at(text.len() - last.len());
        let mut rest = &head[first.len()..];
        for part in middle {
            // The leftmost place leaves the most for the others.
            let Some(at) = (0..=rest.len()).find(|at| begins(&rest[*at..], part)) else { return false };
            rest = &rest[at + part.len()..];
        }
        begins(end, last)
    }
}

fn begins(text: &[char], part: &[Part]) -> bool {
    text.len() >= part.len() && part.iter().zip(text).all(|(part, c)| part.is(*c))
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

    proptest! {
        #[test]
        fn a_pattern_matches_as_it_is_defined(text in "[ab]{0,8}", pattern in "[ab%_]{0,6}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&text, &pattern), defined(&chars(&text), &chars(&pattern)));
        }
    }
}
