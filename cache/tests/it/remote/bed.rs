//! What a semantic test runs against: a fake, or real servers, with two clients as two processes would have.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cellar_cache::clock::ManualClock;
use cellar_cache::remote::fake::FakeRemote;
use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
use cellar_cache::remote::{Ask, Claim, Entry, Finished, Remote, Ticket};

use crate::support::redis::RedisServer;
use crate::support::tls::Certificates;

/// What the names of our own keys begin with.
pub(crate) const NAMESPACE: &str = "test:";
/// Long enough for what is not to end within a test.
pub(crate) const LONG: Duration = Duration::from_secs(100);

/// Two clients of the same tier, and the means to disturb it.
pub(crate) struct Bed {
    pub(crate) first: Arc<dyn Remote>,
    pub(crate) second: Arc<dyn Remote>,
    ground: Ground,
}

enum Ground {
    Fake(Arc<FakeRemote>, Arc<ManualClock>),
    Servers(Vec<RedisServer>),
}

impl Bed {
    pub(crate) fn fake() -> Self {
        let clock = Arc::new(ManualClock::default());
        let first = Arc::new(FakeRemote::new(clock.clone()));
        let second = Arc::new(first.peer());
        Self { first: first.clone(), second, ground: Ground::Fake(first, clock) }
    }

    pub(crate) fn standalone() -> Self {
        let server = RedisServer::start(&[]);
        let config = config(&format!("redis://127.0.0.1:{}", server.port()));
        Self::over(&config, Ground::Servers(vec![server]))
    }

    pub(crate) fn tls() -> Self {
        let files = Certificates::generate();
        let server = RedisServer::start_tls(&files.ca, &files.certificate, &files.key);
        let mut config = config(&format!("rediss://localhost:{}", server.tls_port()));
        config.ca_file = Some(files.ca.clone());
        Self::over(&config, Ground::Servers(vec![server]))
    }

    pub(crate) fn cluster() -> Self {
        let server = RedisServer::start_cluster();
        let config = config(&format!("redis+cluster://127.0.0.1:{}", server.port()));
        Self::over(&config, Ground::Servers(vec![server]))
    }

    pub(crate) fn cluster_of_three() -> Self {
        let servers = RedisServer::start_cluster_of_three();
        let nodes: Vec<String> = servers.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let config = config(&format!("redis+cluster://{}", nodes.join(",")));
        Self::over(&config, Ground::Servers(servers))
    }

    fn over(config: &RedisConfig, ground: Ground) -> Self {
        let client = || Arc::new(RedisRemote::new(config.clone()).expect("a good configuration"));
        Self { first: client(), second: client(), ground }
    }

    /// Lets a little time pass.
    pub(crate) async fn pass(&self) {
        match &self.ground {
            Ground::Fake(_, clock) => clock.advance(Duration::from_millis(20)),
            Ground::Servers(..) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }

    /// Removes a fence behind the clients' backs.
    pub(crate) fn evict_fence(&self, group: &str) {
        match &self.ground {
            Ground::Fake(fake, _) => fake.evict_fence(group),
            Ground::Servers(servers) => {
                let key = format!("{NAMESPACE}fence:{{{group}}}");
                let removed =
                    servers.iter().filter(|server| server.command(&["DEL", &key]).starts_with(":1"));
                assert_eq!(removed.count(), 1, "{key}");
            }
        }
    }

    /// Removes everything behind the clients' backs.
    pub(crate) fn wipe(&self) {
        match &self.ground {
            Ground::Fake(fake, _) => fake.wipe(),
            Ground::Servers(servers) => servers.iter().for_each(|server| {
                server.command(&["FLUSHALL"]);
            }),
        }
    }

    /// Loads a value as a process would that finds none.
    pub(crate) async fn load(&self, group: &str, key: &str, value: &str) -> Finished {
        let (ticket, _) = begin(&*self.first, group, key).await;
        self.first.finish(&ticket, &[entry(key, value)], &[key.to_owned()]).await.expect("stored")
    }

    /// The value of a key.
    pub(crate) async fn value(&self, key: &str) -> Option<Bytes> {
        self.second.get(&[key.to_owned()]).await.expect("an answer").remove(0)
    }
}

/// A configuration for tests.
pub(crate) fn config(url: &str) -> RedisConfig {
    RedisConfig::new(url.parse().expect("a good URL"), NAMESPACE)
}

/// Begins to load one key that was absent.
pub(crate) async fn begin(tier: &dyn Remote, group: &str, key: &str) -> (Ticket, Claim) {
    let (ticket, mut claims) = tier.begin(group, &[ask(key)], LONG).await.expect("begun");
    assert_eq!(claims.len(), 1);
    (ticket, claims.remove(0))
}

/// A key that was absent.
pub(crate) fn ask(key: &str) -> Ask {
    Ask { key: key.to_owned(), absent: true }
}

/// A value that stays.
pub(crate) fn entry(key: &str, value: &str) -> Entry {
    Entry { key: key.to_owned(), bytes: Bytes::copy_from_slice(value.as_bytes()), ttl: LONG }
}
