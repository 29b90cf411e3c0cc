//! Which certificate authorities the function trusts.
//!
//! The authorities of Amazon Trust Services, in the binary. Reading those that the system trusts takes a read of 200 KB
//! and 150 certificates with every cold start, for endpoints that show one of these five
//! (<https://www.amazontrust.com/repository/>; AWS General Reference, "Transport Layer Security").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memmem;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// The common names of the authorities.
const NAMES: [&[u8]; 5] = [
    b"Amazon Root CA 1",
    b"Amazon Root CA 2",
    b"Amazon Root CA 3",
    b"Amazon Root CA 4",
    b"Starfield Services Root Certificate Authority - G2",
];

/// Their certificates, as PEM.
pub(super) fn amazon() -> Vec<u8> {
    let theirs = TLS_SERVER_ROOT_CERTS.iter().filter(|der| NAMES.iter().any(|name| holds(der, name)));
    theirs.flat_map(|der| pem(der)).collect()
}

/// Names stand in certificates as they are.
fn holds(der: &[u8], name: &[u8]) -> bool {
    memmem::find(der, name).is_some()
}

fn pem(der: &[u8]) -> Vec<u8> {
    let mut text = b"-----BEGIN CERTIFICATE-----\n".to_vec();
    for line in BASE64.encode(der).as_bytes().chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(b"-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_authority_is_there_once() {
        for name in NAMES {
            let count = TLS_SERVER_ROOT_CERTS.iter().filter(|der| holds(der, name)).count();
            assert_eq!(count, 1, "{}", String::from_utf8_lossy(name));
        }
        let pem = String::from_utf8(amazon()).unwrap();
        assert_eq!(pem.matches("-----BEGIN CERTIFICATE-----").count(), NAMES.len());
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}
