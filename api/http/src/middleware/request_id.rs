//! Request ids: taken over from the caller if they are harmless, made here otherwise.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The header, of requests and of responses.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const MAX_CHARS: usize = 128;

const HEX: [u8; 16] = *b"0123456789abcdef";

/// The id of a request: 1 to 128 letters, digits, `-`, `_`, `.`, `:`, `=` or `/` in its header, or a new one.
///
/// ```
/// use axum::http::HeaderMap;
/// use cellar_http::middleware::request_id;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(request_id::HEADER, "Root=1-67891233".parse()?);
/// assert_eq!(request_id::of(&headers), "Root=1-67891233");
/// headers.insert(request_id::HEADER, "two words".parse()?);
/// assert_ne!(request_id::of(&headers), "two words");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn of(headers: &HeaderMap) -> HeaderValue {
    headers.get(HEADER).filter(|id| is_harmless(id.as_bytes())).map_or_else(new, HeaderValue::clone)
}

fn is_harmless(id: &[u8]) -> bool {
    (1..=MAX_CHARS).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:=/".contains(byte))
}

/// 32 hexadecimal digits: a counter, hashed under a seed that is random for each process.
fn new() -> HeaderValue {
    static SEED: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let seed = *SEED.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let hash = xxh3_128_with_seed(&count.to_le_bytes(), seed).to_be_bytes();
    let mut id = [0; 32];
    for (digits, byte) in id.chunks_exact_mut(2).zip(hash) {
        digits.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_differ_and_are_harmless() {
        let (a, b) = (new(), new());
        assert_ne!(a, b);
        assert!(is_harmless(a.as_bytes()) && a.len() == 32);
    }

    #[test]
    fn ids_that_could_forge_log_lines_are_replaced() {
        for bad in ["", "a b", "a\"b", "a{b", "é", &"x".repeat(129)] {
            assert!(!is_harmless(bad.as_bytes()), "{bad}");
        }
    }
}
