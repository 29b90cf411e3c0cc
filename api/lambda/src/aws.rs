//! The SDK's settings, without whatever it would have to find out: no profile is read, no metadata service asked, no
//! file of the system's certificates parsed.

use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use cellar_http::config::LambdaConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::error::StartError;
use super::roots;

/// Region and credentials from the environment, where Lambda puts them, and trust in Amazon's authorities.
pub(super) fn settings(config: &LambdaConfig) -> Result<SdkConfig, StartError> {
    let trust =
        TrustStore::empty().with_pem_certificate(trusted("AWS_CA_BUNDLE", config.ca_bundle.as_deref())?);
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let tls = tls.map_err(|error| StartError(format!("TLS cannot be set up: {error}")))?;
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https();
    let mut settings = SdkConfig::builder();
    settings.set_endpoint_url(config.aws_endpoint_url.clone());
    Ok(settings
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.api.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(config.credentials.clone()))
        .http_client(client)
        .build())
}

/// The certificates in the file that a variable names, or Amazon's.
pub(super) fn trusted(variable: &str, file: Option<&Path>) -> Result<Vec<u8>, StartError> {
    let Some(file) = file else { return Ok(roots::amazon()) };
    let wrong = |problem: String| StartError(format!("{variable} is {}: {problem}", file.display()));
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    match sound(&pem) {
        Ok(0) => Err(wrong("expected certificates in PEM".to_owned())),
        Ok(_) => Ok(pem),
        Err(error) => Err(wrong(error)),
    }
}

/// How many certificates there are. The HTTP client takes what it is given for sound, and panics.
fn sound(pem: &[u8]) -> Result<usize, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("not PEM: {error}"))?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(store.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_told_with_the_variable() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        let text = |error: StartError| error.to_string();
        assert!(text(trusted("AWS_CA_BUNDLE", Some(&file)).unwrap_err()).starts_with("AWS_CA_BUNDLE is /"));
        for bad in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&file, bad).unwrap();
            assert!(trusted("AWS_CA_BUNDLE", Some(&file)).is_err(), "{bad}");
        }
        std::fs::write(&file, roots::amazon()).unwrap();
        assert_eq!(sound(&trusted("AWS_CA_BUNDLE", Some(&file)).unwrap()), Ok(5));
    }
}
