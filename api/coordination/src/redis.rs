//! Coordination over Redis: roles are strings, maps are hashes, tables are sorted sets, all under `board:` in the namespace of
//! the cache.

use std::time::Duration;

use ::redis::cmd;
use async_trait::async_trait;
use cellar_cache::remote::redis::{RedisRemote, Script};

use crate::{CoordinationStore, RemoteError};

/// Takes a role or keeps it; returns 1, or 0 if another holder has it. KEYS: role. ARGV: holder, milliseconds.
static HOLD: Script = Script::new(
    r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
",
);

/// Gives a role back. KEYS: role. ARGV: holder.
static RELEASE: Script = Script::new(
    r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
",
);

/// Adds to scores and keeps the highest. KEYS: table. ARGV: how many to keep, milliseconds, then score and member of
/// each addition.
static ADD_SCORES: Script = Script::new(
    r"
for at = 3, #ARGV, 2 do redis.call('ZINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[1]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
",
);

/// A name as Redis has it.
fn key(redis: &RedisRemote, name: &str) -> String {
    redis.key(&format!("board:{name}"))
}

/// A lifetime as Redis takes it, in milliseconds: at least one, at most a hundred years.
fn lifetime_ms(lifetime: Duration) -> Vec<u8> {
    const LONGEST_MS: u128 = 100 * 365 * 24 * 60 * 60 * 1000;
    lifetime.as_millis().clamp(1, LONGEST_MS).to_string().into()
}

#[async_trait]
impl CoordinationStore for RedisRemote {
    async fn hold(&self, role: &str, holder: &str, ttl: Duration) -> Result<bool, RemoteError> {
        let held: u8 = self.run(&HOLD, &[key(self, role)], &[holder.into(), lifetime_ms(ttl)]).await?;
        Ok(held == 1)
    }

    async fn release(&self, role: &str, holder: &str) -> Result<(), RemoteError> {
        self.run::<u8>(&RELEASE, &[key(self, role)], &[holder.into()]).await.map(|_| ())
    }

    async fn read(&self, map: &str) -> Result<Vec<(String, String)>, RemoteError> {
        self.query(cmd("HGETALL").arg(key(self, map))).await
    }

    async fn write(&self, map: &str, fields: &[(String, String)]) -> Result<(), RemoteError> {
        if fields.is_empty() {
            return Ok(());
        }
        self.query(cmd("HSET").arg(key(self, map)).arg(fields)).await.map(|_: u64| ())
    }

    async fn remove(&self, map: &str, fields: &[String]) -> Result<(), RemoteError> {
        if fields.is_empty() {
            return Ok(());
        }
        self.query(cmd("HDEL").arg(key(self, map)).arg(fields)).await.map(|_: u64| ())
    }

    async fn add_scores(
        &self,
        table: &str,
        scores: &[(String, u64)],
        keep: usize,
        ttl: Duration,
    ) -> Result<(), RemoteError> {
        if scores.is_empty() {
            return Ok(());
        }
        let mut args = vec![keep.to_string().into(), lifetime_ms(ttl)];
        for (member, score) in scores {
            args.extend([score.to_string().into(), member.as_str().into()]);
        }
        self.run::<u8>(&ADD_SCORES, &[key(self, table)], &args).await.map(|_| ())
    }

    async fn top(&self, table: &str, count: usize) -> Result<Vec<(String, f64)>, RemoteError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut command = cmd("ZREVRANGE");
        command.arg(key(self, table)).arg(0).arg(count - 1).arg("WITHSCORES");
        self.query(&command).await
    }
}
