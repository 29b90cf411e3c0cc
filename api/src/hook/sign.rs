//! Signatures of messages (Standard Webhooks, "Webhook signature": <https://www.standardwebhooks.com>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cellar_cli_kit::CliError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of a secret, at least and at most.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What messages are signed with.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// From a variable of the environment.
    pub(super) fn from_env(name: &str) -> Result<Self, CliError> {
        let text = std::env::var(name).unwrap_or_default();
        Self::read(text.trim()).ok_or_else(|| {
            let message = format!("{name} holds no secret");
            CliError::usage(message)
                .hint("set it to `whsec_` and the base64 of 24 to 64 random bytes, or a text of that length")
        })
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).ok()?,
            None => text.as_bytes().to_vec(),
        };
        BYTES.contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        // A key of any length will do for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference implementations (standard-webhooks, `libraries/python/tests/test_webhooks.py`).
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn short_secrets_are_refused() {
        for bad in
            ["", "short", "whsec_", "whsec_AAAA", "whsec_not base64 at all, not at all", &"x".repeat(65)]
        {
            assert!(Secret::read(bad).is_none(), "{bad}");
        }
        assert!(Secret::read("a text of at least 24 bytes").is_some());
    }
}
