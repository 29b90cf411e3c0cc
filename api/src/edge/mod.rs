//! `cellar edge`: nginx with the CDN's function, as `infra/edge/start.sh` runs it, which comes along.
//!
//! Invariant: nginx ends with this process, however that ends. The script watches its standard input, which only we hold.

mod density;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cellar_cli_kit::{CliError, code, say, terminal};
use cellar_model::Collection;
use cellar_model::canonical::DEFAULT_MAX_RADIUS_M;
use clap::Args;
use geo_index::HALF_CIRCUMFERENCE;
use reqwest::{Client, Url};
use tempfile::{NamedTempFile, TempDir};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::listen::Listen;
use super::serve::stop_signal;

const EXAMPLES: &str = "\
Examples:
  cellar edge
  cellar edge --origin http://127.0.0.1:8080 --listen 127.0.0.1:8090
  cellar edge --map-of places,wineries --cache /var/cache/cellar-edge

It needs nginx and its njs module; on Debian or Ubuntu: apt-get install nginx-light libnginx-mod-http-js. \
`cellar serve --edge-purge http://127.0.0.1:8090` tells it when places change.

Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.";

/// How long the origin may take to show that it is there.
const ORIGIN_LIMIT: Duration = Duration::from_secs(2);

/// Runs a local edge, nginx as a CDN, in front of a server
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EdgeArgs {
    /// The server behind it
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "CELLAR_EDGE_ORIGIN")]
    origin: Url,

    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090", env = "CELLAR_EDGE_LISTEN")]
    listen: Listen,

    /// Density map, as CloudFront's key-value store imports it
    #[arg(long, value_name = "FILE", env = "CELLAR_EDGE_MAP", conflicts_with = "map_of")]
    map: Option<PathBuf>,

    /// Collections whose density maps are asked of the server, once, at the start
    #[arg(long, value_name = "NAME,...", env = "CELLAR_EDGE_MAP_OF", value_delimiter = ',')]
    map_of: Vec<Collection>,

    /// Longest radius that is taken, in metres: what the server behind it is set to
    #[arg(long, value_name = "METRES", default_value_t = DEFAULT_MAX_RADIUS_M, value_parser = max_radius,
          env = "CELLAR_MAX_RADIUS_M")]
    max_radius: f64,

    /// Directory that keeps the cached answers; without one they are gone at the end
    #[arg(long, value_name = "DIR", env = "CELLAR_EDGE_CACHE")]
    cache: Option<PathBuf>,
}

/// As the server reads it.
fn max_radius(text: &str) -> Result<f64, String> {
    let most = HALF_CIRCUMFERENCE.get().ceil();
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|metres| (1.0..=most).contains(metres))
        .ok_or_else(|| format!("a radius is 1 to {most} metres"))
}

/// Runs nginx until a signal to stop.
pub async fn run(args: EdgeArgs) -> Result<u8, CliError> {
    let origin = origin(&args.origin)?;
    let stop = stop_signal()?;
    tokio::pin!(stop);
    // nginx tries five times before it says so.
    let listen = args.listen.resolve().await?.free().await?;
    let client = Client::builder().no_proxy().timeout(ORIGIN_LIMIT).build();
    let client = client.map_err(|error| CliError::failure(error.to_string()))?;
    let files = Files::write(&args, &client).await?;
    let mut edge = Edge::start(&mut command(&args, listen, &origin, &files))?;
    let first = tokio::select! {
        line = edge.stdout.next_line() => line,
        () = &mut stop => return edge.end().await,
    };
    let Ok(Some(line)) = first else { return Err(edge.failure().await) };
    // The script has read them, and another directory holds what nginx reads.
    drop(files);
    announce(&line)?;
    warn_of_silence(&client, &args.origin).await;
    tokio::select! {
        _ = edge.child.wait() => Err(edge.failure().await),
        () = &mut stop => edge.end().await,
    }
}

/// What the script reads while it starts.
struct Files {
    edge: TempDir,
    map: Option<NamedTempFile>,
}

