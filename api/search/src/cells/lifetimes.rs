//! How long an answer may be kept, as `Cache-Control`.
//!
//! Invariant: the same answer always says the same, so that a 304, a HEAD and a GET agree.

use http::HeaderValue;

use crate::cells::EdgeConfig;

/// Share by which lifetimes vary in both directions, so that what was asked for together does not end together.
pub const JITTER: f64 = 0.1;

/// Values of `Cache-Control`.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    usual: HeaderValue,
    short_ttl: HeaderValue,
}

impl Lifetimes {
    /// Lifetimes of the answer with this hash.
    pub fn new(config: &EdgeConfig, hash: u128) -> Self {
        let luck = f64::from(hash as u32) / f64::from(u32::MAX);
        let factor = 1.0 + JITTER * (2.0 * luck - 1.0);
        // Rounded down: no lifetime is more than the share longer than was asked for.
        let jittered = |lifetime: std::time::Duration| lifetime.mul_f64(factor).as_secs();
        let usual = format!(
            "public, max-age={}, s-maxage={}, stale-while-revalidate={}, stale-if-error={}",
            jittered(config.max_age),
            jittered(config.shared_max_age),
            config.stale_while_revalidate.as_secs(),
            config.stale_if_error.as_secs()
        );
        let short_ttl = format!("public, max-age=0, s-maxage={}", config.stale_max_age.as_secs());
        let value =
            |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"));
        Self { usual: value(usual), short_ttl: value(short_ttl) }
    }

    /// For an answer made of current pages, or of pages that may be out of date.
    pub fn cache_control(&self, short_ttl: bool) -> HeaderValue {
        if short_ttl { self.short_ttl.clone() } else { self.usual.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn seconds(value: &HeaderValue, name: &str) -> u64 {
        let text = value.to_str().unwrap();
        let part = text.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    }

    #[test]
    fn lifetimes_vary_by_a_tenth_and_are_always_the_same_for_an_answer() {
        let config = EdgeConfig::default();
        let mut seen = BTreeSet::new();
        for name in 0..1_000_u32 {
            let hash = xxhash_rust::xxh3::xxh3_128(&name.to_le_bytes());
            let usual = Lifetimes::new(&config, hash).cache_control(false);
            assert_eq!(usual, Lifetimes::new(&config, hash).cache_control(false));
            let shared = seconds(&usual, "s-maxage");
            assert!((270..=330).contains(&shared), "{usual:?}");
            assert!((27..=33).contains(&seconds(&usual, "max-age")), "{usual:?}");
            assert_eq!(seconds(&usual, "stale-while-revalidate"), 60);
            assert_eq!(seconds(&usual, "stale-if-error"), 3_600);
            seen.insert(shared);
        }
        assert!(seen.len() > 50, "{seen:?}");
    }

    #[test]
    fn what_may_be_out_of_date_is_kept_for_seconds() {
        let short_ttl = Lifetimes::new(&EdgeConfig::default(), u128::MAX).cache_control(true);
        assert_eq!(short_ttl, "public, max-age=0, s-maxage=5");
    }
}
