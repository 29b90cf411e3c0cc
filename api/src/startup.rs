//! What `cellar serve` says when it starts: where the data is, who may read and write, which tiers are on.
//!
//! Invariant: nothing here is a secret, passwords in addresses included.

use std::net::SocketAddr;

use cellar_cache::Policy;
use cellar_cli_kit::terminal;
use cellar_http::config::{AccessConfig, ApiConfig, WriteConfig};

use super::listen::to_open;

/// All of it, but for the address.
#[derive(Clone, Debug, Default)]
pub(super) struct Startup {
    /// The file of settings.
    pub(super) config: Option<String>,
    pub(super) data: String,
    pub(super) reads: &'static str,
    pub(super) writes: &'static str,
    /// Memory for pages, in MB.
    pub(super) memory_mb: u64,
    /// The shared cache, without its password.
    pub(super) redis: Option<String>,
    pub(super) edge: Option<String>,
    /// Where clients reach it, if that is known.
    pub(super) public_url: Option<String>,
    /// Whether it is told to the log, which is JSON.
    pub(super) json: bool,
}

impl Startup {
    pub(super) fn of(
        api: &ApiConfig,
        write: &WriteConfig,
        access: &AccessConfig,
        cache: &Policy,
        loopback: bool,
    ) -> Self {
        Self {
            reads: if access.keyed_reads { "with an API key" } else { "open" },
            writes: writes(write, access, loopback),
            memory_mb: cache.memory_bytes >> 20,
            public_url: api.public_url.clone(),
            ..Self::default()
        }
    }

    /// Says it, in the log if that is JSON.
    pub(super) fn tell(&self, address: SocketAddr) {
        let Self { data, reads, writes, memory_mb, .. } = self;
        if self.json && !terminal::is_quiet() {
            let (config, redis, edge) = (&self.config, &self.redis, &self.edge);
            let open = self.open(address);
            tracing::info!(
                target: "cellar::start",
                %address, open, config, data, reads, writes, memory_mb, redis, edge,
                version = env!("CARGO_PKG_VERSION"),
                "listening"
            );
        } else {
            terminal::note(&self.text(address));
        }
    }

    /// What to open in a browser.
    fn open(&self, address: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", to_open(address))) + "/"
    }

    fn text(&self, address: SocketAddr) -> String {
        let memory = match self.memory_mb {
            0 => "off (CELLAR_L1_MB)".to_owned(),
            mb => format!("{mb} MB of pages in this process"),
        };
        let off = |what: &Option<String>, how| what.clone().unwrap_or_else(|| format!("off ({how})"));
        let lines = [
            ("open", self.open(address)),
            ("data", self.data.clone()),
            ("reads", self.reads.to_owned()),
            ("writes", self.writes.to_owned()),
            ("L1", memory),
            ("L2", off(&self.redis, "--redis")),
            ("edge", off(&self.edge, "--edge-purge or --cloudfront")),
        ];
        let config = self.config.iter().map(|config| ("config", config.clone()));
        let lines = config.chain(lines).map(|(name, value)| format!("  {name:<6}  {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn writes(write: &WriteConfig, access: &AccessConfig, loopback: bool) -> &'static str {
    match (write.token.is_some(), access.keys.is_some()) {
        (true, true) => "with an API key or the token",
        (true, false) => "with the token",
        (false, true) => "with an API key",
        (false, false) if write.open && loopback => "open, since only this machine can reach it",
        (false, false) if write.open => "OPEN TO EVERYBODY (CELLAR_WRITES_OPEN)",
        (false, false) => "closed (no API key, no token)",
    }
}

#[cfg(test)]
mod tests {
    use cellar_http::config::WriteToken;

    use super::*;

    #[test]
    fn what_is_said_is_aligned_and_complete() {
        let startup = Startup {
            data: "/data (embedded engine)".into(),
            redis: Some("redis://user:***@host:6379".into()),
            ..Startup::of(
                &ApiConfig::default(),
                &WriteConfig { token: None, open: true },
                &AccessConfig::default(),
                &Policy::default().memory_bytes(5 << 20),
                true,
            )
        };
        assert_eq!(
            startup.text("0.0.0.0:80".parse().unwrap()),
            "  open    http://127.0.0.1:80/\n\
             \x20 data    /data (embedded engine)\n\
             \x20 reads   open\n\
             \x20 writes  open, since only this machine can reach it\n\
             \x20 L1      5 MB of pages in this process\n\
             \x20 L2      redis://user:***@host:6379\n\
             \x20 edge    off (--edge-purge or --cloudfront)"
        );
    }

    #[test]
    fn who_may_write_is_told_as_it_is() {
        let token = WriteToken::new("0123456789abcdef").unwrap();
        let none = AccessConfig::default();
        let of = |token: Option<&WriteToken>, open, loopback| {
            writes(&WriteConfig { token: token.cloned(), open }, &none, loopback)
        };
        assert_eq!(of(Some(&token), true, true), "with the token");
        assert!(of(None, true, false).starts_with("OPEN TO EVERYBODY"));
        assert!(of(None, true, true).starts_with("open, "));
        assert!(of(None, false, false).starts_with("closed"));
    }
}
