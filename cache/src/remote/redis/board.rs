//! The board over Redis: roles are texts, maps are hashes, tables are sorted sets.

use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;

use super::script::{ADD_SCORES, Call, HOLD, RELEASE};
use super::{RedisRemote, lifetime_ms};
use crate::remote::{Board, RemoteError};

#[async_trait]
impl Board for RedisRemote {
    async fn hold(&self, role: &str, holder: &str, ttl: Duration) -> Result<bool, RemoteError> {
        let mut call = Call::default();
        call.key(self.board_key(role)).arg(holder).number(lifetime_ms(ttl));
        let held: u8 = self.run(&HOLD, &call).await?;
        Ok(held == 1)
    }

    async fn release(&self, role: &str, holder: &str) -> Result<(), RemoteError> {
        let mut call = Call::default();
        call.key(self.board_key(role)).arg(holder);
        self.run::<u8>(&RELEASE, &call).await.map(|_| ())
    }

    async fn read(&self, map: &str) -> Result<Vec<(String, String)>, RemoteError> {
        self.query(cmd("HGETALL").arg(self.board_key(map))).await
    }

    async fn write(&self, map: &str, fields: &[(String, String)]) -> Result<(), RemoteError> {
        if fields.is_empty() {
            return Ok(());
        }
        self.query(cmd("HSET").arg(self.board_key(map)).arg(fields)).await.map(|_: u64| ())
    }

    async fn remove(&self, map: &str, fields: &[String]) -> Result<(), RemoteError> {
        if fields.is_empty() {
            return Ok(());
        }
        self.query(cmd("HDEL").arg(self.board_key(map)).arg(fields)).await.map(|_: u64| ())
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
        let mut call = Call::default();
        call.key(self.board_key(table)).number(keep as u64).number(lifetime_ms(ttl));
        for (member, score) in scores {
            call.number(*score).arg(member.as_str());
        }
        self.run::<u8>(&ADD_SCORES, &call).await.map(|_| ())
    }

    async fn top(&self, table: &str, count: usize) -> Result<Vec<(String, f64)>, RemoteError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut command = cmd("ZREVRANGE");
        command.arg(self.board_key(table)).arg(0).arg(count - 1).arg("WITHSCORES");
        self.query(&command).await
    }
}
