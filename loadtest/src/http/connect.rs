//! Opening connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::target::Target;
use crate::record::Failure;

/// Longest response head that is read, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How requests are put on the wire.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Protocol {
    /// HTTP/1.1: one request at a time per connection.
    #[default]
    #[value(name = "1.1")]
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2: many requests at a time per connection; without TLS by prior knowledge.
    #[value(name = "2")]
    #[serde(rename = "2")]
    Http2,
}

impl Protocol {
    pub(super) const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// How connections are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The protocol.
    pub protocol: Protocol,
    /// Most connections at a time.
    pub connections: usize,
    /// Configuration of TLS; required for HTTPS.
    pub tls: Option<Arc<ClientConfig>>,
    /// Value of `Accept-Encoding`.
    pub accept_encoding: &'static str,
}

/// What sends requests over a connection.
#[derive(Debug)]
pub(super) enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// Opens a connection. A task of its own drives it until the sender is dropped.
pub(super) async fn open(target: &Target, settings: &Settings) -> Result<Sender, Failure> {
    let stream = tcp(&target.addresses).await.map_err(|error| of_connecting(&error))?;
    if !target.url.secure {
        return handshake(stream, settings.protocol).await;
    }
    let config = settings.tls.clone().ok_or(Failure::Handshake)?;
    let name = ServerName::try_from(target.url.host.clone()).map_err(|_| Failure::Handshake)?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    let stream = stream.map_err(|error| of_handshake(&error))?;
    let agreed = stream.get_ref().1.alpn_protocol();
    // A server without ALPN speaks HTTP/1.1.
    if agreed.unwrap_or(b"http/1.1") != settings.protocol.alpn() {
        return Err(Failure::Protocol);
    }
    handshake(stream, settings.protocol).await
}

async fn tcp(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addresses).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn handshake<S>(stream: S, protocol: Protocol) -> Result<Sender, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(stream);
    // Its requests report how a connection ends.
    Ok(match protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            builder.max_buf_size(MAX_HEAD_BYTES);
            let (sender, connection) = builder.handshake(io).await.map_err(|_| Failure::Handshake)?;
            tokio::spawn(async { drop(connection.await) });
            Sender::Http1(sender)
        }
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_header_list_size(MAX_HEAD_BYTES as u32).adaptive_window(true);
            let (sender, connection) = builder.handshake(io).await.map_err(|_| Failure::Handshake)?;
            tokio::spawn(async { drop(connection.await) });
            Sender::Http2(sender)
        }
    })
}

/// Why TLS was not agreed on.
fn of_handshake(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Failure::Certificate,
        Some(
            rustls::Error::NoApplicationProtocol
            | rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol),
        ) => Failure::Protocol,
        _ => Failure::Handshake,
    }
}

fn of_connecting(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::ConnectionReset => Failure::Reset,
        _ => Failure::Unreachable,
    }
}
