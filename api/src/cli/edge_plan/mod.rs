//! `cellar edge-plan`.

mod args;
mod input;

pub use args::EdgePlanArgs;

use geo_index::Position;
use geo_index::edge::MapRules;
use indicatif::{ProgressBar, ProgressStyle};

use self::input::Homes;
use super::{CliError, code, say};
use crate::jobs::edge_plan::{Plan, Report, Scheme, Stream, plan};
use crate::jobs::grouped;
use crate::place::Place;

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
        return Stream::of_people(homes, count, rps, args.seed);
    }
    let positions: Vec<Position> = places.iter().map(|place| place.position).collect();
    Stream::uniform(&positions, count, rps, args.seed)
}

async fn simulate(args: &EdgePlanArgs, places: Vec<Place>, stream: Stream) -> Result<Report, CliError> {
    let job = Plan {
        radius: args.radius,
        limit: usize::from(args.limit),
        rules: MapRules { certified: args.certify, listed: usize::from(args.listed) },
        ttls_s: args.ttl.iter().copied().map(f64::from).collect(),
        schemes: if args.only.is_empty() { Scheme::all() } else { args.only.clone() },
        sample: usize::from(args.sample),
    };
    let bar = ProgressBar::new(0).with_style(style());
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
