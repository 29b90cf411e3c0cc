//! From arguments to a run: every error is found before a search is sent.
//!
//! Invariant: nothing is sent unless every host is this machine, or the user confirms that they may load it.

use std::path::Path;
use std::time::Duration;

use cellar_cli_kit::{CliError, terminal};
use cellar_model::Collection;

use crate::cli::code;
use crate::cli::workload::{Source, UsersArgs};
use crate::http::tls::client_config;
use crate::http::{self, BaseUrl, Target};
use crate::plan::Plan;
use crate::regions::{ClientRtt, Regions};
use crate::report::model;
use crate::run::{Mode, Region, Route, Routing, RunSettings};
use crate::schedule::{Schedule, Stage};

use super::args::RunArgs;
use super::collection::only_one;

/// How long a server may take to list its collections; a cold start takes time.
const LISTING: Duration = Duration::from_secs(10);

/// Highest rate, in requests per second, at which requests are sent individually by default.
const SINGLE_RATE: f64 = 2_500.0;
/// Default of `--group-within` above that rate.
const GROUPED: Duration = Duration::from_millis(1);

/// A run that is ready to start.
pub(super) struct Prepared {
    pub(super) settings: RunSettings,
    pub(super) plan: Plan,
    pub(super) routing: Box<dyn Routing>,
    /// The settings for the report.
    pub(super) described: model::Settings,
}

pub(super) async fn prepare(args: &RunArgs) -> Result<Prepared, CliError> {
    let missing = |what: &str| CliError::usage(format!("{what} is missing"));
    let regions = args.regions.clone().ok_or_else(|| missing("--regions"))?;
    // A log may hold searches of many collections.
    if args.users.replay.is_some() && args.collection.is_none() {
        return Err(CliError::usage("--collection is missing: a log is replayed for one collection"));
    }
    for condition in &args.fail_if {
        let names = regions.all().iter().map(|region| region.name.as_str());
        condition.check(names).map_err(|error| CliError::usage(error.to_string()))?;
    }
    if args.verify > 0.0 && args.mode != Mode::Cell {
        return Err(CliError::usage("--verify compares results from cells with exact ones: add --mode cell"));
    }
    if args.sender.time_limit.is_zero() || args.sender.time_limit > crate::schedule::MAX_LENGTH {
        return Err(CliError::usage("--time-limit must be more than 0 s and at most 24 h"));
    }
    if args.sender.group_within.is_some_and(|within| within > args.sender.late_after) {
        return Err(CliError::usage("--group-within must not be more than --late-after"));
    }
    let (timing, source) = workload(args)?;
    source.notes.iter().for_each(|note| terminal::note(note));
    let targets = resolve(&regions, args.i_own_this_target).await?;
    let http = http(args, &targets)?;
    let collection = match &args.collection {
        Some(named) => named.clone(),
        None => only_one(targets.first().ok_or_else(|| missing("--regions"))?, &http, LISTING).await?,
    };
    let settings = settings(args, collection, targets, http, &timing);
    let described = describe(args, &settings, &timing);
    let routing = routing(regions, args.client_rtt);
    Ok(Prepared { settings, plan: source.plan, routing, described })
}

fn stages(args: &RunArgs) -> Vec<Stage> {
    if let Some(stages) = &args.stages {
        return stages.0.clone();
    }
    let ramp = args.ramp.map(|duration| Stage { duration, from: 0.0, to: args.rps });
    ramp.into_iter().chain([Stage::constant(args.rps, args.duration)]).collect()
}

/// The durations of a run, and its stages unless the instants come from a file.
struct Timing {
    warmup: Duration,
    measured: Duration,
    stages: Vec<Stage>,
}

/// The timing of the run and the source of its searches.
fn workload(args: &RunArgs) -> Result<(Timing, Source), CliError> {
    let users = &args.users;
    let schedule =
        Schedule::new(args.warmup, stages(args)).map_err(|error| CliError::usage(error.to_string()))?;
    let instants = schedule.instants(args.arrivals, users.seed);
    let source = users.source(args.collection.as_ref(), instants, schedule.length())?;
    if users.replay.is_none() && users.stream.is_none() {
        let timing =
            Timing { warmup: schedule.warmup(), measured: schedule.measured(), stages: stages(args) };
        return Ok((timing, source));
    }
    // Up to and including the last search.
    let length = source.duration + Duration::from_nanos(1);
    let measured = length.checked_sub(args.warmup).filter(|measured| !measured.is_zero());
    let measured = measured.ok_or_else(|| CliError::usage("--warmup is longer than the file"))?;
    Ok((Timing { warmup: args.warmup, measured, stages: Vec::new() }, source))
}

fn routing(regions: Regions, rtt: ClientRtt) -> Box<dyn Routing> {
    Box::new(move |position| {
        let (region, round_trip) = regions.route(position, rtt);
        Route { region, round_trip }
    })
}

