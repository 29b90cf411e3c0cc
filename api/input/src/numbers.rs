//! Which texts are numbers that may be stored as such.

/// Most digits of a number that a double holds exactly, whatever they are.
const MAX_NUMBER_DIGITS: usize = 15;

/// Whether the text is the one plain way to write a number that a double holds exactly.
pub(crate) fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && !fraction.ends_with('0') => (whole, fraction),
        Some(_) => return false,
        None => (unsigned, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let plain_whole = whole == "0" || !whole.is_empty() && !whole.starts_with('0');
    plain_whole
        && digits(whole)
        && digits(fraction)
        && whole.len() + fraction.len() <= MAX_NUMBER_DIGITS
        && text != "-0"
}
