//! `loadtest cost`.

use std::fs;
use std::path::PathBuf;

use cellar_cli_kit::{CliError, code, say};
use clap::{Args, ValueEnum};

use super::values::within;
use crate::cost::{Architecture, CostReport, Deployment, Prices, Profile};

const EXAMPLES: &str = "\
Examples:
  loadtest cost
  loadtest cost --rps 1000 --edge-hit 0.97
  loadtest cost --regions 1 --memory-mb 512 --arch x86 --warm-every-min 0
  loadtest cost --prices eu-central-1.toml --json

Hit ratios are the ones that a run reports. Defaults are measured (docs/BENCHMARKS.md) or assumed (docs/COSTS.md); \
loadtest/data/prices.toml has the prices with their sources.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Estimate what a deployment costs, by configuration and by month
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CostArgs {
    /// Requests per second, for the monthly figures
    #[arg(long, default_value = "300", value_parser = |text: &str| within(text, 0.0, 1e7))]
    pub rps: f64,

    /// File of prices in the form of loadtest/data/prices.toml; replaces the built-in prices that it names
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,

    /// Number of regions
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub regions: u32,

    /// Processor architecture of the function
    #[arg(long, value_enum, default_value_t = Arch::Arm64)]
    pub arch: Arch,

    /// Memory of the function in MB, 128 to 10240
    #[arg(long, default_value = "1024", value_parser = |text: &str| within(text, 128.0, 10_240.0))]
    pub memory_mb: f64,

    /// Minutes between two calls of the warmer in each region; 0 for no warmer
    #[arg(long, default_value = "5", value_parser = |text: &str| within(text, 0.0, 1_440.0))]
    pub warm_every_min: f64,

    /// Places in the table
    #[arg(long, default_value = "1000000", value_parser = |text: &str| within(text, 0.0, 1e12))]
    pub places: f64,

    /// Places written per month
    #[arg(long, default_value = "10000", value_parser = |text: &str| within(text, 0.0, 1e12))]
    pub writes: f64,

    /// Files imported through the API per month; 0 for a deployment without imports
    #[arg(long, default_value = "0", value_parser = |text: &str| within(text, 0.0, 1e9))]
    pub imports: f64,

    /// Places of an imported file
    #[arg(long, default_value = "100000", value_parser = |text: &str| within(text, 1.0, 1e9))]
    pub import_places: f64,

    /// Share of requests that the edge answers, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = |text: &str| within(text, 0.0, 1.0))]
    pub edge_hit: Option<f64>,

    /// Share of pages found in the function's memory, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = |text: &str| within(text, 0.0, 1.0))]
    pub l1_hit: Option<f64>,

    /// Share of the remaining pages found in the shared cache, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = |text: &str| within(text, 0.0, 1.0))]
    pub l2_hit: Option<f64>,

    /// Read units of a search with nothing cached
    #[arg(long, value_name = "UNITS", value_parser = |text: &str| within(text, 0.0, 1e6))]
    pub read_units: Option<f64>,

    /// Compressed bytes of an answer from a region
    #[arg(long, value_name = "BYTES", value_parser = |text: &str| within(text, 0.0, 1e9))]
    pub answer_bytes: Option<f64>,

    /// Compressed bytes of a cell answer from the edge
    #[arg(long, value_name = "BYTES", value_parser = |text: &str| within(text, 0.0, 1e9))]
    pub cell_bytes: Option<f64>,

    /// Print the whole report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Processor architecture of the function
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// AWS Graviton
    Arm64,
    /// Intel and AMD
    X86,
}

/// Computes the bills and prints them.
pub fn run(args: &CostArgs) -> Result<u8, CliError> {
    let report = report(args)?;
    if args.json {
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| CliError::failure(error.to_string()))?;
        say(&json)?;
    } else {
        say(&report.text())?;
    }
    Ok(code::OK)
}

fn report(args: &CostArgs) -> Result<CostReport, CliError> {
    let mut prices = Prices::built_in();
    if let Some(path) = &args.prices {
        let failed =
            |why: String| CliError::failure(format!("cannot use the prices of {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        prices = prices.changed_by(&text).map_err(|error| failed(error.to_string()))?;
    }
    let deployment = Deployment {
        regions: args.regions,
        architecture: if args.arch == Arch::X86 { Architecture::X86 } else { Architecture::Arm64 },
        memory_mb: args.memory_mb,
        warm_every_min: args.warm_every_min,
        places: args.places,
        writes: args.writes,
        imports: args.imports,
        import_places: args.import_places,
        ..Deployment::default()
    };
    Ok(CostReport::new(&deployment, &profiles(args), args.rps, &prices))
}

/// The configurations, with the defaults that arguments replace; a hit ratio applies to those that have the tier.
fn profiles(args: &CostArgs) -> Vec<Profile> {
    let mut profiles = Profile::all();
    for profile in &mut profiles {
        let bytes = if profile.edge_hit.is_some() { args.cell_bytes } else { args.answer_bytes };
        profile.answer_bytes = bytes.unwrap_or(profile.answer_bytes);
        profile.edge_hit = profile.edge_hit.map(|hit| args.edge_hit.unwrap_or(hit));
        profile.l2_hit = profile.l2_hit.map(|hit| args.l2_hit.unwrap_or(hit));
        profile.read_units = args.read_units.unwrap_or(profile.read_units);
        if profile.l1_hit > 0.0 {
            profile.l1_hit = args.l1_hit.unwrap_or(profile.l1_hit);
        }
    }
    profiles
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what was put in comes out, or is exact")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: CostArgs,
    }

    fn parse(args: &[&str]) -> Result<CostArgs, clap::Error> {
        Command::try_parse_from([&["cost"], args].concat()).map(|command| command.args)
    }

    #[test]
    fn measured_ratios_take_the_place_of_the_defaults() {
        let args =
            parse(&["--edge-hit", "0.5", "--l1-hit", "0.2", "--cell-bytes", "10", "--rps", "1"]).unwrap();
        let report = report(&args).unwrap();
        let edge: Vec<Option<f64>> = report.configurations.iter().map(|row| row.profile.edge_hit).collect();
        assert_eq!(edge, [None, None, None, Some(0.5)]);
        let l1: Vec<f64> = report.configurations.iter().map(|row| row.profile.l1_hit).collect();
        assert_eq!(l1, [0.0, 0.2, 0.2, 0.2]);
        assert_eq!(report.configurations[3].profile.answer_bytes, 10.0);
        assert_eq!(report.configurations[0].month.requests, 730.0 * 3_600.0);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            &["--rps", "-1"][..],
            &["--rps", "NaN"],
            &["--edge-hit", "1.1"],
            &["--memory-mb", "64"],
            &["--regions", "0"],
            &["--arch", "mips"],
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
        let error = report(&parse(&["--prices", "/nowhere/prices.toml"]).unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("cannot use the prices of /nowhere/prices.toml: "), "{error}");
    }
}
