//! `cellar warm`.

mod args;
mod asked;

pub use args::WarmArgs;

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::Policy;
use cellar_cli_kit::{CliError, progress, say, terminal};
use cellar_config::{ConfigError, Env, ProcessEnv};
use cellar_coordination::CoordinationStore;
use cellar_jobs::front::{Front, FrontReport};
use cellar_model::PageTree;
use cellar_search::hot;
use cellar_search::pages::StorePages;
use cellar_search::tiers::Tiers;
use cellar_store::{DynamoStore, Store};
use cellar_warm::{Report, Warm, predict, warm};
use geo_index::{Cell, GridCell, H3Cell, Position};
use indicatif::ProgressStyle;
use serde::Serialize;

use self::args::What;
use self::asked::Asked;
use super::{cache_args, interrupt};
use crate::explain::{OrExplain as _, no_collection};

/// Memory of this process that pages pass through, in bytes: it ends with the process.
const PASSING_BYTES: u64 = 64 << 20;

/// How long the job waits for Redis at least: nobody waits for the job, and what Redis has need not be read again.
const JOB_LIMIT: Duration = Duration::from_secs(2);

/// What is printed.
#[derive(Serialize)]
struct Account<'a> {
    cells: u64,
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    front: Option<&'a FrontReport>,
}

/// Warms and prints the report.
pub async fn run(args: WarmArgs) -> Result<u8, CliError> {
    // Before the store, which is created if it is not there.
    if args.what.top.is_some() && args.cache.redis_url.is_none() {
        return Err(no_coordination());
    }
    let asked = asked::read(&args.what, &args.collection)?;
    let redis = args.cache.redis(&args.store)?;
    let policy = patient(cache_args::policy(&ProcessEnv, args.store.is_embedded()).explained()?);
    let front = args.url.clone().map(Front::new).transpose().map_err(cannot_request)?;
    asked.tell();
    let open = args.store.open_existing().await?;
    let tiers = Tiers::new(open.store.clone(), policy, redis);
    let told =
        || ("what is warm stays so".to_owned(), format!("warm the rest with `{}`", interrupt::command()));
    let outcome = interrupt::unless_stopped(run_on(&args, asked, front, &open.store, &tiers), told).await;
    tiers.pages.cache().drain().await;
    open.close().await;
    outcome
}

/// What the environment is asked for.
pub(super) fn variables(env: &dyn Env) -> Result<(), ConfigError> {
    [true, false].into_iter().try_for_each(|embedded| cache_args::policy(env, embedded).map(drop))
}

fn patient(policy: Policy) -> Policy {
    let remote = policy.remote.clone();
    let limits = (remote.read_limit.max(JOB_LIMIT), remote.write_limit.max(JOB_LIMIT));
    let remote = remote.read_limit(limits.0).write_limit(limits.1);
    policy.memory_bytes(PASSING_BYTES).remote(remote)
}

fn cannot_request(error: impl std::fmt::Display) -> CliError {
    CliError::failure(format!("cannot make requests: {error}"))
}

async fn run_on(
    args: &WarmArgs,
    mut asked: Asked,
    front: Option<Front>,
    store: &Arc<DynamoStore>,
    tiers: &Tiers,
) -> Result<u8, CliError> {
    if let What { top: Some(count), .. } = args.what {
        let coordination = tiers.coordination.as_ref().ok_or_else(no_coordination)?;
        asked = hottest(&**coordination, args, count).await?;
    }
    if store.collection(&args.collection).await.explained()?.is_none() {
        return Err(no_collection(&args.collection));
    }
    let job = Warm {
        tree: PageTree { collection: args.collection.clone(), category: args.category.clone() },
        area: asked.area.clone(),
        margin: args.margin,
        concurrency: usize::from(args.concurrency),
        max_pages: args.max_pages,
        verify: args.verify,
        until: None,
    };
    if args.dry_run {
        let prediction = predict(&job, &tiers.pages).await;
        print(args.json, &prediction, &prediction.lines())?;
        return Ok(asked.code());
    }
    let fresh = StorePages::new(store.clone());
    let bar = progress::bar(0).with_style(style("pages"));
    let report = warm(&job, &tiers.pages, &fresh, |report, ahead| {
        bar.set_length(report.pages + ahead as u64);
        bar.set_position(report.pages);
        bar.set_message(format!("{} places", report.places));
    })
    .await;
    bar.finish_and_clear();
    let requested = match front {
        Some(front) => Some(ask(args, &asked, &front).await),
        None => None,
    };
    conclude(args, &asked, &report, requested.as_ref())
}

