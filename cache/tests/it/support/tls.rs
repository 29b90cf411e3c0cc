//! Certificates for tests: an authority of one's own and a server that it vouches for.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// Files in a directory that goes when this is dropped.
pub(crate) struct Certificates {
    /// Certificate of the authority.
    pub(crate) ca: PathBuf,
    /// Certificate of the server, for `localhost` and `127.0.0.1`.
    pub(crate) certificate: PathBuf,
    /// Key of the server.
    pub(crate) key: PathBuf,
    _dir: TempDir,
}

impl Certificates {
    /// New ones.
    pub(crate) fn generate() -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).expect("an authority").pem();
        let issuer = Issuer::new(ca, ca_key);

        let key = KeyPair::generate().expect("a key");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = CertificateParams::new(names).expect("names");
        let certificate = server.signed_by(&key, &issuer).expect("a certificate").pem();

        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: String| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        Self {
            ca: write("ca.pem", ca_pem),
            certificate: write("server.pem", certificate),
            key: write("server.key", key.serialize_pem()),
            _dir: dir,
        }
    }
}
