//! What a test runs against: memory, or real servers, with two clients as two processes would have.

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::ManualClock;
use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
use cellar_coordination::CoordinationStore;
use cellar_coordination::fake::FakeCoordination;

use crate::support::redis::RedisServer;
use crate::support::tls::Certificates;

/// Long enough for what is not to end within a test.
pub(crate) const LONG: Duration = Duration::from_secs(100);

/// Two clients of the same store.
pub(crate) struct Bed {
    pub(crate) first: Arc<dyn CoordinationStore>,
    pub(crate) second: Arc<dyn CoordinationStore>,
    ground: Ground,
}

#[derive(Clone)]
enum Ground {
    Fake(Arc<ManualClock>),
    Servers(Arc<Vec<RedisServer>>),
}

impl Bed {
    pub(crate) fn fake() -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(FakeCoordination::new(clock.clone()));
        Self { first: store.clone(), second: store, ground: Ground::Fake(clock) }
    }

    pub(crate) fn standalone() -> Self {
        let server = RedisServer::start(&[]);
        Self::over(&config(&format!("redis://127.0.0.1:{}", server.port())), vec![server])
    }

    pub(crate) fn tls() -> Self {
        let files = Certificates::generate();
        let server = RedisServer::start_tls(&files.ca, &files.certificate, &files.key);
        let mut config = config(&format!("rediss://localhost:{}", server.tls_port()));
        config.ca_file = Some(files.ca.clone());
        Self::over(&config, vec![server])
    }

    pub(crate) fn cluster() -> Self {
        let server = RedisServer::start_cluster();
        Self::over(&config(&format!("redis+cluster://127.0.0.1:{}", server.port())), vec![server])
    }

    pub(crate) fn cluster_of_three() -> Self {
        let servers = RedisServer::start_cluster_of_three();
        let nodes: Vec<String> = servers.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        Self::over(&config(&format!("redis+cluster://{}", nodes.join(","))), servers)
    }

    fn over(config: &RedisConfig, servers: Vec<RedisServer>) -> Self {
        let client = || Arc::new(RedisRemote::new(config.clone()).expect("a good configuration"));
        Self { first: client(), second: client(), ground: Ground::Servers(Arc::new(servers)) }
    }

    /// The same, empty.
    pub(crate) fn wiped(&self) -> Self {
        match &self.ground {
            Ground::Fake(_) => Self::fake(),
            Ground::Servers(servers) => {
                for server in servers.iter() {
                    server.command(&["FLUSHALL"]);
                }
                let (first, second) = (Arc::clone(&self.first), Arc::clone(&self.second));
                Self { first, second, ground: self.ground.clone() }
            }
        }
    }

    /// Lets a little time pass.
    pub(crate) async fn pass(&self) {
        match &self.ground {
            Ground::Fake(clock) => clock.advance(Duration::from_millis(20)),
            Ground::Servers(..) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// A configuration for tests.
pub(crate) fn config(url: &str) -> RedisConfig {
    RedisConfig::new(url.parse().expect("a good URL"), "test:")
}
