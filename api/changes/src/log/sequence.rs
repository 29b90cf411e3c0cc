//! Numbers of records within a shard.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Digits of a sequence number, at most (Amazon DynamoDB Streams API Reference, `StreamRecord`).
pub(super) const MAX_DIGITS: usize = 40;

/// The sequence number of a record, as its digits: it may be larger than any integer type. Ordered by value.
#[derive(Clone, Debug)]
pub struct Sequence(Box<str>);

/// A text that is no sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASequence;

impl Sequence {
    /// The digits, as the stream gave them.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number before it, with as many digits; `None` for 0.
    pub(super) fn before(&self) -> Option<Self> {
        let mut digits = self.0.clone().into_string().into_bytes();
        for digit in digits.iter_mut().rev() {
            if *digit > b'0' {
                *digit -= 1;
                return String::from_utf8(digits).ok().map(|digits| Self(digits.into()));
            }
            *digit = b'9';
        }
        None
    }

    fn value(&self) -> (usize, &str) {
        let digits = self.0.trim_start_matches('0');
        (digits.len(), digits)
    }
}

impl FromStr for Sequence {
    type Err = NotASequence;

    fn from_str(digits: &str) -> Result<Self, NotASequence> {
        let is_good =
            (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_good { Ok(Self(digits.into())) } else { Err(NotASequence) }
    }
}

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value().cmp(&other.value())
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sequence {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sequence {}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_digits_are_numbers() {
        for bad in ["", "-1", "1.0", "١", " 1", &"1".repeat(41)] {
            assert!(bad.parse::<Sequence>().is_err(), "{bad}");
        }
        assert!("0".repeat(40).parse::<Sequence>().is_ok());
    }

    #[test]
    fn there_is_one_before_each_but_the_first() {
        let before =
            |digits: &str| digits.parse::<Sequence>().unwrap().before().map(|before| before.to_string());
        assert_eq!(before("0100"), Some("0099".to_owned()));
        assert_eq!(before("7"), Some("6".to_owned()));
        assert_eq!(before("00"), None);
    }

    proptest! {
        #[test]
        fn they_are_ordered_by_value(a: u128, b: u128, zeros in 0..2_usize) {
            let of = |number: u128, zeros: usize| format!("{}{number}", "0".repeat(zeros)).parse::<Sequence>();
            if let (Ok(left), Ok(right)) = (of(a, zeros), of(b, 0)) {
                prop_assert_eq!(left.cmp(&right), a.cmp(&b));
                prop_assert_eq!(left == right, a == b);
            }
        }
    }
}
