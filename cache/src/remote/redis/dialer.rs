//! Makes connections: to one server, or to a cluster through any of its nodes.

use std::time::Duration;

use redis::aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline,
    ProtocolVersion, RedisConnectionInfo, RedisFuture, RedisResult, TlsCertificates, Value,
};

use super::config::RedisConfig;
use super::error::Secret;
use super::trust;
use super::url::{Node, RedisUrl, RedisUrlError};

/// Commands that wait for their turn to be written to a connection.
const PIPELINE_QUEUE: usize = 1024;
/// Tries of a command in a cluster that is moving slots or failing over; the response limit ends them, too.
const CLUSTER_RETRIES: u32 = 4;
/// Bounds of the pause between these tries, in milliseconds.
const CLUSTER_RETRY_MS: (u64, u64) = (10, 200);
/// A connection on which nothing was heard for this long is probed.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// A connection whose bytes are not acknowledged for this long is closed.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(5);

/// A connection for commands; clones share it.
#[derive(Clone)]
pub(super) enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is needed to connect.
pub(super) struct Dialer {
    url: RedisUrl,
    certificates: Option<TlsCertificates>,
    connect_limit: Duration,
    response_limit: Duration,
    pub(super) secret: Secret,
}

impl Dialer {
    /// Reads the CA file and makes sure that TLS has a cryptography provider; connects to nothing.
    pub(super) fn new(config: &RedisConfig) -> Result<Self, RedisUrlError> {
        let url = config.url.clone();
        if url.tls && rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another caller may have installed one meanwhile; which one does not matter.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        if config.ca_file.is_some() && !url.tls {
            return Err(RedisUrlError::Ca("expected a URL with TLS, rediss://".to_owned()));
        }
        let trusted = if url.tls { Some(trust::authorities(config)?) } else { None };
        let certificates = trusted.map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) });
        Ok(Self {
            secret: Secret::new(url.password.as_deref()),
            url,
            certificates,
            connect_limit: config.connect_limit,
            response_limit: config.response_limit,
        })
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.url.cluster
    }

    /// The nodes that the URL names.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.url.nodes
    }

    /// Longest time that a connection may take to be made. A cluster takes two steps: its map, and its nodes.
    pub(super) fn limit(&self) -> Duration {
        if self.url.cluster { self.connect_limit * 2 } else { self.connect_limit }
    }

    /// Connects for commands. `pushes` gets what a single server sends unasked, and the end of its connection.
    pub(super) async fn link(&self, pushes: impl AsyncPushSender) -> RedisResult<Link> {
        if self.url.cluster {
            return self.cluster()?.get_async_connection().await.map(Link::Cluster);
        }
        let node = self.url.nodes.first().expect("a parsed URL has a node");
        self.single(node, pushes).await.map(Link::Single)
    }

    /// Connects to one node.
    pub(super) async fn single(
        &self,
        node: &Node,
        pushes: impl AsyncPushSender,
    ) -> RedisResult<MultiplexedConnection> {
        let info = self.info(node)?;
        let client = match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone())?,
            None => Client::open(info)?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_limit))
            .set_response_timeout(Some(self.response_limit))
            .set_pipeline_buffer_size(PIPELINE_QUEUE)
            .set_push_sender(pushes);
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    fn cluster(&self) -> RedisResult<ClusterClient> {
        let nodes = self.url.nodes.iter().map(|node| self.info(node)).collect::<RedisResult<Vec<_>>>()?;
        let (least_ms, most_ms) = CLUSTER_RETRY_MS;
        let builder = ClusterClientBuilder::new(nodes)
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(tcp_settings())
            .connection_timeout(self.connect_limit)
            .response_timeout(self.response_limit)
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(least_ms)
            .max_retry_wait(most_ms);
        match &self.certificates {
            Some(certificates) => builder.certs(certificates.clone()).build(),
            None => builder.build(),
        }
    }

    fn info(&self, node: &Node) -> RedisResult<ConnectionInfo> {
        let (host, port) = (node.host.clone(), node.port);
        let addr = if self.url.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        // RESP3, since a server can then say by itself that a connection or a subscription is over.
        let mut login =
            RedisConnectionInfo::default().set_db(self.url.database).set_protocol(ProtocolVersion::RESP3);
        if let Some(username) = &self.url.username {
            login = login.set_username(username);
        }
        if let Some(password) = &self.url.password {
            login = login.set_password(password);
        }
        Ok(addr.into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp_settings()))
    }
}

fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNACKNOWLEDGED_LIMIT);
    settings
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
