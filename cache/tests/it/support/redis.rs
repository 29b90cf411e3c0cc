//! Real `redis-server` processes: on free ports of their own, empty, gone when dropped.
//!
//! Needs nothing but `tempfile`, so that tests of other crates can include this file.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest time for a server to start or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, or one that was killed and can be started again.
pub(crate) struct RedisServer {
    child: Option<Child>,
    port: u16,
    /// Second port: of the cluster bus, or of TLS.
    other_port: u16,
    args: Vec<String>,
    dir: TempDir,
}

impl RedisServer {
    /// A server with further arguments, such as `["--maxmemory", "3mb"]`.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(&|_| args.iter().map(|&arg| arg.to_owned()).collect())
    }

    /// A server that speaks TLS on [`tls_port`](Self::tls_port), and plain on [`port`](Self::port).
    pub(crate) fn start_tls(ca: &Path, certificate: &Path, key: &Path) -> Self {
        Self::start_with(&|tls_port| {
            let mut args = vec!["--tls-port".to_owned(), tls_port.to_string()];
            for (name, path) in [("ca-cert", ca), ("cert", certificate), ("key", key)] {
                args.extend([format!("--tls-{name}-file"), path.display().to_string()]);
            }
            args.extend(["--tls-auth-clients".to_owned(), "no".to_owned()]);
            args
        })
    }

    /// A node of a cluster, alone and without slots.
    pub(crate) fn start_node() -> Self {
        Self::start_with(&|bus_port| {
            let args = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port"];
            args.into_iter().map(str::to_owned).chain([bus_port.to_string()]).collect()
        })
    }

    /// A cluster of one node with all slots.
    pub(crate) fn start_cluster() -> Self {
        let node = Self::start_node();
        node.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        node.wait_for_cluster(1);
        node
    }

    /// A cluster of three nodes.
    pub(crate) fn start_cluster_of_three() -> Vec<Self> {
        let nodes: Vec<Self> = (0..3).map(|_| Self::start_node()).collect();
        for (node, (first, last)) in nodes.iter().zip([(0, 5460), (5461, 10922), (10923, 16383)]) {
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            let (port, bus_port) = (node.port.to_string(), node.other_port.to_string());
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port]);
        }
        for node in &nodes {
            node.wait_for_cluster(3);
        }
        nodes
    }

    /// A server on a port that was free a moment ago.
    pub(crate) fn start_on(port: u16, args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let dir = tempfile::tempdir().expect("a directory");
        let mut server = Self { child: None, port, other_port: 0, args, dir };
        server.restart();
        server
    }

    /// Tries ports until one is still free when the server binds it.
    fn start_with(args: &dyn Fn(u16) -> Vec<String>) -> Self {
        let mut log = String::new();
        for _ in 0..5 {
            let other_port = free_port();
            let dir = tempfile::tempdir().expect("a directory");
            let mut server = Self { child: None, port: free_port(), other_port, args: args(other_port), dir };
            if server.spawn() {
                return server;
            }
            log = std::fs::read_to_string(server.dir.path().join("log")).unwrap_or_default();
        }
        panic!("redis-server does not start (TLS needs a build with TLS); it says:\n{log}");
    }

    /// Starts the process; false if it ended again.
    fn spawn(&mut self) -> bool {
        let log = File::options().create(true).append(true).open(self.dir.path().join("log")).expect("a log");
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--daemonize", "no", "--dir"])
            .arg(self.dir.path())
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("these tests need redis-server 7 on the PATH");
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_)))) {
                return false;
            }
            if self
                .try_command(&["PING"])
                .is_ok_and(|answer| answer.contains("PONG") || answer.contains("NOAUTH"))
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Kills it if it runs and starts it on the same ports; it is empty then.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + PATIENCE;
        while !self.spawn() {
            assert!(Instant::now() < deadline, "redis-server does not start on port {}", self.port);
        }
    }

    /// Kills it at once and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal by its name: `STOP`, `CONT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("a running server");
        let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
        assert!(status.expect("kill").success());
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn tls_port(&self) -> u16 {
        self.other_port
    }

    /// Sends a command over a connection of its own and returns the raw answer.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        self.try_command(words).expect("an answer")
    }

    fn try_command(&self, words: &[&str]) -> std::io::Result<String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let bulks: Vec<String> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        let text = format!("*{}\r\n{}", words.len(), bulks.concat());
        (&stream).write_all(text.as_bytes())?;
        let mut answer = String::new();
        read_value(&mut BufReader::new(stream), &mut answer)?;
        Ok(answer)
    }

    fn wait_for_cluster(&self, nodes: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let info = self.command(&["CLUSTER", "INFO"]);
            if info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{nodes}\r")) {
                return;
            }
            assert!(Instant::now() < deadline, "no cluster: {info}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Reads one value of the protocol as it came.
fn read_value(reader: &mut impl BufRead, answer: &mut String) -> std::io::Result<()> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let count: i64 = line.get(1..).and_then(|rest| rest.trim().parse().ok()).unwrap_or(0);
    answer.push_str(&line);
    match line.chars().next() {
        Some('$') if count >= 0 => {
            let mut bytes = vec![0; count as usize + 2];
            reader.read_exact(&mut bytes)?;
            answer.push_str(&String::from_utf8_lossy(&bytes));
        }
        Some('*') => (0..count).try_for_each(|_| read_value(reader, answer))?,
        Some(_) => {}
        None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
    Ok(())
}
