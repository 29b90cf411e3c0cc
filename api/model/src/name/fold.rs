//! Texts as their words, without what people leave out when they type.

use std::borrow::Cow;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::{CanonicalCombiningClassMapBorrowed, CanonicalCompositionBorrowed};
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

/// The words of a text, with a space between them: Unicode's compatibility decomposition (NFKD), without accents and points,
/// without regard to case, and with the Latin letters that it does not decompose in the spelling that Lucene's
/// `ASCIIFoldingFilter` gives them. Everything but letters, digits and the marks on them is between words.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !text.is_empty() && text.bytes().all(is_word) {
        return Cow::Borrowed(text);
    }
    let mut words = Words::default();
    if text.is_ascii() {
        for byte in text.bytes() {
            words.push(byte.is_ascii_alphanumeric().then(|| char::from(byte.to_ascii_lowercase())));
        }
    } else {
        // What is no letter may be decomposed into some, as `™` is; it stays between words.
        let kept = text.chars().filter_map(|c| match kind(c) {
            Kind::Letter | Kind::Mark => Some(c),
            Kind::Ignored => None,
            Kind::Between => Some(' '),
        });
        for c in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(kept) {
            match kind(c) {
                Kind::Letter => fold(c, &mut words),
                Kind::Mark if is_part_of_letter(c) => words.mark(c),
                Kind::Mark | Kind::Ignored => {}
                Kind::Between => words.push(None),
            }
        }
    }
    Cow::Owned(words.text)
}

/// Whether words may begin and end at a character within a text, as its script is written without spaces: Han, Hiragana,
/// Katakana, Thai, Lao, Myanmar, Khmer.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{3005}'..='\u{3007}'
            | '\u{3040}'..='\u{30ff}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{1b000}'..='\u{1b16f}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

enum Kind {
    /// A letter or a digit, or a mark that is like one, such as a vowel sign.
    Letter,
    /// A mark on a letter.
    Mark,
    /// What has no form of its own, such as a soft hyphen.
    Ignored,
    Between,
}

fn kind(c: char) -> Kind {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Kind::Letter } else { Kind::Between };
    }
    let class = CanonicalCombiningClassMapBorrowed::new().get_u8(c);
    if class == 0 && c.is_alphanumeric() {
        return Kind::Letter;
    }
    // A space without width is one all the same: it tells words apart where no other does.
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        _ if class != 0 => Kind::Mark,
        GeneralCategory::Format if c != '\u{200b}' => Kind::Ignored,
        GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark => {
            Kind::Ignored
        }
        _ => Kind::Between,
    }
}

/// Whether a mark makes another letter, rather than the same with an accent: voiced kana, nuktas, viramas, and vowels and
/// tones of Thai, Lao and others. These have combining classes of their own.
fn is_part_of_letter(mark: char) -> bool {
    matches!(CanonicalCombiningClassMapBorrowed::new().get_u8(mark), 7..=9 | 84..=132)
}

fn fold(c: char, words: &mut Words) {
    // First to upper case: there `ß` and `ss`, `ς` and `σ`, `ı` and `i` are the same.
    for c in c.to_uppercase().flat_map(char::to_lowercase) {
        let spelt = match c {
            'æ' => "ae",
            'đ' | 'ð' => "d",
            'ħ' => "h",
            'ł' => "l",
            'ø' => "o",
            'œ' => "oe",
            // Of `ẞ`, which is in upper case already.
            'ß' => "ss",
            'ŧ' => "t",
            'þ' => "th",
            c => {
                words.push(Some(c));
                continue;
            }
        };
        for c in spelt.chars() {
            words.push(Some(c));
        }
    }
}

#[derive(Default)]
struct Words {
    text: String,
    is_between: bool,
}

impl Words {
    /// A character of a word, or one between words.
    fn push(&mut self, c: Option<char>) {
        match c {
            Some(c) => {
                if std::mem::take(&mut self.is_between) && !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.push(c);
            }
            None => self.is_between = true,
        }
    }

    /// A mark that makes another letter; where that is one character, it is written so: `か` is not where `が` begins.
    fn mark(&mut self, mark: char) {
        let before = self.text.chars().next_back().filter(|_| !self.is_between);
        let letter = before.and_then(|c| CanonicalCompositionBorrowed::new().compose(c, mark));
        if letter.is_some() {
            self.text.pop();
        }
        self.push(letter.or(Some(mark)));
    }
}
