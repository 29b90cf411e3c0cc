//! A TLS proxy in front of a plain endpoint, so that the cost of handshakes in a cold start is measured, too.
//!
//! It uses TLS 1.3 with HTTP/1.1, as DynamoDB does, and an ECDSA certificate. DynamoDB's certificates are RSA, which are cheaper for
//! the client to verify, so the figure is not too favourable.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A listener that terminates TLS. Dropping it closes it.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    authority: TempDir,
    server: AbortHandle,
}

impl TlsFront {
    /// Listens on a free loopback port, with a certificate from an authority of its own.
    ///
    /// # Errors
    ///
    /// The port cannot be bound, or the certificate cannot be created.
    pub async fn open(upstream: SocketAddr) -> io::Result<Self> {
        let authority = tempfile::tempdir()?;
        let acceptor = acceptor(&authority.path().join("ca.pem"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(serve(listener, acceptor, upstream)).abort_handle();
        Ok(Self { address, authority, server })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The PEM file of the authority's certificate, which exists as long as the listener.
    pub fn ca(&self) -> std::path::PathBuf {
        self.authority.path().join("ca.pem")
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn acceptor(ca: &Path) -> io::Result<TlsAcceptor> {
    let made = certificates().map_err(io::Error::other)?;
    std::fs::write(ca, made.ca_pem)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.certificate], key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

struct Made {
    ca_pem: String,
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: KeyPair,
}

fn certificates() -> Result<Made, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate()?;
    let ca_pem = params.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate()?;
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?.der().clone();
    Ok(Made { ca_pem, certificate, key })
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, upstream: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            stream.set_nodelay(true)?;
            let mut outer = acceptor.accept(stream).await?;
            let mut inner = TcpStream::connect(upstream).await?;
            inner.set_nodelay(true)?;
            copy_bidirectional(&mut outer, &mut inner).await
        });
        while connections.try_join_next().is_some() {}
    }
}
