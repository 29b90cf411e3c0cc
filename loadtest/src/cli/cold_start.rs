//! `loadtest cold-start`: what cold starts cost, with the real binary.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use thiserror::Error;

use crate::coldstart::arrivals::{Arrivals, Warmer};
use crate::coldstart::contender::ContenderError;
use crate::coldstart::load::Load;
use crate::coldstart::plan::SimulationPlan;
use crate::coldstart::starts::Starts;
use crate::coldstart::tls::TlsFront;
use crate::coldstart::{Contender, Plan, Report, table};
use crate::lambda::{InvokeError, Limits};

const EXAMPLES: &str = "\
Examples:
  # The bare function beside ours
  loadtest cold-start --function hello=target/dist/hello-function \\
    --function 'ours=target/dist/bootstrap,CELLAR_TABLE=cellar,CELLAR_ENDPOINT_URL=http://127.0.0.1:8000'

  # What TLS is worth: {tls} and {ca} stand for a TLS front before --store and for its authority's certificate
  loadtest cold-start --store 127.0.0.1:8000 --get '/v1/collections/cities/nearby?lat=48.8566&lon=2.3522' \\
    --function 'plain=target/dist/bootstrap,CELLAR_TABLE=cellar,CELLAR_ENDPOINT_URL={store}' \\
    --function 'tls=target/dist/bootstrap,CELLAR_TABLE=cellar,CELLAR_ENDPOINT_URL={tls},AWS_CA_BUNDLE={ca}'

  # Shares of cold starts under load, and simulated for an hour
  loadtest cold-start --function hello=target/dist/hello-function --rate 10,100 --idle 100ms,1s --simulate 10,100,1000";

/// Cold starts of functions, one by one, all at once, under load, and simulated
///
/// Runs the binaries in environments as Lambda's, on this machine. The function that is named first is what the others
/// are compared with; loads and simulations are of the one that is named last.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ColdStartArgs {
    /// A function to measure, with variables for it; repeat for several
    #[arg(long = "function", value_name = "NAME=PATH[,VARIABLE=VALUE...]", required = true)]
    pub functions: Vec<String>,

    /// DynamoDB endpoint on loopback that functions can name as {store}, or over TLS as {tls} with authority {ca}
    #[arg(long, value_name = "HOST:PORT")]
    pub store: Option<SocketAddr>,

    /// What each invocation asks for
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub get: String,

    /// Environments of each function, started one by one
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,

    /// Invocations of each environment after the first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub warm: u32,

    /// Invocations before memory is read
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub before_memory: u32,

    /// Invocations at once, each in an environment of its own; 0 for none
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub at_once: u32,

    /// Memory of the functions, in MiB
    #[arg(long, value_name = "MIB", default_value = "512", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub memory: Vec<u32>,

    /// Hold CPU to the share of the memory (1,769 MiB have one vCPU), by control groups, where the system allows it
    #[arg(long)]
    pub hold_cpu: bool,

    /// A file that gets what the functions print
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Loads, in requests per second
    #[arg(long, value_name = "PER_SECOND", value_delimiter = ',', value_parser = rate)]
    pub rate: Vec<f64>,

    /// Times after which an idle environment is ended
    #[arg(long, value_name = "TIME", default_value = "5m", value_delimiter = ',', value_parser = humantime::parse_duration)]
    pub idle: Vec<Duration>,

    /// Requests that come at the same instant
    #[arg(long, value_name = "COUNT", default_value = "1", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub burst: Vec<u32>,

    /// Environments that a warmer keeps, by as many pings at half the idle time; 0 is no warmer
    #[arg(long, value_name = "COUNT", default_value = "0", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub warmer: Vec<u32>,

    /// Environments that are there before
    #[arg(long, value_name = "COUNT", default_value = "0", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub provisioned: Vec<u32>,

    /// How long each load lasts
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,

    /// Rates to simulate, in requests per second
    #[arg(long, value_name = "PER_SECOND", value_delimiter = ',', value_parser = rate)]
    pub simulate: Vec<f64>,

    /// How long each simulation lasts, in its own time
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub simulate_for: Duration,

    /// Idle times to simulate
    #[arg(long, value_name = "TIME", default_value = "5m", value_delimiter = ',', value_parser = humantime::parse_duration)]
    pub simulate_idle: Vec<Duration>,

    /// Seed of arrivals and simulations
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// The report as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ColdStartError {
    /// A function that cannot be run.
    #[error(transparent)]
    Contender(#[from] ContenderError),
    /// A name that stands for nothing.
    #[error("{0} needs a store; add --store HOST:PORT")]
    NoStore(&'static str),
    /// A path that is none.
    #[error("--get {0:?} is no path; allowed: a path with its query, such as /health")]
    Path(String),
    /// TLS could not be offered.
    #[error("cannot offer TLS: {0}")]
    Tls(std::io::Error),
    /// A fleet could not start.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Json(#[from] serde_json::Error),
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=100_000.0).contains(rate));
    rate.ok_or_else(|| "allowed: 0.001 to 100000 requests per second".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_millis(1)..=Duration::from_hours(24 * 30);
    if allowed.contains(&duration) { Ok(duration) } else { Err("allowed: 1ms to 30days".to_owned()) }
}

