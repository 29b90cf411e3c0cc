//! `cellar edge-plan`.

mod args;
mod input;

pub use args::EdgePlanArgs;

use std::num::NonZeroUsize;

use cellar_cli_kit::{CliError, code, progress, say};
use cellar_jobs::edge_plan::{Plan, Report, Scheme, Stream, plan};
use cellar_model::grouped;
use cellar_model::place::Place;
use geo_index::Position;
use geo_index::edge::MapRules;
use indicatif::ProgressStyle;

use self::input::Homes;

/// Searches of one simulation, at most: they are kept in memory, some 100 bytes each.
const MAX_SEARCHES: u64 = 2_000_000;

/// Simulates and prints the report.
pub async fn run(args: EdgePlanArgs) -> Result<u8, CliError> {
    let searches = u64::from(args.rps) * u64::from(args.duration);
    if searches > MAX_SEARCHES {
        return Err(CliError::usage(format!(
            "--rps {} for --duration {} are {} searches; at most {} are possible",
            args.rps,
            args.duration,
            grouped(searches),
            grouped(MAX_SEARCHES)
        )));
    }
    if args.reads_nothing() {
        return Err(CliError::usage("options about reading are for --places, or for --positions without it")
            .hint("leave it out, or name a file with --places"));
    }
    // Files first: nothing is created for a file that is not there.
    let homes =
        args.whose.users.as_deref().map(|path| input::homes(path, args.country.as_deref())).transpose()?;
    let given = input::given(&args)?;
    let places = match (&args.what.generate, &homes) {
        (Some(each), Some(homes)) => input::restaurants(homes, *each, args.seed),
        _ => input::places(&args).await?,
    };
    let stream = given.unwrap_or_else(|| generated(&args, homes.as_ref(), &places, searches));
    if stream.requests.is_empty() {
        return Err(CliError::failure("there are no places, so nobody searches")
            .hint("import some, or say with --users where users live"));
    }
    let report = simulate(&args, places, stream).await?;
    if args.json {
        say(&serde_json::to_string(&report).map_err(|error| CliError::failure(error.to_string()))?)?;
    } else {
        say(&report.table())?;
    }
    Ok(code::OK)
}

fn generated(args: &EdgePlanArgs, homes: Option<&Homes>, places: &[Place], searches: u64) -> Stream {
    let (count, rps) = (searches as usize, f64::from(args.rps));
    if let Some(homes) = homes {
        return Stream::of_residents(homes, count, rps, args.seed);
    }
    let positions: Vec<Position> = places.iter().map(|place| place.position).collect();
    Stream::uniform(&positions, count, rps, args.seed)
}

/// A number that the arguments allow from 1 on.
fn not_zero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("arguments of 0 are refused")
}

async fn simulate(args: &EdgePlanArgs, places: Vec<Place>, stream: Stream) -> Result<Report, CliError> {
    let job = Plan {
        radius: args.radius,
        limit: not_zero(args.limit.into()),
        rules: MapRules { certified: args.certify, listed: not_zero(args.listed.into()) },
        ttls_s: args.ttl.iter().copied().map(f64::from).collect(),
        schemes: if args.only.is_empty() { Scheme::all() } else { args.only.clone() },
        sample: usize::from(args.sample),
    };
    let bar = progress::bar(0).with_style(style());
    let shown = bar.clone();
    let work = tokio::task::spawn_blocking(move || {
        plan(&job, &places, &stream, |done, total| {
            shown.set_length(total);
            shown.set_position(done);
        })
    });
    let report = work.await.map_err(|error| CliError::failure(format!("the simulation failed: {error}")));
    bar.finish_and_clear();
    report
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} searches [{elapsed}, {eta} left]")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
