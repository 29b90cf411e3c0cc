//! The account of a request as header values: `Cache-Status` (RFC 9211) and `Server-Timing`.

use std::fmt::Write as _;

use crate::trace::{TierTrace, Trace};

impl Trace {
    /// The value of a `Cache-Status` header (RFC 9211): a member for each tier that was asked, the one nearest to the
    /// source first. A request that touches many keys is a hit where all of them were found, and forwarded
    /// otherwise; `detail` says how many. The `ttl` is the least of all values used, in seconds; it is negative when one
    /// was stale.
    ///
    /// ```
    /// use cellar_cache::trace::{TierTrace, Trace};
    ///
    /// let memory = TierTrace { hits: 7, ttl_ms: Some(211_900), ..TierTrace::default() };
    /// let trace = Trace { memory, ..Trace::default() };
    /// assert_eq!(trace.cache_status("memory", "redis"), r#"memory; hit; ttl=211; detail="7 of 7""#);
    /// ```
    pub fn cache_status(&self, memory_name: &str, remote_name: &str) -> String {
        let mut out = String::with_capacity(128);
        let remote = &self.remote;
        if remote.hits + remote.stale + remote.misses + remote.skipped > 0 {
            member(&mut out, remote_name, remote);
            out.push_str(", ");
        }
        member(&mut out, memory_name, &self.memory);
        out
    }

    /// Appends members to the value of a `Server-Timing` header: the time spent waiting for the remote tier and for loads,
    /// each only if there was any.
    pub fn server_timing(&self, out: &mut String) {
        for (name, waited) in [("l2", self.remote.waited), ("load", self.source.waited)] {
            if !waited.is_zero() {
                // Writing to a string cannot fail.
                let _ = write!(out, ", {name};dur={:.3}", waited.as_secs_f64() * 1_000.0);
            }
        }
    }
}

fn member(out: &mut String, name: &str, tier: &TierTrace) {
    let found = tier.hits + tier.stale;
    let all = found + tier.misses + tier.skipped;
    out.push_str(name);
    if found == all {
        out.push_str("; hit");
    } else {
        let why = if tier.misses == 0 {
            "bypass"
        } else if found == 0 {
            "miss"
        } else {
            "partial"
        };
        out.push_str("; fwd=");
        out.push_str(why);
        if tier.collapsed > 0 {
            out.push_str("; collapsed");
        }
    }
    // Writing to a string cannot fail.
    if let Some(ttl_ms) = tier.ttl_ms {
        let _ = write!(out, "; ttl={}", ttl_ms.div_euclid(1_000));
    }
    let _ = write!(out, "; detail=\"{found} of {all}\"");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::trace::SourceTrace;

    fn status(memory: TierTrace, remote: TierTrace) -> String {
        Trace { memory, remote, ..Trace::default() }.cache_status("l1", "l2")
    }

    #[test]
    fn the_tier_nearest_to_the_source_comes_first() {
        let none = TierTrace::default();
        let memory = TierTrace { hits: 2, misses: 3, ttl_ms: Some(1_999), ..none };
        let remote = TierTrace { hits: 3, ttl_ms: Some(59_000), ..none };
        assert_eq!(
            status(memory, remote),
            r#"l2; hit; ttl=59; detail="3 of 3", l1; fwd=partial; ttl=1; detail="2 of 5""#
        );
        let missed = TierTrace { misses: 1, ..none };
        assert_eq!(
            status(TierTrace { collapsed: 1, ..missed }, missed),
            r#"l2; fwd=miss; detail="0 of 1", l1; fwd=miss; collapsed; detail="0 of 1""#
        );
        let spared = TierTrace { skipped: 1, ..none };
        assert_eq!(
            status(missed, spared),
            r#"l2; fwd=bypass; detail="0 of 1", l1; fwd=miss; detail="0 of 1""#
        );
    }

    #[test]
    fn what_is_stale_has_a_negative_ttl() {
        let stale = TierTrace { hits: 1, stale: 1, ttl_ms: Some(-1), ..TierTrace::default() };
        assert_eq!(status(stale, TierTrace::default()), r#"l1; hit; ttl=-1; detail="2 of 2""#);
    }

    #[test]
    fn only_waits_are_timed() {
        let mut out = String::from("search;dur=1.000");
        Trace::default().server_timing(&mut out);
        assert_eq!(out, "search;dur=1.000");
        let source = SourceTrace { waited: Duration::from_micros(4_200), ..SourceTrace::default() };
        Trace { source, ..Trace::default() }.server_timing(&mut out);
        assert_eq!(out, "search;dur=1.000, load;dur=4.200");
    }
}
