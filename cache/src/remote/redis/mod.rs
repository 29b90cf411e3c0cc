//! The remote tier over Redis or Valkey: one server or a cluster, with or without TLS.
//!
//! Needs version 6 (RESP3), and version 7 for a cluster (sharded pub/sub). What is one step for the callers is one
//! round trip and one step of the server: a command, a pipeline of one slot or a script. [`RedisRemote::query`] and
//! [`RedisRemote::run`] are for other uses of the same connection.
//!
//! Invariant: a call that its caller gives up leaves nothing half done here; what was already sent may still take
//! effect, and the fence makes that harmless.

mod bus;
mod config;
mod connection;
mod dialer;
mod error;
mod script;
mod trust;
mod url;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, ServerErrorKind, Value, cmd, from_redis_value};

use self::connection::SharedConnection;
use self::dialer::Dialer;
use self::error::unexpected;
use self::script::{BEGIN, FINISH};
pub use self::{
    config::RedisConfig,
    script::Script,
    url::{RedisUrl, RedisUrlError},
};
use super::{Ask, Claim, Entry, Finished, Remote, RemoteError, TOMBSTONE_MAGIC, Ticket};

/// How long a fence is kept after the last load began: much longer than any load takes.
const FENCE_LIFETIME: Duration = Duration::from_mins(10);
/// Keys that one command of an invalidation removes.
const KEYS_PER_REMOVAL: usize = 500;

/// The remote tier over Redis.
pub struct RedisRemote {
    connection: Arc<SharedConnection>,
    namespace: String,
    /// First part of the names of this process's lease holders.
    identity: u64,
    begun: AtomicU64,
    round_trips: AtomicU64,
}

impl RedisRemote {
    /// Reads the CA file, if there is one, and connects to nothing yet: Redis may come later, and go.
    ///
    /// ```
    /// use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
    ///
    /// let config = RedisConfig::new("redis://localhost:6379".parse()?, "cellar:1:");
    /// let remote = RedisRemote::new(config)?;
    /// assert_eq!(remote.round_trips(), 0);
    /// # Ok::<(), cellar_cache::remote::redis::RedisUrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the namespace has braces, or the certificates cannot be used.
    pub fn new(config: RedisConfig) -> Result<Self, RedisUrlError> {
        if config.namespace.contains(['{', '}']) {
            return Err(RedisUrlError::Namespace);
        }
        let dialer = Dialer::new(&config)?;
        Ok(Self {
            connection: SharedConnection::new(dialer, config.response_limit),
            namespace: config.namespace,
            identity: fastrand::u64(..),
            begun: AtomicU64::new(0),
            round_trips: AtomicU64::new(0),
        })
    }

