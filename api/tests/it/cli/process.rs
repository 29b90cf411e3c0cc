//! Running `cellar` and talking to it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longest that anything here may take; a machine that is busy is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Where commands run: a directory that goes with it, and an environment without settings of whoever runs the
/// tests.
pub(crate) struct Desk {
    directory: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        // In memory if that can be had: it is processes that die here, not machines, and a busy disk takes
        // milliseconds to sync each place.
        let in_memory = tempfile::tempdir_in("/dev/shm").ok();
        Self { directory: in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap()) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A command in the directory, whose embedded engine is below it, too.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.directory.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        // Redis on a busy machine is not a slow Redis.
        command.env("CELLAR_L2_READ_LIMIT_MS", "10000").env("CELLAR_L2_WRITE_LIMIT_MS", "10000");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    pub(crate) fn cellar(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_cellar"));
        command.args(args);
        command
    }

    /// Runs `cellar` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(&mut self.cellar(args))
    }

    /// The same, which has to end well; what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended.stdout
    }

    /// Starts `cellar serve` on a free port.
    pub(crate) fn serve(&self, args: &[&str]) -> Running {
        let all = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        Running::start(&mut self.cellar(&all))
    }

    /// The same with some variables.
    pub(crate) fn serve_with(&self, variables: &[(&str, &str)]) -> Running {
        let mut command = self.cellar(&["serve", "--listen", "127.0.0.1:0"]);
        Running::start(command.envs(variables.iter().copied()))
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// A process that is killed when this goes.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {}", self.0.id())]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the process to end", || self.0.try_wait().unwrap())
    }
}

/// A server that listens.
pub(crate) struct Running {
    pub(crate) process: Process,
    /// `http://127.0.0.1:<port>`.
    pub(crate) url: String,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let process = Process(child);
        let (send, lines) = channel();
        // Ends with the process.
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let first = lines.recv_timeout(PATIENCE).expect("the server prints its address");
        let url = first.strip_prefix("listening on ").expect("the address comes first").to_owned();
        Self { process, url, lines }
    }

    /// What it prints after the address, up to the line that begins so.
    pub(crate) fn lines_until(&self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| line.starts_with(last)) {
            lines.push(self.lines.recv_timeout(PATIENCE).expect("more lines"));
        }
        lines
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        get(&format!("{}{path}", self.url))
    }

    /// Asks it to stop, which it does at once and well.
    pub(crate) fn stop(mut self) {
        let asked = Instant::now();
        self.process.signal("TERM");
        assert_eq!(self.process.wait().code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(8), "no request was under way: {:?}", asked.elapsed());
    }
}

/// Polls until there is something.
pub(crate) fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < end, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The JSON at a URL.
fn get(url: &str) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let answer = client.get(url).send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{url}: {body}");
        serde_json::from_str(&body).unwrap()
    })
}