/// Resolves all hosts, and refuses those that someone else may own.
async fn resolve(regions: &Regions, owned: bool) -> Result<Vec<Region>, CliError> {
    let mut resolved = Vec::new();
    for region in regions.all() {
        let bad = |error: http::TargetError| CliError::usage(format!("region `{}`: {error}", region.name));
        let url: BaseUrl = region.url.as_str().parse().map_err(bad)?;
        let target =
            Target::resolve(url).await.map_err(|error| CliError { code: code::FAILURE, ..bad(error) })?;
        if !owned && !target.is_loopback() {
            return Err(CliError::usage(format!(
                "`{}` is not this machine: add --i-own-this-target if you may load it",
                target.url
            )));
        }
        resolved.push(Region::new(region.name.clone(), target));
    }
    Ok(resolved)
}

fn http(args: &RunArgs, regions: &[Region]) -> Result<http::Settings, CliError> {
    let sender = &args.sender;
    let secure = regions.iter().any(|region| region.target.url.secure);
    let tls = secure.then(|| client_config(sender.http, sender.ca.as_deref())).transpose();
    Ok(http::Settings {
        protocol: sender.http,
        connections: sender.connections as usize,
        tls: tls.map_err(CliError::usage)?,
        accept_encoding: sender.accept_encoding.header(),
    })
}

fn settings(
    args: &RunArgs,
    collection: Collection,
    regions: Vec<Region>,
    http: http::Settings,
    timing: &Timing,
) -> RunSettings {
    let sender = &args.sender;
    RunSettings {
        regions,
        warmup: timing.warmup,
        measured: timing.measured,
        seed: args.users.seed,
        mode: args.mode,
        collection,
        http,
        time_limit: sender.time_limit,
        late_after: sender.late_after,
        group_within: sender.group_within.unwrap_or_else(|| grouped(timing).min(sender.late_after)),
        max_in_flight: sender.max_in_flight as usize,
        workers: sender.workers as usize,
        memory: true,
        cell_level: None,
        verify: args.verify,
        pages: true,
    }
}

/// The default of `--group-within`: at high rates, waking up for each request would take much of the processors that the server may
/// share.
fn grouped(timing: &Timing) -> Duration {
    let rates = timing.stages.iter().flat_map(|stage| [stage.from, stage.to]);
    if rates.fold(0.0, f64::max) > SINGLE_RATE { GROUPED } else { Duration::ZERO }
}

fn describe(args: &RunArgs, settings: &RunSettings, timing: &Timing) -> model::Settings {
    let stage = |stage: Stage| model::Stage {
        lasts_s: stage.duration.as_secs_f64(),
        from_rps: stage.from,
        to_rps: stage.to,
    };
    let users = &args.users;
    model::Settings {
        mode: settings.mode,
        collection: settings.collection.to_string(),
        workload: in_words(users),
        arrivals: (!timing.stages.is_empty()).then_some(args.arrivals),
        seed: users.seed,
        stages: timing.stages.iter().copied().map(stage).collect(),
        warmup_s: timing.warmup.as_secs_f64(),
        protocol: settings.http.protocol,
        connections: settings.http.connections as u64,
        accept_encoding: settings.http.accept_encoding.to_owned(),
        time_limit_ms: settings.time_limit.as_secs_f64() * 1e3,
        late_after_ms: settings.late_after.as_secs_f64() * 1e3,
        group_within_ms: settings.group_within.as_secs_f64() * 1e3,
        max_in_flight: settings.max_in_flight as u64,
        workers: settings.workers as u64,
        client_rtt: match args.client_rtt {
            ClientRtt::None => "none".to_owned(),
            ClientRtt::Distance => "by distance".to_owned(),
            ClientRtt::Fixed(rtt) => humantime::format_duration(rtt).to_string(),
        },
    }
}

/// A description of the users and of what they search for.
pub(in crate::cli) fn in_words(users: &UsersArgs) -> String {
    let from = |what: &str, file: &Path| format!("{what} `{}`", file.display());
    if let Some(file) = &users.replay {
        return format!("{}, {} times as fast", from("access log", file), users.speed);
    }
    if let Some(file) = &users.stream {
        return from("stream", file);
    }
    let homes = match &users.positions {
        Some(file) => from("positions of", file),
        None => format!("metropolitan areas, zipf {}", users.zipf),
    };
    let radius =
        users.radius.as_ref().map_or_else(|| "the server's".to_owned(), |radius| format!("{radius} m"));
    format!("{} users of {homes}; radius {radius}, limit {}", users.users, users.limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_high_rates_are_sent_in_groups() {
        let of = |stages: &[Stage]| {
            let second = Duration::from_secs(1);
            grouped(&Timing { warmup: second, measured: second, stages: stages.to_vec() })
        };
        let second = Duration::from_secs(1);
        assert_eq!(of(&[]), Duration::ZERO);
        assert_eq!(of(&[Stage::constant(2_500.0, second)]), Duration::ZERO);
        assert_eq!(of(&[Stage { duration: second, from: 3_000.0, to: 0.0 }]), GROUPED);
        assert_eq!(of(&[Stage::constant(1.0, second), Stage::constant(2_501.0, second)]), GROUPED);
    }
}
