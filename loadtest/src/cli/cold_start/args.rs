//! The arguments of `loadtest cold-start`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  # A bare function beside ours
  loadtest cold-start --function hello=target/dist/examples/hello-function \\
    --function 'ours=target/dist/bootstrap,CELLAR_TABLE=cellar,CELLAR_ENDPOINT_URL=http://127.0.0.1:8000'

  # The cost of TLS: {tls} stands for a TLS proxy in front of --store, {ca} for the certificate of its authority
  loadtest cold-start --store 127.0.0.1:8000 --get '/v1/collections/cities/nearby?lat=48.8566&lon=2.3522' \\
    --function 'plain=target/dist/bootstrap,CELLAR_TABLE=cellar,CELLAR_ENDPOINT_URL={store}' \\
    --function 'tls=target/dist/bootstrap,CELLAR_TABLE=cellar,CELLAR_ENDPOINT_URL={tls},AWS_CA_BUNDLE={ca}'

  # Cold starts under load, and simulated over an hour
  loadtest cold-start --function hello=target/dist/examples/hello-function --rate 10,100 --idle 100ms,1s --simulate 10,100,1000";

/// Measure cold starts of functions one by one, all at once and under load, and simulate them
///
/// Runs the binaries on this machine in environments that behave as Lambda's do. The first function is the baseline; loads and
/// simulations use the last one.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ColdStartArgs {
    /// Function to measure, with its environment variables; repeatable
    #[arg(long = "function", value_name = "NAME=PATH[,VARIABLE=VALUE...]", required = true)]
    pub functions: Vec<String>,

    /// DynamoDB endpoint on loopback; {store} stands for it in variables, {tls} for a TLS proxy in front of it, {ca} for its authority
    #[arg(long, value_name = "HOST:PORT")]
    pub store: Option<SocketAddr>,

    /// Path that each invocation requests
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub get: String,

    /// Environments of each function, started one by one
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,

    /// Invocations of each environment after its first one
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub warm: u32,

    /// Invocations of an environment before its memory is read
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub before_memory: u32,

    /// Concurrent invocations, each in its own environment; 0 for none
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub at_once: u32,

    /// Memory of the functions, in MiB
    #[arg(long, value_name = "MIB", default_value = "512", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub memory: Vec<u32>,

    /// Limit CPU in proportion to memory (1,769 MiB is one vCPU), by control groups, where the system allows it
    #[arg(long)]
    pub hold_cpu: bool,

    /// File for the output of the functions
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Load in requests per second; several values, comma-separated, are measured in turn
    #[arg(long, value_name = "PER_SECOND", value_delimiter = ',', value_parser = rate)]
    pub rate: Vec<f64>,

    /// How long an environment may be idle before it is stopped
    #[arg(long, value_name = "TIME", default_value = "5m", value_delimiter = ',', value_parser = humantime::parse_duration)]
    pub idle: Vec<Duration>,

    /// Requests that arrive at the same instant
    #[arg(long, value_name = "COUNT", default_value = "1", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub burst: Vec<u32>,

    /// Environments that a warmer keeps alive with as many pings, every half of the idle time; 0 for no warmer
    #[arg(long, value_name = "COUNT", default_value = "0", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub warmer: Vec<u32>,

    /// Provisioned environments
    #[arg(long, value_name = "COUNT", default_value = "0", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub provisioned: Vec<u32>,

    /// Duration of each load
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,

    /// Rates to simulate, in requests per second
    #[arg(long, value_name = "PER_SECOND", value_delimiter = ',', value_parser = rate)]
    pub simulate: Vec<f64>,

    /// Simulated duration
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub simulate_for: Duration,

    /// Idle times to simulate
    #[arg(long, value_name = "TIME", default_value = "5m", value_delimiter = ',', value_parser = humantime::parse_duration)]
    pub simulate_idle: Vec<Duration>,

    /// Seed of arrivals and simulations
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=100_000.0).contains(rate));
    rate.ok_or_else(|| "expected 0.001 to 100000 requests per second".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_millis(1)..=Duration::from_hours(24 * 30);
    if allowed.contains(&duration) {
        Ok(duration)
    } else {
        Err("expected a time from 1ms to 30days".to_owned())
    }
}