    /// Commands and pipelines sent so far, except subscriptions and logins. In a cluster an `MGET` over several slots
    /// counts once.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// A name with the namespace before it.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    fn fence_key(&self, group: &str) -> String {
        self.key(&format!("fence:{{{group}}}"))
    }

    fn channel(&self) -> String {
        self.key("bus")
    }

    /// A text that no other load in any process has.
    fn new_holder(&self) -> String {
        format!("{:016x}-{:x}", self.identity, self.begun.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends a command, whose keys begin with the namespace, and returns its answer.
    ///
    /// # Errors
    ///
    /// If there is no connection, the server refuses, or its answer is not a `T`.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RemoteError> {
        let value = self.ask(command).await?.map_err(|(_, error)| error)?;
        from_redis_value(value).map_err(|_| unexpected())
    }

    /// Runs a script, by its hash if the server knows it, on keys that begin with the namespace.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query).
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<T, RemoteError> {
        let value = match self.ask(&script.by_hash(keys, args)).await? {
            Err((ErrorKind::Server(ServerErrorKind::NoScript), _)) => {
                self.ask(&script.by_source(keys, args)).await?.map_err(|(_, error)| error)?
            }
            answer => answer.map_err(|(_, error)| error)?,
        };
        from_redis_value(value).map_err(|_| unexpected())
    }

    /// Sends a command. The outer error is that there is no connection.
    async fn ask(&self, command: &Cmd) -> Result<Result<Value, (ErrorKind, RemoteError)>, RemoteError> {
        let mut connection = self.connection.get().await?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        connection.ask();
        match command.query_async(&mut connection.link).await {
            Ok(value) => {
                connection.hear();
                Ok(Ok(value))
            }
            Err(error) => Ok(Err((error.kind(), self.connection.failed(&connection, &error)))),
        }
    }

    /// Sends a pipeline of one slot and returns what the server says to each command.
    async fn ask_all(&self, pipeline: &mut Pipeline) -> Result<Vec<Result<(), RemoteError>>, RemoteError> {
        let mut connection = self.connection.get().await?;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        connection.ask();
        let pipeline = pipeline.ignore_errors();
        let answers: redis::RedisResult<Vec<redis::RedisResult<Value>>> =
            pipeline.query_async(&mut connection.link).await;
        let answers = answers.map_err(|error| self.connection.failed(&connection, &error))?;
        connection.hear();
        let answers = answers.into_iter();
        Ok(answers
            .map(|answer| answer.map(|_| ()).map_err(|error| self.connection.failed(&connection, &error)))
            .collect())
    }
}

impl fmt::Debug for RedisRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRemote").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// A lifetime as Redis takes it, in milliseconds: at least one, at most a hundred years.
fn lifetime_ms(lifetime: Duration) -> String {
    const LONGEST_MS: u128 = 100 * 365 * 24 * 60 * 60 * 1000;
    lifetime.as_millis().clamp(1, LONGEST_MS).to_string()
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
            command.arg(self.key(key));
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
        let new_fence = format!("{:032x}", fastrand::u128(..));
        let mut keys = vec![self.fence_key(group)];
        let mut args = vec![new_fence, lifetime_ms(FENCE_LIFETIME), holder.clone(), lifetime_ms(lease)];
        for ask in asks {
            let key = self.key(&ask.key);
            let lease = lease_key(&key);
            keys.extend([key, lease]);
            args.push(u8::from(ask.absent).to_string());
        }
        let args: Vec<_> = args.into_iter().map(String::into_bytes).collect();
        let mut answer = self.run::<Vec<Value>>(&BEGIN, &keys, &args).await?.into_iter();
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
        let mut keys = vec![self.fence_key(&ticket.group)];
        let count = entries.len().to_string();
        let mut args: Vec<Vec<u8>> = vec![
            ticket.fence.as_str().into(),
            ticket.holder.as_str().into(),
            TOMBSTONE_MAGIC.into(),
            count.into(),
        ];
        for entry in entries {
            keys.push(self.key(&entry.key));
            args.extend([entry.bytes.to_vec(), lifetime_ms(entry.ttl).into()]);
        }
        keys.extend(leases.iter().map(|key| lease_key(&self.key(key))));
        let stored: i64 = self.run(&FINISH, &keys, &args).await?;
        Ok(usize::try_from(stored).map_or(Finished::Fenced, Finished::Stored))
    }

    /// Many keys are sent in portions. The fence is gone with the first one, so a load that began earlier
    /// stores nothing, whatever portion its keys are in; a load that begins between portions reads its source after
    /// the change, so what it stores is new, and removing that costs a load but is not wrong. The last portion removes
    /// the fence again, so that these loads, whose source may lag behind, are not trusted either.
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
            let names: Vec<_> = portion.iter().map(|key| self.key(key)).collect();
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
        let command = if self.connection.dialer().is_cluster() { "SPUBLISH" } else { "PUBLISH" };
        self.query(cmd(command).arg(self.channel()).arg(&message[..])).await.map(|_: u64| ())
    }

    async fn subscribe(&self) -> Result<BoxStream<'static, Bytes>, RemoteError> {
        bus::subscribe(self.connection.dialer(), &self.channel()).await
    }
}
