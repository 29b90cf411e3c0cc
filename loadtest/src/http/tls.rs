//! Which certificate authorities to trust: the system's, or those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::Protocol;

/// The TLS configuration of a client of this protocol, which trusts the authorities of a PEM file, or the system's.
///
/// # Errors
///
/// The file cannot be read or has no certificate, or the system has no authorities. The error is one line.
pub fn client_config(protocol: Protocol, authorities: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = match authorities {
        Some(file) => builder.with_root_certificates(read(file)?),
        None => builder.with_platform_verifier().map_err(|error| error.to_string())?,
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![protocol.alpn().to_vec()];
    Ok(Arc::new(config))
}

fn read(file: &Path) -> Result<RootCertStore, String> {
    let bad = |reason: String| format!("`{}` is not a PEM file of certificates: {reason}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("it contains none".to_owned())) } else { Ok(roots) }
}
