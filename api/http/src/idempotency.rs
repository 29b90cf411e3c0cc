//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a batch that is sent again is not written again.
//!
//! A note in the table says what a key was used for: a hash of the body, and whether that is being written or is
//! written. The answer to a batch follows from its body, so it need not be kept. A note that says `writing` is a claim
//! for as long as a write may take; if its process died, the next request with the key and the body takes it over.
//!
//! Invariant: between the first answer to a key and the end of its note no request with that key writes anything.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use cellar_model::Collection;
use cellar_model::key::registry::answer_key;
use cellar_store::deletion::unix_ms;
use cellar_store::maintenance::{PassingNote, Swapped};
use cellar_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::problem::{Kind, Problem};

/// Name of the header.
const HEADER: &str = "idempotency-key";
/// The same, as it is shown.
const SHOWN: &str = "Idempotency-Key";
/// Longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;
const ALLOWED: &str = "one text of 1 to 255 printable ASCII characters, in double quotes";
/// How long a batch is remembered.
const LIFETIME_S: u64 = 24 * 60 * 60;
/// How long a claim holds: longer than any write may take (`CELLAR_WRITE_TIME_LIMIT_MS` is a minute at most).
const CLAIM_MS: u64 = 70_000;

/// The key of a request, if it has one.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers).map(Self)
    }
}

fn read(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let invalid =
        |detail: &'static str| Problem::new(Kind::HeaderInvalid, detail).parameter(SHOWN).allowed(ALLOWED);
    let mut lines = headers.get_all(HEADER).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(invalid("`Idempotency-Key` is there more than once"));
    }
    let text = line.to_str().ok().and_then(|text| unquoted(text.trim_matches([' ', '\t'])));
    let key = text.ok_or_else(|| invalid("`Idempotency-Key` is not one text in double quotes"))?;
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Err(invalid("`Idempotency-Key` is empty or too long"));
    }
    Ok(Some(key))
}

/// The text of a structured field (RFC 8941, section 4.2.5). What comes without quotes, as many clients send it, counts
/// as if it had them.
fn unquoted(text: &str) -> Option<String> {
    let printable = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let Some(inner) = text.strip_prefix('"') else {
        let bare = !text.contains(['"', ',', ';', ' ', '\t', '\\']) && printable(text);
        return bare.then(|| text.to_owned());
    };
    let inner = inner.strip_suffix('"').filter(|inner| printable(inner))?;
    let mut key = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(next) = rest.next() {
        key.push(match next {
            '\\' => rest.next().filter(|escaped| matches!(escaped, '"' | '\\'))?,
            '"' => return None,
            other => other,
        });
    }
    Some(key)
}

/// What a note says of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    /// Hash of the body.
    body: String,
    /// A text that no other claim has.
    by: String,
    /// Until when the claim holds; not there once all is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_unix_ms: Option<u64>,
}

/// What to do with a request.
pub enum Turn<'a> {
    /// Write it, and say so.
    Write(Claim<'a>),
    /// It is written already: answer.
    Written,
}

/// The right to write a batch.
pub struct Claim<'a> {
    store: &'a dyn Store,
    key: String,
    said: Said,
}

/// Claims a key for a body.
///
/// # Errors
///
/// A problem if the key was used for another body, or if another request is writing it.
pub async fn claim<'a>(
    store: &'a dyn Store,
    collection: &Collection,
    key: &str,
    body: &str,
) -> Result<Turn<'a>, Problem> {
    let key = answer_key(collection, key);
    let body = format!("{:032x}", xxh3_128(body.as_bytes()));
    let mut from: Option<String> = None;
    loop {
        let now = unix_ms();
        let by = format!("{:032x}", fastrand::u128(..));
        let said = Said { body: body.clone(), by, until_unix_ms: Some(now + CLAIM_MS) };
        let note = note(&said, now)?;
        let swapped = store.maintenance().swap_note(&key, from.as_deref(), Some(&note), now / 1_000).await?;
        let found = match swapped {
            Swapped::Done => return Ok(Turn::Write(Claim { store, key, said })),
            Swapped::Found(found) => found,
        };
        from = match found {
            None => None,
            Some(text) => match judge(&key, &text, &body, now)? {
                Verdict::Written => return Ok(Turn::Written),
                Verdict::Abandoned => Some(text),
            },
        };
    }
}

