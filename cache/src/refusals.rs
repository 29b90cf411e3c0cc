//! What the remote tier refuses: it is there and answers, but does not let this process do something, for want of a
//! permission, of memory, of a replica.
//!
//! A request gets by without it, so nobody would notice: each refusal is counted, the last one is kept for health
//! checks, and the log gets a line a minute.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::metrics::{Call, Metrics};

/// How long a refusal counts as recent, and the least time between two lines of the log.
const RECENT: Duration = Duration::from_mins(1);

/// What was refused last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What was asked.
    pub call: Call,
    /// The error code of the answer, such as `NOPERM`, or `other`.
    pub code: &'static str,
}

/// Refusals so far.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<(Instant, Refusal)>,
    logged: Option<Instant>,
    /// Refusals since the last line of the log.
    unlogged: u64,
}

impl Refusals {
    /// Takes note of a refusal and its text, which holds no secret.
    pub(crate) fn note(&self, call: Call, text: &str, now: Instant, metrics: &Metrics) {
        metrics.refused(call);
        let code = code(text);
        let mut state = self.0.lock();
        state.last = Some((now, Refusal { call, code }));
        state.unlogged += 1;
        if state.logged.is_none_or(|logged| now.saturating_duration_since(logged) >= RECENT) {
            let refusals = std::mem::take(&mut state.unlogged);
            state.logged = Some(now);
            drop(state);
            let call = call.name();
            tracing::warn!(call, code, text, refusals, "the remote cache refuses what it is asked");
        }
    }

    /// The last refusal, if it was within the last minute.
    pub(crate) fn recent(&self, now: Instant) -> Option<Refusal> {
        let state = self.0.lock();
        let (at, refusal) = state.last.as_ref()?;
        (now.saturating_duration_since(*at) < RECENT).then(|| refusal.clone())
    }
}

/// Codes of refusals (Redis 7, `server.c` and `acl.c`).
const CODES: [&str; 7] = ["NOPERM", "WRONGPASS", "NOAUTH", "READONLY", "MISCONF", "NOREPLICAS", "OOM"];

/// The code in an error's text: Redis begins with it, but clients and scripts put their own words before it.
fn code(text: &str) -> &'static str {
    CODES.into_iter().find(|code| text.contains(code)).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_counted_and_recent_for_a_minute() {
        let (refusals, metrics, now) = (Refusals::default(), Metrics::default(), Instant::now());
        assert_eq!(refusals.recent(now), None);
        refusals.note(Call::Begin, "\"NOPERM\": this user has no permissions", now, &metrics);
        refusals.note(Call::Begin, "\"NOPERM\": this user has no permissions", now, &metrics);
        assert_eq!(metrics.refusals(Call::Begin), 2);
        assert_eq!(metrics.refusals(Call::Get), 0);
        let refusal = refusals.recent(now + RECENT / 2).unwrap();
        assert_eq!((refusal.call, refusal.code), (Call::Begin, "NOPERM"));
        assert_eq!(refusals.recent(now + RECENT), None);
    }

    #[test]
    fn one_line_of_the_log_a_minute_says_how_many_there_were() {
        let (refusals, metrics, now) = (Refusals::default(), Metrics::default(), Instant::now());
        for second in 0..150 {
            refusals.note(Call::Get, "WRONGPASS invalid", now + Duration::from_secs(second), &metrics);
        }
        let state = refusals.0.lock();
        assert_eq!(state.logged, Some(now + RECENT * 2));
        assert_eq!(state.unlogged, 29);
    }

    #[test]
    fn codes_are_found_in_texts() {
        for (text, expected) in [
            ("READONLY: You can't write against a read only replica.", "READONLY"),
            ("An error was signalled by the server - \"MISCONF\": Redis is configured", "MISCONF"),
            ("ERR unknown command 'FOO'", "other"),
            ("an answer of an unexpected form", "other"),
        ] {
            assert_eq!(code(text), expected);
        }
    }
}