/// Measures, with a progress bar on standard error, and tells the report as text: tables, or JSON.
pub async fn run(args: &ColdStartArgs) -> Result<String, ColdStartError> {
    let front = match args.store {
        Some(store) => Some(TlsFront::open(store).await.map_err(ColdStartError::Tls)?),
        None => None,
    };
    let plan = plan(args, front.as_ref())?;
    let style = ProgressStyle::with_template("{msg:12} {wide_bar} {pos}/{len} {eta}");
    let bar = ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let report = plan.run(&bar).await?;
    Ok(if args.json { json(&report)? } else { table::text(&report) })
}

fn json(report: &Report) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

fn plan(args: &ColdStartArgs, front: Option<&TlsFront>) -> Result<Plan, ColdStartError> {
    let event = crate::lambda::get_event(&args.get).ok_or_else(|| ColdStartError::Path(args.get.clone()))?;
    let limits = Limits { hold_cpu: args.hold_cpu, idle: first(&args.idle), ..Limits::default() };
    Ok(Plan {
        contenders: args
            .functions
            .iter()
            .map(|text| contender(args, text, front))
            .collect::<Result<_, _>>()?,
        starts: Starts {
            rounds: args.rounds as usize,
            warm: args.warm as usize,
            before_memory: args.before_memory as usize,
            event,
            // One environment at a time is never idle for long.
            limits: Limits { idle: Limits::default().idle, ..limits.clone() },
        },
        burst: args.at_once as usize,
        loads: loads(args, &limits),
        simulations: simulations(args),
    })
}

fn contender(
    args: &ColdStartArgs,
    text: &str,
    front: Option<&TlsFront>,
) -> Result<Contender, ColdStartError> {
    let mut contender: Contender = filled(text, args.store, front)?.parse()?;
    contender.function.memory_mib = first(&args.memory);
    contender.function.log.clone_from(&args.log);
    Ok(contender)
}

/// With what {store}, {tls} and {ca} stand for.
fn filled(text: &str, store: Option<SocketAddr>, front: Option<&TlsFront>) -> Result<String, ColdStartError> {
    let values = [
        ("{store}", store.map(|store| format!("http://{store}"))),
        ("{tls}", front.map(TlsFront::url)),
        ("{ca}", front.map(|front| front.ca().display().to_string())),
    ];
    let mut text = text.to_owned();
    for (name, value) in values {
        if text.contains(name) {
            text = text.replace(name, &value.ok_or(ColdStartError::NoStore(name))?);
        }
    }
    Ok(text)
}