/// What becomes of a key that was used before.
enum Verdict {
    Written,
    /// Whoever claimed it has not come to an end in time.
    Abandoned,
}

fn judge(key: &str, text: &str, body: &str, now_unix_ms: u64) -> Result<Verdict, Problem> {
    let said: Said = serde_json::from_str(text)
        .map_err(|error| StoreError::Damaged { key: key.to_owned(), reason: error.to_string() })?;
    if said.body != body {
        let detail = "this `Idempotency-Key` came with another body; each batch needs a key of its own";
        return Err(Problem::new(Kind::KeyReused, detail).parameter(SHOWN));
    }
    match said.until_unix_ms {
        None => Ok(Verdict::Written),
        Some(until) if until <= now_unix_ms => Ok(Verdict::Abandoned),
        Some(until) => {
            let detail = "the batch with this `Idempotency-Key` is being written";
            let left_s = u32::try_from((until - now_unix_ms) / 1_000).unwrap_or(u32::MAX);
            Err(Problem::new(Kind::KeyInUse, detail).parameter(SHOWN).retry_after_s(left_s.clamp(1, 5)))
        }
    }
}

fn note(said: &Said, now_unix_ms: u64) -> Result<PassingNote, StoreError> {
    let text = serde_json::to_string(said).map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(PassingNote { text, expires_unix_s: now_unix_ms / 1_000 + LIFETIME_S })
}

impl Claim<'_> {
    /// All is written: it is not written again.
    ///
    /// # Errors
    ///
    /// If the store does not take it. Then the claim ends by itself, and the batch may be sent again.
    pub async fn keep(self) -> Result<(), StoreError> {
        let now = unix_ms();
        let from = note(&self.said, now)?.text;
        let to = note(&Said { until_unix_ms: None, ..self.said }, now)?;
        // Whoever has taken the claim over says the same.
        self.store.maintenance().swap_note(&self.key, Some(&from), Some(&to), now / 1_000).await.map(drop)
    }

    /// Not all is written: the batch may be sent again at once.
    pub async fn give_up(self) {
        let now = unix_ms();
        let given_up = match note(&self.said, now) {
            Ok(from) => self
                .store
                .maintenance()
                .swap_note(&self.key, Some(&from.text), None, now / 1_000)
                .await
                .map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = given_up {
            tracing::warn!(%error, "a claim of an idempotency key stays until it ends by itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn key(lines: &[&str]) -> Result<Option<String>, Kind> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        read(&headers).map_err(|problem| problem.kind())
    }

    #[test]
    fn keys_are_texts_with_or_without_quotes() {
        assert_eq!(key(&[]), Ok(None));
        for (given, read) in [
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            ("8e03978e-40d5", "8e03978e-40d5"),
            (" \"a b, c\" ", "a b, c"),
            (r#""a\"b\\""#, r#"a"b\"#),
        ] {
            assert_eq!(key(&[given]), Ok(Some(read.to_owned())), "{given}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "x".repeat(256);
        for bad in ["", "\"\"", "\"a", "a\"", "a b", "a,b", "\"a\"b\"", "\"a\\x\"", "é", "\"\t\"", &long] {
            assert_eq!(key(&[bad]), Err(Kind::HeaderInvalid), "{bad}");
        }
        assert_eq!(key(&["\"a\"", "\"a\""]), Err(Kind::HeaderInvalid));
        assert!(key(&[&"x".repeat(255)]).is_ok());
    }

    #[test]
    fn a_claim_holds_for_a_while() {
        let said = |until_unix_ms| Said { body: "b".into(), by: "x".into(), until_unix_ms };
        let text = |until| serde_json::to_string(&said(until)).unwrap();
        let kind = |judged: Result<Verdict, Problem>| judged.err().map(|problem| problem.kind());
        assert_eq!(kind(judge("k", &text(Some(1_000)), "b", 999)), Some(Kind::KeyInUse));
        assert!(matches!(judge("k", &text(Some(1_000)), "b", 1_000), Ok(Verdict::Abandoned)));
        assert!(matches!(judge("k", &text(None), "b", 999), Ok(Verdict::Written)));
        for until in [None, Some(1), Some(5_000)] {
            assert_eq!(kind(judge("k", &text(until), "other", 999)), Some(Kind::KeyReused));
        }
        assert_eq!(kind(judge("k", "garbled", "b", 999)), Some(Kind::Internal));
    }
}
