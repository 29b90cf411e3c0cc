//! Which certificate authorities are trusted: those of a file, those that are given, or those that the system trusts.
//!
//! Invariant: the Redis client is always told. Left alone it would trust what it was compiled with.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::config::RedisConfig;
use super::url::RedisUrlError;

/// Their certificates, as PEM.
pub(super) fn authorities(config: &RedisConfig) -> Result<Vec<u8>, RedisUrlError> {
    match (&config.ca_file, &config.authorities) {
        (Some(path), _) => read(path),
        (None, Some(pem)) => Ok(pem.clone()),
        (None, None) => system(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, RedisUrlError> {
    let pem =
        std::fs::read(path).map_err(|error| RedisUrlError::Ca(format!("{}: {error}", path.display())))?;
    let marked = pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----");
    if marked { Ok(pem) } else { Err(RedisUrlError::Ca(format!("{}: expected PEM", path.display()))) }
}

fn system() -> Result<Vec<u8>, RedisUrlError> {
    let loaded = rustls_native_certs::load_native_certs();
    for error in &loaded.errors {
        tracing::warn!(%error, "some of the system's certificates cannot be read");
    }
    if loaded.certs.is_empty() {
        let none = "this system trusts no certificate authority: name a file of certificates";
        return Err(RedisUrlError::Ca(none.to_owned()));
    }
    Ok(loaded.certs.iter().flat_map(|der| pem(der).into_bytes()).collect())
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64.encode(der))
}