/// One thing is varied at a time: the first value of each list is the base.
fn loads(args: &ColdStartArgs, limits: &Limits) -> Vec<Load> {
    let Some(&rate) = args.rate.first() else { return Vec::new() };
    let arrivals = Arrivals {
        rate,
        burst: first(&args.burst) as usize,
        duration: args.duration,
        warmer: warmer(first(&args.warmer), limits.idle),
        seed: args.seed,
    };
    let limits = Limits { provisioned: first(&args.provisioned) as usize, ..limits.clone() };
    let base = Load { arrivals, memory_mib: first(&args.memory), limits };
    let with = |change: &dyn Fn(&mut Load)| {
        let mut load = base.clone();
        change(&mut load);
        load
    };
    let mut loads = vec![base.clone()];
    loads.extend(args.rate.iter().skip(1).map(|rate| with(&|load| load.arrivals.rate = *rate)));
    loads.extend(args.idle.iter().skip(1).map(|idle| {
        with(&|load| {
            load.limits.idle = *idle;
            load.arrivals.warmer = warmer(first(&args.warmer), *idle);
        })
    }));
    loads.extend(args.burst.iter().skip(1).map(|burst| with(&|load| load.arrivals.burst = *burst as usize)));
    loads.extend(args.memory.iter().skip(1).map(|memory| with(&|load| load.memory_mib = *memory)));
    loads.extend(
        args.warmer
            .iter()
            .skip(1)
            .map(|width| with(&|load| load.arrivals.warmer = warmer(*width, load.limits.idle))),
    );
    loads.extend(
        args.provisioned.iter().skip(1).map(|count| with(&|load| load.limits.provisioned = *count as usize)),
    );
    loads
}

fn warmer(width: u32, idle: Duration) -> Option<Warmer> {
    (width > 0).then(|| Warmer { every: (idle / 2).max(Duration::from_millis(1)), width: width as usize })
}

fn simulations(args: &ColdStartArgs) -> Vec<SimulationPlan> {
    let arrivals =
        |rate| Arrivals { rate, burst: 1, duration: args.simulate_for, warmer: None, seed: args.seed };
    let of_idle = |idle| args.simulate.iter().map(move |rate| (*rate, idle));
    let pairs = args.simulate_idle.iter().flat_map(|idle| of_idle(*idle));
    pairs.map(|(rate, idle)| SimulationPlan { arrivals: arrivals(rate), idle }).collect()
}

/// Lists have defaults, so that none is empty.
fn first<T: Copy + Default>(list: &[T]) -> T {
    list.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: ColdStartArgs,
    }

    fn args(more: &[&str]) -> ColdStartArgs {
        let all = ["loadtest", "--function", "shell=/bin/sh"].iter().chain(more);
        Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{error}")).args
    }

    fn problem(more: &[&str]) -> String {
        plan(&args(more), None).unwrap_err().to_string()
    }

    #[test]
    fn one_thing_is_varied_at_a_time() {
        let args = args(&["--rate", "10,100", "--idle", "1s,2s", "--warmer", "0,3", "--memory", "512,1769"]);
        let loads = plan(&args, None).unwrap().loads;
        let told: Vec<_> = loads
            .iter()
            .map(|load| {
                let pings = load.arrivals.warmer.map_or(0, |warmer| warmer.width);
                (load.arrivals.rate as u32, load.limits.idle.as_secs(), load.memory_mib, pings)
            })
            .collect();
        assert_eq!(
            told,
            [(10, 1, 512, 0), (100, 1, 512, 0), (10, 2, 512, 0), (10, 1, 1_769, 0), (10, 1, 512, 3)]
        );
        assert_eq!(loads[4].arrivals.warmer.unwrap().every, Duration::from_millis(500));
    }

    #[test]
    fn bad_input_says_what_to_mend() {
        assert_eq!(
            problem(&["--function", "x=/bin/sh,URL={tls}"]),
            "{tls} needs a store; add --store HOST:PORT"
        );
        assert!(problem(&["--get", "no path"]).starts_with("--get \"no path\" is no path"));
        let parse = |more: &[&str]| {
            Cli::try_parse_from(["loadtest", "--function", "a=/bin/sh"].iter().chain(more)).err()
        };
        for bad in
            [["--rate", "0"], ["--rate", "NaN"], ["--duration", "0s"], ["--memory", "64"], ["--idle", "soon"]]
        {
            assert!(parse(&bad).is_some(), "{bad:?}");
        }
    }
}
