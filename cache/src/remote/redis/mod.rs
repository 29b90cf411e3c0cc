//! The remote tier over Redis or Valkey: one server or a cluster, with or without TLS.
//!
//! Needs version 6 (RESP3), and version 7 for a cluster (sharded pub/sub). What is one step for the callers is one
//! round trip and one step of the server: a command, a pipeline of one slot or a script.
//!
//! Invariant: a call that its caller gives up leaves nothing undone here; what was already sent may still take effect,
//! and the fence makes that harmless.

mod board;
mod bus;
mod dial;
mod error;
mod line;
mod script;
mod trust;
mod url;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, ServerErrorKind, Value, cmd, from_redis_value};

use self::dial::Dialer;
use self::error::unexpected;
use self::line::Lines;
use self::script::{BEGIN, Call, FINISH, Lua};
pub use self::url::{RedisUrl, RedisUrlError};
use super::{Ask, Claim, Entry, Finished, Remote, RemoteError, TOMBSTONE_MAGIC, Ticket};

/// How long a fence is kept after the last load began: much longer than any load takes.
const FENCE_LIFETIME: Duration = Duration::from_mins(10);
/// Keys that one command of an invalidation removes.
const KEYS_PER_REMOVAL: usize = 500;

/// Where Redis is and how to use it.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// Where it is. Shows no password.
    pub url: RedisUrl,
    /// A file of certificates (PEM) of the authorities to trust instead of those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Such certificates themselves, where there is no file. They count with TLS only.
    pub authorities: Option<Vec<u8>>,
    /// What everything in Redis begins with, such as `cellar:1:places:`: values, fences, the board and the bus.
    pub namespace: String,
    /// Longest time for connecting to a node, with TLS and login.
    pub connect_limit: Duration,
    /// Longest time for an answer. Callers have shorter limits; this one is so that nothing hangs for ever, and a
    /// connection that was silent for longer is made anew.
    pub response_limit: Duration,
}

impl RedisConfig {
    /// One second for connecting and for answers, and the authorities that the system trusts.
    pub fn new(url: RedisUrl, namespace: impl Into<String>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            url,
            ca_file: None,
            authorities: None,
            namespace: namespace.into(),
            connect_limit: second,
            response_limit: second,
        }
    }
}

/// The remote tier over Redis.
pub struct RedisRemote {
    lines: Arc<Lines>,
    namespace: String,
    /// What the holders of this process begin with.
    identity: u64,
    begun: AtomicU64,
    round_trips: AtomicU64,
}

impl RedisRemote {
    /// Reads the CA file, if there is one, and connects to nothing: Redis may come later, and go.
    ///
    /// ```
    /// use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
    ///
    /// let config = RedisConfig::new("redis://localhost:6379".parse()?, "cellar:1:");
    /// let remote = RedisRemote::new(config)?;
    /// assert_eq!(remote.round_trips(), 0);
    /// # Ok::<(), cellar_cache::remote::redis::RedisUrlError>(())
    /// ```
    pub fn new(config: RedisConfig) -> Result<Self, RedisUrlError> {
        if config.namespace.contains(['{', '}']) {
            return Err(RedisUrlError::Namespace);
        }
        let dialer = Dialer::new(&config)?;
        Ok(Self {
            lines: Lines::new(dialer, config.response_limit),
            namespace: config.namespace,
            identity: fastrand::u64(..),
            begun: AtomicU64::new(0),
            round_trips: AtomicU64::new(0),
        })
    }

    /// Commands and pipelines sent so far, subscriptions and logins aside. In a cluster an `MGET` over several slots
    /// counts once.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    fn value_key(&self, key: &str) -> String {
        format!("{}{key}", self.namespace)
    }

    fn fence_key(&self, group: &str) -> String {
        format!("{}fence:{{{group}}}", self.namespace)
    }

    fn board_key(&self, name: &str) -> String {
        format!("{}board:{name}", self.namespace)
    }

    fn channel(&self) -> String {
        format!("{}bus", self.namespace)
    }

    /// A text that no other load in any process has.
    fn new_holder(&self) -> String {
        format!("{:016x}-{:x}", self.identity, self.begun.fetch_add(1, Ordering::Relaxed))
    }

    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RemoteError> {
        let value = self.ask(command).await?.map_err(|(_, error)| error)?;
        from_redis_value(value).map_err(|_| unexpected())
    }

    /// Runs a script, by its hash if the server knows it.
    async fn run<T: FromRedisValue>(&self, script: &Lua, call: &Call) -> Result<T, RemoteError> {
        let value = match self.ask(&script.by_hash(call)).await? {
            Err((ErrorKind::Server(ServerErrorKind::NoScript), _)) => {
                self.ask(&script.by_source(call)).await?.map_err(|(_, error)| error)?
            }
            answer => answer.map_err(|(_, error)| error)?,
        };
        from_redis_value(value).map_err(|_| unexpected())
    }

    /// Sends a command. The outer error is that there is no connection.
    async fn ask(&self, command: &Cmd) -> Result<Result<Value, (ErrorKind, RemoteError)>, RemoteError> {
        let mut line = self.lines.get().await?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        line.ask();
        match command.query_async(&mut line.link).await {
            Ok(value) => {
                line.hear();
                Ok(Ok(value))
            }
            Err(error) => Ok(Err((error.kind(), self.lines.failed(&line, &error)))),
        }
    }

    /// Sends a pipeline of one slot and returns what the server says to each command.
    async fn ask_all(&self, pipeline: &mut Pipeline) -> Result<Vec<Result<(), RemoteError>>, RemoteError> {
        let mut line = self.lines.get().await?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        line.ask();
        let pipeline = pipeline.ignore_errors();
        let answers: redis::RedisResult<Vec<redis::RedisResult<Value>>> =
            pipeline.query_async(&mut line.link).await;
        let answers = answers.map_err(|error| self.lines.failed(&line, &error))?;
        line.hear();
        let answers = answers.into_iter();
        Ok(answers
            .map(|answer| answer.map(|_| ()).map_err(|error| self.lines.failed(&line, &error)))
            .collect())
    }
}

