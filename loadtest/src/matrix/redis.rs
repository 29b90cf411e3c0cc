//! A `redis-server` of the stack's own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::process::{PAUSE, Process, StartError};

/// How long it may take to listen. On an idle machine it takes milliseconds.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How many ports are tried: another process may take a free one first.
const TRIES: usize = 5;

const NAME: &str = "redis-server";
const HINT: &str = "on Debian or Ubuntu: apt-get install redis-server";

/// An empty server on a free port, without persistence.
#[derive(Debug)]
pub(super) struct Redis {
    process: Process,
    port: u16,
}

impl Redis {
    pub(super) fn start() -> Result<Self, StartError> {
        let mut complaint = StartError { name: NAME, why: "there is no free port".to_owned() };
        for _ in 0..TRIES {
            let port = free_port().map_err(|error| StartError { name: NAME, why: error.to_string() })?;
            let process = Process::start(NAME, command(port).stdout(Stdio::null()), HINT)?;
            let mut redis = Self { process, port };
            if redis.listens() {
                return Ok(redis);
            }
            complaint = redis.process.complaint();
        }
        Err(complaint)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Waits until it listens; false if it ended instead.
    fn listens(&mut self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let until = Instant::now() + START_LIMIT;
        while Instant::now() < until && !self.process.has_ended() {
            if TcpStream::connect_timeout(&address, START_LIMIT).is_ok() {
                // Another process may be listening there, and ours about to end.
                thread::sleep(PAUSE);
                return !self.process.has_ended();
            }
            thread::sleep(PAUSE);
        }
        false
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn command(port: u16) -> Command {
    let mut command = Command::new(NAME);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
    command
}
