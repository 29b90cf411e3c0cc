//! `cellar verify`.

use std::sync::Arc;

use cellar_cli_kit::{CliError, code, progress, say};
use cellar_jobs::verify::{Difference, Report, Verify, verify};
use cellar_model::Collection;
use cellar_search::pages::StorePages;
use cellar_search::{Limits, Search};
use cellar_store::Store;
use clap::Args;
use geo_index::Meters;
use indicatif::ProgressStyle;

use super::interrupt;
use super::store_args::StoreArgs;
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar verify --collection cities
  cellar verify --collection cities --searches 5000 --seed 7 --json

Reads the whole collection into memory, then compares sampled searches, and the pages of results behind them, with \
brute force: set, order and distance.

Exit codes: 0 no difference, 1 failed or some searches differed, 2 wrong usage, 130 and 143 stopped by a signal.";

/// Compares sampled searches with brute force
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// Collection to verify
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// Searches to sample, at least 1
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    searches: u32,

    /// Seed of the sample
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Longest radius that is tried.
const MAX_RADIUS_M: f64 = 100_000.0;

/// Verifies and prints the report.
pub async fn run(args: VerifyArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let told = || ("nothing is changed".to_owned(), format!("begin again with `{}`", interrupt::command()));
    let outcome = interrupt::unless_stopped(run_on(open.store.clone(), &args), told).await;
    open.close().await;
    let report = outcome?;
    if args.json {
        let json = serde_json::to_string(&report).map_err(|error| CliError::failure(error.to_string()))?;
        say(&json)?;
    } else {
        say(&text(&report))?;
    }
    Ok(if report.differences == 0 { code::OK } else { code::FAILURE })
}

async fn run_on(store: Arc<dyn Store>, args: &VerifyArgs) -> Result<Report, CliError> {
    if store.collection(&args.collection).await.explained()?.is_none() {
        return Err(no_collection(&args.collection));
    }
    let job = Verify {
        collection: args.collection.clone(),
        searches: args.searches as usize,
        max_radius: Meters::new(MAX_RADIUS_M).unwrap_or(Meters::ZERO),
        seed: args.seed,
    };
    let search = Search::new(Arc::new(StorePages::keeping_crowds(store.clone())), Limits::default());
    let bar = progress::bar(u64::from(args.searches)).with_style(style());
    let report = verify(&job, &*store, &search, |read, compared| {
        bar.set_message(format!("{read} places"));
        bar.set_position(compared as u64);
    })
    .await
    .explained()?;
    bar.finish_and_clear();
    Ok(report)
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} searches over {msg} [{elapsed}]")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn text(report: &Report) -> String {
    let mut lines = vec![
        format!("places            {:>12}", report.places),
        format!("checksum      {:>16}", report.checksum.to_string()),
        format!("searches compared {:>12}", report.searches),
        format!("results compared  {:>12}", report.results),
        format!("differences       {:>12}", report.differences),
        format!("queries/search    {:>12.2}", report.queries_per_search),
        format!("read units/search {:>12.2}", report.read_units_per_search),
        format!("rounds/search     {:>12.2}", report.rounds_per_search),
    ];
    for difference in &report.examples {
        let Difference { lat, lon, radius_m, limit, category, expected, found } = difference;
        lines.push(format!("\ndiffers: lat={lat} lon={lon} radius={radius_m}"));
        lines.push(format!("  limit={limit} category={category:?}"));
        lines.push(format!("  expected {expected:?}\n  found    {found:?}"));
    }
    lines.join("\n")
}
