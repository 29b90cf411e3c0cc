//! HTTP/2 and TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::Listener;
use cellar_loadtest::http::Protocol;
use cellar_loadtest::http::tls::client_config;
use cellar_loadtest::record::Failure;
use cellar_loadtest::run::RunSettings;
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::{run, settings};

const SECOND: Duration = Duration::from_secs(1);

/// Serves on a thread of its own until the process ends.
fn serve(tls: Option<TlsAcceptor>) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let app = Router::new().fallback(get(|| async { "x" }));
            match tls {
                None => axum::serve(listener, app).await.unwrap(),
                Some(acceptor) => axum::serve(Secure { listener, acceptor }, app).await.unwrap(),
            }
        });
    });
    told.recv().unwrap()
}

struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, from)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A server for `localhost` that speaks these protocols, and the file of its authority.
fn secure(directory: &TempDir, protocols: &[&str]) -> (SocketAddr, PathBuf) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, signed.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = rustls_pki_types::PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
    let mut config = builder.with_no_client_auth().with_single_cert(vec![signed.cert.into()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    (serve(Some(TlsAcceptor::from(Arc::new(config)))), file)
}

fn over_tls(address: SocketAddr, authority: Option<&PathBuf>, protocol: Protocol) -> RunSettings {
    let mut settings = settings(&format!("http://{address}"), SECOND);
    let url = &mut settings.regions[0].target.url;
    (url.secure, url.host) = (true, "localhost".to_owned());
    url.authority = format!("localhost:{}", address.port());
    settings.http.protocol = protocol;
    settings.http.tls = Some(client_config(protocol, authority.map(PathBuf::as_path)).unwrap());
    settings
}

#[test]
fn http_2_shares_connections() {
    let mut settings = settings(&format!("http://{}", serve(None)), SECOND);
    settings.http.protocol = Protocol::Http2;
    let finished = run(200.0, settings);
    assert_eq!(finished.recorder.total().succeeded.count(), 200);
    // A hundred requests at a time fit into each.
    assert!(finished.connections[0] <= 2, "{:?}", finished.connections);
}

#[test]
fn tls_carries_both_protocols() {
    let directory = TempDir::new().unwrap();
    let (address, authority) = secure(&directory, &["h2", "http/1.1"]);
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let total = run(50.0, over_tls(address, Some(&authority), protocol)).recorder.total();
        assert_eq!(total.succeeded.count(), 50, "{protocol:?}: {:?}", total.failures);
    }
}

#[test]
fn who_is_not_trusted_or_speaks_another_protocol_is_not_asked() {
    let directory = TempDir::new().unwrap();
    let (address, _) = secure(&directory, &["http/1.1"]);
    let (_, other) = secure(&directory, &["http/1.1"]);
    let total = run(5.0, over_tls(address, Some(&other), Protocol::Http1)).recorder.total();
    assert_eq!(total.failures.get(&Failure::Certificate), Some(&5), "{:?}", total.failures);
    let (address, authority) = secure(&directory, &["http/1.1"]);
    let total = run(5.0, over_tls(address, Some(&authority), Protocol::Http2)).recorder.total();
    assert_eq!(total.failures.get(&Failure::Protocol), Some(&5), "{:?}", total.failures);
}
