//! `cellar edge-plan`.

mod args;
mod cases;
mod input;

pub use args::EdgePlanArgs;

use std::io::{self, Write as _};
use std::num::{NonZeroU8, NonZeroUsize};
use std::path::Path;

use cellar_cli_kit::output::OutputFile;
use cellar_cli_kit::{CliError, code, progress, say};
use cellar_jobs::edge_plan::{Case, Homes as Living, Length, Plan, Report, Scheme, Stream, chart, plan};
use cellar_model::grouped;
use cellar_model::place::Place;
use geo_index::Position;
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
    let cases = args.caches.cases()?;
    if let Some(path) = &args.svg {
        has_directory(path)?;
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
    let report = simulate(&args, cases, places, stream).await?;
    if let Some(path) = &args.svg {
        draw(path, &chart(&report, &args.title()))?;
    }
    if args.json {
        say(&serde_json::to_string(&report).map_err(|error| CliError::failure(error.to_string()))?)?;
    } else {
        say(&report.table())?;
    }
    Ok(code::OK)
}

fn generated(args: &EdgePlanArgs, homes: Option<&Homes>, places: &[Place], searches: u64) -> Stream {
    let positions: Vec<Position> = places.iter().map(|place| place.position).collect();
    let living = homes.map_or(Living::At(&positions), |homes| Living::Around(homes));
    args.crowd().stream(living, searches as usize, f64::from(args.rps), args.seed)
}

/// A simulation may take minutes, so a directory that does not exist is told at once.
fn has_directory(path: &Path) -> Result<(), CliError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if directory.is_none_or(Path::is_dir) {
        return Ok(());
    }
    let error = CliError::usage(format!("cannot write {}: there is no such directory", path.display()));
    Err(error.hint("create it, or name another file with --svg"))
}

fn draw(path: &Path, svg: &str) -> Result<(), CliError> {
    let write = || {
        let mut file = OutputFile::create(path)?;
        file.write_all(svg.as_bytes())?;
        file.finish()
    };
    write().map_err(|error: io::Error| {
        CliError::failure(format!("cannot write {}: {error}", path.display()))
            .hint("it has to be a file in a directory that exists and can be written")
    })
}

/// A number that the arguments allow from 1 on.
fn not_zero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("arguments of 0 are refused")
}

async fn simulate(
    args: &EdgePlanArgs,
    cases: Vec<Case>,
    places: Vec<Place>,
    stream: Stream,
) -> Result<Report, CliError> {
    let caches = &args.caches;
    let job = Plan {
        radius: args.radius,
        limit: not_zero(args.limit.into()),
        length: match args.listed_bytes {
            Some(bytes) => Length::of_bytes(bytes as usize),
            None => Length::of(not_zero(args.listed.into())),
        },
        certified: args.certify,
        cases,
        shield: caches.shield,
        stale_s: f64::from(caches.stale),
        purging: caches.purging(),
        tiers: caches.tiers,
        processes: NonZeroU8::new(caches.processes).expect("arguments of 0 are refused"),
        seed: args.seed,
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
