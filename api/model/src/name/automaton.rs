//! One word of a query, as an automaton whose states are bits.
//!
//! It is the shift-and automaton for approximate matching of S. Wu and U. Manber ("Fast Text Searching Allowing Errors",
//! 1992), with swapped characters as H. Hyyrö has them ("A Bit-Vector Algorithm for Computing Levenshtein and Damerau Edit
//! Distances", 2003). Bit `i` of row `j` is set if the first `i` characters of the word are within `j` typos of the text up
//! to here, from one of the places where a word may begin.

use super::fold::is_unspaced;

/// Most typos of a word.
const MAX_TYPOS: usize = 2;

#[derive(Clone, Debug)]
pub(super) struct Automaton {
    /// Where a character stands in the word: bit `i` for the `i`th, counted from 1; by character.
    by_char: Vec<(char, u64)>,
    len: usize,
    /// How many typos it may have; fewer than it has characters.
    pub(super) typos: usize,
    /// Whether it may be the beginning of a word.
    is_prefix: bool,
}

impl Automaton {
    /// Of a word of at most 63 characters.
    pub(super) fn new(word: &[char], typos: usize, is_prefix: bool) -> Self {
        let mut chars = word.to_vec();
        chars.sort_unstable();
        chars.dedup();
        let mask = |c: char| {
            word.iter().enumerate().filter(|(_, own)| **own == c).fold(0, |mask, (at, _)| mask | 2 << at)
        };
        let by_char = chars.into_iter().map(|c| (c, mask(c))).collect();
        Self { by_char, len: word.len(), typos: typos.min(MAX_TYPOS), is_prefix }
    }

    /// Whether a word of a folded text is like it.
    pub(super) fn finds(&self, text: &str) -> bool {
        // The rows before the last character, and those before that one.
        let (mut rows, mut older) = ([0_u64; MAX_TYPOS + 1], [0_u64; MAX_TYPOS + 1]);
        let (mut last, mut last_mask) = (' ', 0);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' {
                (rows, older, last, last_mask) = (Default::default(), Default::default(), ' ', 0);
                continue;
            }
            if may_part(last, c) {
                for (typos, row) in rows.iter_mut().enumerate() {
                    // Nothing of the text is used, and as many characters of the word are missing.
                    *row |= (2 << typos) - 1;
                }
            }
            let mask = self.mask(c);
            let mut next = [(rows[0] << 1) & mask; MAX_TYPOS + 1];
            for typos in 1..=self.typos {
                let fewer = typos - 1;
                next[typos] = ((rows[typos] << 1) & mask)
                    // Too many, another one, one too few, two that are swapped.
                    | rows[fewer]
                    | (rows[fewer] << 1)
                    | (next[fewer] << 1)
                    | ((older[fewer] << 2) & last_mask & (mask << 1));
            }
            (older, rows, last, last_mask) = (rows, next, c, mask);
            let is_matched = rows[self.typos] >> self.len & 1 == 1;
            if is_matched && (self.is_prefix || may_part(c, chars.peek().copied().unwrap_or(' '))) {
                return true;
            }
        }
        false
    }

    fn mask(&self, c: char) -> u64 {
        let at = self.by_char.binary_search_by_key(&c, |(own, _)| *own);
        at.ok().and_then(|at| self.by_char.get(at)).map_or(0, |(_, mask)| *mask)
    }
}

/// Whether a word may end and another one begin between two characters.
fn may_part(before: char, behind: char) -> bool {
    before == ' ' || behind == ' ' || is_unspaced(before) || is_unspaced(behind)
}
