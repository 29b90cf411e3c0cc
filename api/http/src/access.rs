//! Who a caller is, by what it presents.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, header};
use cellar_cache::clock::Clock;

use crate::config::{AccessConfig, WriteConfig};
use crate::keys::{Caller, Refused, Right, Scope};

/// Whoever has `CELLAR_WRITE_TOKEN`: it allowed everything before there were keys.
static TOKEN_HOLDER: LazyLock<Caller> =
    LazyLock::new(|| Caller::new("write-token", vec![Scope::new(Right::Admin, None)]));

/// What a request presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// No bearer token.
    Nothing,
    /// A valid one.
    Key(Caller),
    /// One that is not valid.
    Invalid(Refused),
}

/// What the server knows of callers.
pub struct Access {
    writes: WriteConfig,
    config: AccessConfig,
    clock: Arc<dyn Clock>,
}

impl Access {
    /// By these settings.
    pub fn new(writes: WriteConfig, config: AccessConfig, clock: Arc<dyn Clock>) -> Self {
        Self { writes, config, clock }
    }

    /// Whether there is anything that a caller can present.
    pub fn is_guarded(&self) -> bool {
        self.writes.token.is_some() || self.config.keys.is_some()
    }

    /// Whether anybody may write, as long as there is nothing to present.
    pub fn is_open(&self) -> bool {
        self.writes.open && !self.is_guarded()
    }

    /// Whether reading takes a key.
    pub fn keyed_reads(&self) -> bool {
        self.config.keyed_reads
    }

    /// Who sends a request with these headers.
    pub fn identify(&self, headers: &HeaderMap) -> Presented {
        let Some(token) = bearer(headers).filter(|_| self.is_guarded()) else { return Presented::Nothing };
        if self.writes.token.as_ref().is_some_and(|known| known.matches(token)) {
            return Presented::Key(TOKEN_HOLDER.clone());
        }
        let Some(keys) = &self.config.keys else { return Presented::Invalid(Refused::Unknown) };
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.unix_ms());
        match keys.at(self.clock.now()).find(token, now) {
            Ok(caller) => Presented::Key(caller),
            Err(refused) => Presented::Invalid(refused),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