fn no_coordination() -> CliError {
    CliError::usage("--top needs --redis, where the processes of a deployment count their hot cells")
}

async fn hottest(
    coordination: &dyn CoordinationStore,
    args: &WarmArgs,
    count: u32,
) -> Result<Asked, CliError> {
    use cellar_cache::clock::{Clock as _, SystemClock};
    let (hours, count) = (u64::from(args.hours), count as usize);
    let cells = hot::top(coordination, &args.collection, SystemClock.unix_ms(), hours, count).await;
    let cells = cells.map_err(|error| CliError::failure(format!("cannot read the hot cells: {error}")))?;
    Ok(Asked::of_cells(cells.into_iter().map(|(cell, _)| Cell::H3(cell))))
}

/// Requests a search at the centre of each cell; of boxes and polygons, of each cell of the hot cells' resolution.
async fn ask(args: &WarmArgs, asked: &Asked, front: &Front) -> FrontReport {
    let most = usize::try_from(args.max_pages).unwrap_or(usize::MAX);
    let mut centres: Vec<Position> = asked.cells.iter().map(|cell| cell.centre()).collect();
    let mut complete = centres.len() <= most;
    if centres.is_empty() {
        let (cells, all) = asked.area.cells::<H3Cell>(hot::HOT_RESOLUTION, most);
        centres.extend(cells.into_iter().map(GridCell::centre));
        complete = all;
    }
    centres.truncate(most);
    if !complete {
        terminal::tell(&format!(
            "cellar: there are more than {most} cells to request; --max-pages is the bound"
        ));
    }
    let bar = progress::bar(centres.len() as u64).with_style(style("requests"));
    let concurrency = usize::from(args.concurrency);
    let report = front
        .ask(&args.collection, &centres, args.margin, concurrency, |report| {
            bar.set_position(report.answered + report.failed);
        })
        .await;
    bar.finish_and_clear();
    report
}

/// Prints the account; what is wrong goes to standard error, too.
fn conclude(
    args: &WarmArgs,
    asked: &Asked,
    report: &Report,
    front: Option<&FrontReport>,
) -> Result<u8, CliError> {
    let cells = asked.cells.len() as u64;
    let mut lines = vec![format!("{:<18}{cells:>12}", "cells asked")];
    lines.extend(report.lines());
    if let Some(front) = front {
        lines.push(format!("{:<18}{:>12}", "requests answered", front.answered));
        lines.push(format!("{:<18}{:>12}", "requests failed", front.failed));
    }
    print(args.json, &Account { cells, report, front }, &lines)?;
    let mut wrong = Vec::new();
    if report.left_out > 0 && report.pages + report.failures >= args.max_pages {
        let left_out = report.left_out;
        wrong.push(format!(
            "stopped at --max-pages {}: {left_out} pages and what lies below them are not warm",
            args.max_pages
        ));
    }
    if let Some(reason) = &report.first_failure {
        wrong.push(format!("{} pages failed, the first: {reason}", report.failures));
    }
    if report.differences > 0 {
        wrong.push(format!("{} pages differ from the store", report.differences));
    }
    if let Some(reason) = front.and_then(|front| front.first_failure.as_ref()) {
        wrong.push(format!("{} requests failed, the first: {reason}", front.map_or(0, |front| front.failed)));
    }
    if wrong.is_empty() { Ok(asked.code()) } else { Err(CliError::failure(wrong.join("; "))) }
}

fn print(json: bool, value: &impl Serialize, lines: &[String]) -> Result<(), CliError> {
    if !json {
        return say(&lines.join("\n"));
    }
    say(&serde_json::to_string(value).map_err(|error| CliError::failure(error.to_string()))?)
}

fn style(of: &str) -> ProgressStyle {
    ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {of} {{msg}} [{{elapsed}}]"))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_waits_for_redis_longer_than_users_do_and_as_long_as_it_is_told() {
        let limits = |policy| {
            let remote = patient(policy).remote;
            [remote.read_limit, remote.write_limit]
        };
        let users = Policy::default();
        assert!(users.remote.read_limit < JOB_LIMIT && users.remote.write_limit < JOB_LIMIT);
        assert_eq!(limits(users), [JOB_LIMIT; 2]);
        let told = JOB_LIMIT * 2;
        let remote = Policy::default().remote.read_limit(told).write_limit(told);
        assert_eq!(limits(Policy::default().remote(remote)), [told; 2]);
    }
}
