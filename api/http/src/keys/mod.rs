//! API keys: who a caller is, and what that allows (docs/adr/0025).
//!
//! A key is `cellar_<id>_<secret>`. What is kept of it is its record: the id, the scopes, and the SHA-256 of the
//! secret, which is 256 random bits, so that a slow hash would protect nothing more.
//!
//! Invariant: no text that is made here (errors, `Debug`, records) has a secret in it.

mod ring;
mod scope;
mod source;
mod time;

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub use self::ring::{Caller, Keyring, Refused};
pub use self::scope::{Right, Scope};
pub use self::source::Keys;

/// What every key begins with: scanners for secrets look for such beginnings.
const PREFIX: &str = "cellar_";

const ID_CHARS: usize = 12;
const SECRET_BYTES: usize = 32;

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Which key it is; no secret.
    pub id: String,
    /// What it is for, in the words of whoever made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Hash of its secret.
    pub sha256: SecretHash,
    /// When it was made.
    #[serde(with = "time::required")]
    pub created: SystemTime,
    /// From when on it is not valid any more.
    #[serde(default, with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub expires: Option<SystemTime>,
}

impl KeyRecord {
    /// Makes a key. Its text is what a caller presents, and is nowhere else.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use cellar_http::keys::{KeyRecord, Keyring};
    ///
    /// let scopes = vec!["write:places".parse()?];
    /// let (record, key) = KeyRecord::generate(None, scopes, SystemTime::now(), None);
    /// let ring = Keyring::of(vec![record])?;
    /// assert!(ring.find(&key, SystemTime::now()).is_ok());
    /// # Ok::<(), String>(())
    /// ```
    pub fn generate(
        name: Option<String>,
        scopes: Vec<Scope>,
        created: SystemTime,
        expires: Option<SystemTime>,
    ) -> (Self, String) {
        // Seeded by the system, and reseeded: fit for secrets.
        let secret: [u8; SECRET_BYTES] = rand::random();
        let id: [u8; ID_CHARS] = rand::random();
        let id: String = id
            .map(|byte| char::from(b"0123456789abcdefghjkmnpqrstvwxyz"[usize::from(byte & 31)]))
            .iter()
            .collect();
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let key = format!("{PREFIX}{id}_{secret}");
        let sha256 = SecretHash::of(&secret);
        (Self { id, name, scopes, sha256, created, expires }, key)
    }
}

/// The records, as they are kept in a file or a variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// In the order in which they were made.
    pub keys: Vec<KeyRecord>,
}

/// The hash of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Whether it is that of a secret, in time that does not tell how much of it is right.
    fn matches(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl Serialize for SecretHash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("a sha256 is 43 characters of base64url"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_their_records_hold_no_secret() {
        let scopes: Vec<Scope> = vec!["admin:*".parse().unwrap()];
        let make = || KeyRecord::generate(Some("ci".into()), scopes.clone(), SystemTime::now(), None);
        let ((record, key), (other, other_key)) = (make(), make());
        assert!(record.id != other.id && key != other_key);
        let secret = key.rsplit('_').next().unwrap();
        let (id, secret) = key.strip_prefix("cellar_").unwrap().split_once('_').unwrap_or(("", secret));
        assert_eq!((id, secret.len()), (record.id.as_str(), 43));
        for text in [format!("{record:?}"), serde_json::to_string(&record).unwrap()] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let made = SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(500_000);
        let (record, _) = KeyRecord::generate(None, vec!["read:a".parse().unwrap()], made, Some(made));
        let file = KeyFile { keys: vec![record] };
        let text = serde_json::to_string(&file).unwrap();
        assert!(text.contains(r#""created":"2027-01-15T08:00:00Z""#), "{text}");
        assert_eq!(serde_json::from_str::<KeyFile>(&text).unwrap(), file);
    }
}