impl Files {
    async fn write(args: &EdgeArgs, client: &Client) -> Result<Self, CliError> {
        let written = tempfile::tempdir().and_then(|edge| {
            cellar_infra::edge::write(edge.path())?;
            Ok(edge)
        });
        let edge =
            written.map_err(|error| CliError::failure(format!("cannot write temporary files: {error}")))?;
        let map = match &args.map_of[..] {
            [] => None,
            collections => Some(density::fetch(client, &args.origin, collections).await?),
        };
        Ok(Self { edge, map })
    }
}

fn command(args: &EdgeArgs, listen: SocketAddr, origin: &str, files: &Files) -> Command {
    let mut command = Command::new("bash");
    command.arg(files.edge.path().join("start.sh")).args(["--while-stdin", "--origin", origin]);
    command.args(["--listen", &listen.to_string(), "--max-radius", &args.max_radius.to_string()]);
    let map = files.map.as_ref().map(NamedTempFile::path).or(args.map.as_deref());
    for (flag, path) in [("--density", map), ("--dir", args.cache.as_deref())] {
        path.map(|path| command.arg(flag).arg(path));
    }
    // Ctrl-C is for us, who then end it.
    #[cfg(unix)]
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The script, and what it says.
struct Edge {
    child: Child,
    /// Without it the script ends.
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    /// Passes on what nginx says; the script's own last words are its result.
    log: JoinHandle<Option<String>>,
}

impl Edge {
    fn start(command: &mut Command) -> Result<Self, CliError> {
        let no_bash = |error| CliError::failure(format!("cannot run bash: {error}")).hint("install it");
        let mut child = command.spawn().map_err(no_bash)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(CliError::failure("bash has no input or output"));
        };
        Ok(Self { child, stdin, stdout: BufReader::new(stdout).lines(), log: tokio::spawn(pass_on(stderr)) })
    }

    /// Ends nginx, and waits until it has.
    async fn end(mut self) -> Result<u8, CliError> {
        drop(self.stdin);
        self.child.wait().await.map(|_| code::OK).map_err(|error| CliError::failure(error.to_string()))
    }

    /// Why it has ended by itself.
    async fn failure(mut self) -> CliError {
        let status = self.child.wait().await;
        let last = self.log.await.ok().flatten().unwrap_or_else(|| "nginx ended".into());
        match status.as_ref().ok().and_then(ExitStatus::code) {
            Some(2) => CliError::usage(last),
            _ => CliError::failure(last),
        }
    }
}

/// Passes lines on to standard error, but for those of the script itself; returns the last of these.
async fn pass_on(stderr: ChildStderr) -> Option<String> {
    let (mut lines, mut last) = (BufReader::new(stderr).lines(), None);
    while let Ok(Some(line)) = lines.next_line().await {
        match line.strip_prefix("edge: ") {
            Some(own) => last = Some(own.to_owned()),
            None => terminal::tell(&line),
        }
    }
    last
}

/// The origin as nginx takes it. The error does not repeat it: a password may be in it.
fn origin(url: &Url) -> Result<String, CliError> {
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    match url.host_str().filter(|_| bare && url.password().is_none() && url.scheme() == "http") {
        Some(host) => Ok(format!("http://{host}:{}", url.port_or_known_default().unwrap_or(80))),
        None => Err(CliError::usage("--origin: it has to be an address as in http://127.0.0.1:8080")),
    }
}

fn announce(line: &str) -> Result<(), CliError> {
    let base = line.trim_start_matches("listening on ");
    say(&format!(
        "{line}\n\nTwice the same, and the second comes from the edge (X-Cache):\n  curl -i '{base}/v1/collections/places/nearby?lat=48.853&lon=2.35&mode=cell'\n\n\
         Ctrl-C stops it."
    ))
}

/// Says so if nobody answers there: the edge itself runs, and the origin may come yet.
async fn warn_of_silence(client: &Client, origin: &Url) {
    if client.get(origin.clone()).send().await.is_err() {
        terminal::tell(&format!(
            "cellar: warning: nothing answers at {origin} yet; `cellar serve` or `cellar demo` starts a server"
        ));
    }
}
