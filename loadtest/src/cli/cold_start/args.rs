//! What can be asked of `loadtest cold-start`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

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

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=100_000.0).contains(rate));
    rate.ok_or_else(|| "allowed: 0.001 to 100000 requests per second".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_millis(1)..=Duration::from_hours(24 * 30);
    if allowed.contains(&duration) { Ok(duration) } else { Err("allowed: 1ms to 30days".to_owned()) }
}
