//! A `redis-server` of our own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::stack::StackError;

/// How long it may take to listen. It takes milliseconds on a machine that has nothing else to do.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often it is asked whether it listens.
const PAUSE: Duration = Duration::from_millis(10);

/// Ports that are tried: somebody else may take a free one first.
const TRIES: usize = 5;

/// A server on a free port, empty, that keeps nothing.
#[derive(Debug)]
pub(super) struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    pub(super) fn start() -> Result<Self, StackError> {
        for _ in 0..TRIES {
            let port = free_port().map_err(|error| StackError::Redis(error.to_string()))?;
            let mut redis = Self { child: spawn(port)?, port };
            if redis.listens()? {
                return Ok(redis);
            }
        }
        Err(StackError::Redis(format!("it does not listen on any of {TRIES} free ports")))
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Whether it came to listen; false if it ended instead.
    fn listens(&mut self) -> Result<bool, StackError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let until = Instant::now() + START_LIMIT;
        while Instant::now() < until {
            if self.child.try_wait().map_err(|error| StackError::Redis(error.to_string()))?.is_some() {
                return Ok(false);
            }
            if TcpStream::connect_timeout(&address, START_LIMIT).is_ok() {
                return Ok(true);
            }
            thread::sleep(PAUSE);
        }
        Ok(false)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn spawn(port: u16) -> Result<Child, StackError> {
    let port = port.to_string();
    let child = Command::new("redis-server")
        .args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--daemonize",
            "no",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.map_err(|error| {
        StackError::Redis(format!("{error}; on Debian or Ubuntu: apt-get install redis-server"))
    })
}