/// A lifetime as Redis takes it: at least a millisecond, at most a hundred years.
fn lifetime_ms(lifetime: Duration) -> u64 {
    const LONGEST_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
    u64::try_from(lifetime.as_millis()).unwrap_or(LONGEST_MS).clamp(1, LONGEST_MS)
}

fn lease_key(key: &str) -> String {
    format!("{key}:lease")
}

fn claim(value: Value) -> Result<Claim, RemoteError> {
    match value {
        Value::BulkString(value) => Ok(Claim::Found(value.into())),
        Value::Int(1) => Ok(Claim::Lease),
        Value::Int(0) => Ok(Claim::Busy),
        _ => Err(unexpected()),
    }
}

#[async_trait]
impl Remote for RedisRemote {
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, RemoteError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("MGET");
        for key in keys {
            command.arg(self.value_key(key));
        }
        let values = match self.query(&command).await? {
            Value::Array(values) if values.len() == keys.len() => values,
            _ => return Err(unexpected()),
        };
        let bytes = values.into_iter().map(|value| match value {
            Value::BulkString(value) => Ok(Some(value.into())),
            Value::Nil => Ok(None),
            _ => Err(unexpected()),
        });
        bytes.collect()
    }

    async fn begin(
        &self,
        group: &str,
        asks: &[Ask],
        lease: Duration,
    ) -> Result<(Ticket, Vec<Claim>), RemoteError> {
        let holder = self.new_holder();
        let mut call = Call::default();
        call.key(self.fence_key(group)).arg(format!("{:032x}", fastrand::u128(..)));
        call.number(lifetime_ms(FENCE_LIFETIME)).arg(holder.as_str());
        call.number(lifetime_ms(lease));
        for ask in asks {
            let key = self.value_key(&ask.key);
            call.key(key.as_str()).key(lease_key(&key)).number(u64::from(ask.absent));
        }
        let mut answer = self.run::<Vec<Value>>(&BEGIN, &call).await?.into_iter();
        let fence = answer.next().ok_or_else(unexpected)?;
        let fence = from_redis_value(fence).map_err(|_| unexpected())?;
        let claims = answer.map(claim).collect::<Result<Vec<_>, _>>()?;
        if claims.len() != asks.len() {
            return Err(unexpected());
        }
        Ok((Ticket { group: group.to_owned(), fence, holder }, claims))
    }

    async fn finish(
        &self,
        ticket: &Ticket,
        entries: &[Entry],
        leases: &[String],
    ) -> Result<Finished, RemoteError> {
        let mut call = Call::default();
        call.key(self.fence_key(&ticket.group)).arg(ticket.fence.as_str()).arg(ticket.holder.as_str());
        call.arg(TOMBSTONE_MAGIC).number(entries.len() as u64);
        for entry in entries {
            call.key(self.value_key(&entry.key)).arg(&entry.bytes[..]).number(lifetime_ms(entry.ttl));
        }
        for key in leases {
            call.key(lease_key(&self.value_key(key)));
        }
        let stored: i64 = self.run(&FINISH, &call).await?;
        Ok(usize::try_from(stored).map_or(Finished::Fenced, Finished::Stored))
    }

    /// Keys go in portions when there are many. The fence is gone with the first one, so a load that began earlier
    /// stores nothing, whatever portion its keys are in; a load that begins between portions reads its source after
    /// the change, so what it stores is new, and removing that costs a load but is not wrong. The last portion removes
    /// the fence again, so that also these loads, whose source may lag behind, are not trusted.
    async fn invalidate(
        &self,
        group: &str,
        keys: &[String],
        tombstone: Option<(Bytes, Duration)>,
    ) -> Result<(), RemoteError> {
        let fence = self.fence_key(group);
        let portions: Vec<&[String]> = match keys {
            [] => vec![&[]],
            _ => keys.chunks(KEYS_PER_REMOVAL).collect(),
        };
        for (at, portion) in portions.iter().enumerate() {
            let is_edge = at == 0 || at + 1 == portions.len();
            let mut removal = cmd("DEL");
            let names: Vec<_> = portion.iter().map(|key| self.value_key(key)).collect();
            removal.arg(is_edge.then_some(&fence)).arg(&names);
            let mut pipeline = Pipeline::new();
            pipeline.add_command(removal);
            if let Some((bytes, lifetime)) = &tombstone {
                for key in &names {
                    pipeline.cmd("SET").arg(key).arg(&bytes[..]).arg("PX").arg(lifetime_ms(*lifetime));
                }
            }
            // What comes after the removal are tombstones, which may be refused.
            self.ask_all(&mut pipeline).await?.into_iter().next().unwrap_or_else(|| Err(unexpected()))?;
        }
        Ok(())
    }

    async fn publish(&self, message: Bytes) -> Result<(), RemoteError> {
        let command = if self.lines.dialer().is_cluster() { "SPUBLISH" } else { "PUBLISH" };
        self.query(cmd(command).arg(self.channel()).arg(&message[..])).await.map(|_: u64| ())
    }

    async fn subscribe(&self) -> Result<BoxStream<'static, Bytes>, RemoteError> {
        bus::subscribe(self.lines.dialer(), &self.channel()).await
    }
}
