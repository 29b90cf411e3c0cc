//! Arguments of a run.

use std::path::PathBuf;
use std::time::Duration;

use cellar_model::Collection;
use clap::Args;

use crate::cli::workload::UsersArgs;
use crate::http::Protocol;
use crate::regions::{ClientRtt, Regions};
use crate::run::Mode;
use crate::schedule::{Arrivals, Stage, parse_stages};
use crate::slo::FailIf;

/// Shown after the options.
pub const HELP: &str = "\
Latencies are measured from the instant at which a request was due, whether it could be sent then or not.

Exit codes: 0 passed; 1 failed; 2 wrong usage; 97 answers differ from the exact endpoint's; 98 the rate was not kept, or
nothing succeeded; 99 a --fail-if condition is true; 130 stopped with Ctrl-C.

Examples:
  loadtest --rps 300 --regions us-east-1=http://127.0.0.1:8080
  loadtest --rps 300 --regions us-east-1=http://127.0.0.1:8090,us-west-2=http://127.0.0.1:8091
  loadtest --rps 300 --regions us-east-1=http://127.0.0.1:8090,us-west-2=http://127.0.0.1:8091 --collection cities \\
      --mode cell --verify 0.05 --duration 60s --warmup 10s --fail-if 'p99>50ms' --fail-if 'hit.edge<0.9' --json > a.json
  loadtest --rps 300 --regions us-east-1=http://127.0.0.1:8080 --collection cities --html report.html
  loadtest compare a.json b.json";

/// Where requests go, how many, what they ask for and how.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Requests per second
    #[arg(long, value_name = "RATE", default_value_t = 100.0, allow_negative_numbers = true, conflicts_with_all = ["stages", "file"], value_parser = rate)]
    pub rps: f64,
    /// Regions as NAME=URL,… with the names of AWS regions, or NAME@LAT,LON=URL; each search goes to the nearest region
    #[arg(long, value_name = "REGIONS", required = true)]
    pub regions: Option<Regions>,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "30s", conflicts_with_all = ["stages", "file"], value_parser = time)]
    pub duration: Duration,
    /// How long to send requests before measuring
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    pub warmup: Duration,
    /// Raise the rate from 0 to --rps over this time, before --duration; the ramp is measured, too
    #[arg(long, value_name = "TIME", conflicts_with_all = ["stages", "file"], value_parser = time)]
    pub ramp: Option<Duration>,
    /// Stages instead of --rps and --duration: `30s:100` holds a rate, `10s:0..100` ramps from one to another; comma-separated
    #[arg(long, value_name = "STAGES", conflicts_with = "file", value_parser = stages)]
    pub stages: Option<Stages>,
    /// How arrivals are spaced
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson, conflicts_with = "file")]
    pub arrivals: Arrivals,
    /// Collection to search [default: the only one that the first region has]
    #[arg(long, value_name = "NAME")]
    pub collection: Option<Collection>,
    /// How users search
    #[arg(long, value_enum, default_value_t = Mode::Exact)]
    pub mode: Mode,
    /// Share of answers to compare with the exact endpoint's, 0 to 1; requires --mode cell
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true, value_parser = share)]
    pub verify: f64,
    /// Fail the run (exit code 99) if this is true: `p99>50ms`, `hit.edge<0.9`, `us-east-1:errors>1%`; repeatable
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<FailIf>,
    /// Print the whole report as JSON
    #[arg(long)]
    pub json: bool,
    /// Write the whole report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the report with charts as a self-contained HTML file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Confirm that you may load the servers; required unless all of them are on this machine
    #[arg(long)]
    pub i_own_this_target: bool,
    /// Round trip between user and region to add to latencies: `none`, by `distance`, or the same for everyone, such as `20ms`
    #[arg(long, value_name = "RTT", default_value = "none")]
    pub client_rtt: ClientRtt,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its documentation would be that of the command")]
    pub users: UsersArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its documentation would be that of the command")]
    pub sender: SenderArgs,
}

/// How requests are sent.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sender")]
pub struct SenderArgs {
    /// HTTP version
    #[arg(long, value_enum, default_value_t = Protocol::Http1)]
    pub http: Protocol,
    /// Most connections to each region
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub connections: u64,
    /// How long after its due instant a request is abandoned
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub time_limit: Duration,
    /// Requests sent more than this after their due instant count as late; a run with more than 1 % late requests fails
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = time)]
    pub late_after: Duration,
    /// Send requests that are due within this time of each other together, when the last of them is due: cheaper at high rates,
    /// but the wait counts as latency [default: 0s up to 2,500 requests/s, 1ms above]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub group_within: Option<Duration>,
    /// Most requests in flight; requests beyond that are not sent
    #[arg(long, value_name = "NUMBER", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub max_in_flight: u64,
    /// Sending threads
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub workers: u64,
    /// PEM file of certificate authorities to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Content codings that users accept
    #[arg(long, value_enum, default_value_t = Coding::Br)]
    pub accept_encoding: Coding,
}

/// Values of `Accept-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Coding {
    /// Brotli or gzip, as phones do.
    Br,
    /// Gzip.
    Gzip,
    /// None.
    Identity,
}

impl Coding {
    /// The header's value.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Br => "br, gzip",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }
}

/// Stages, as one argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Stages(pub Vec<Stage>);

fn stages(text: &str) -> Result<Stages, String> {
    parse_stages(text).map(Stages).map_err(|error| error.to_string())
}

fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a time with its unit, such as 500ms, 30s or 5m".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let most = crate::schedule::MAX_RATE;
    let rate = text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= most);
    rate.ok_or_else(|| format!("expected a number of requests per second, more than 0 and at most {most}"))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to 1".to_owned())
}
