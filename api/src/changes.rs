//! `cellar changes`.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use cellar_cache::clock::SystemClock;
use cellar_changes::log::{ChangeLog, Entry, LogError, Token};
use cellar_changes::stream::StreamError;
use cellar_changes::{Settings as FeedSettings, TableStream};
use cellar_cli_kit::{CliError, code, say};
use cellar_model::Collection;
use cellar_store::Store as _;
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::interrupt;
use super::store_args::{OpenStore, StoreArgs};
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar changes --collection cities
  cellar changes --collection cities --since AQAAAZ...
  cellar changes --collection cities --follow | jq -c 'select(.kind)'

Without --since and --follow it prints a token of now. Take one, then load the collection (`cellar export`), and ask with \
--since from then on. Each line is a JSON object: a change, with `id`, `kind` (put or delete), `time` and `feature`, or a \
token to go on with, in `next`. The table's stream keeps changes for 24 hours.

Exit codes: 0 done, 1 failed or the changes are gone, 2 wrong usage, 130 and 143 stopped by a signal.";

/// Changes of one read, at most.
const PART: usize = 1_000;

/// Prints what has changed in a collection since a token
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ChangesArgs {
    /// Collection whose changes are printed
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// Token that an earlier run, an answer of `/changes` or an event of `/live` ended with
    #[arg(long, value_name = "TOKEN", value_parser = token)]
    since: Option<Token>,

    /// Do not end, and print changes as they happen; without --since, those from now on
    #[arg(long, short)]
    follow: bool,

    #[command(flatten)]
    store: StoreArgs,
}

fn token(text: &str) -> Result<Token, String> {
    Token::decode(text).map_err(|_| "expected a token, as `cellar changes` prints one".to_owned())
}

/// Prints them.
pub async fn run(args: ChangesArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let told = || {
        let done = "what was printed before the last `next` is complete".to_owned();
        (done, "go on with --since and that token".to_owned())
    };
    let done = interrupt::unless_stopped(print(&args, &open), told).await;
    open.close().await;
    done.map(|()| code::OK)
}

async fn print(args: &ChangesArgs, open: &OpenStore) -> Result<(), CliError> {
    let (log, poll) = log_of(open);
    if open.store.collection(&args.collection).await.explained()?.is_none() {
        return Err(no_collection(&args.collection));
    }
    let mut next = if let Some(since) = &args.since {
        since.clone()
    } else {
        let now = log.now().await.map_err(|error| explained(&error))?;
        say_next(&now)?;
        if !args.follow {
            return Ok(());
        }
        now
    };
    loop {
        let part = match log.read(&args.collection, &next, PART).await {
            Err(error) if args.follow && passes(&error) => {
                tracing::warn!(%error, "the stream cannot be read; trying again");
                tokio::time::sleep(poll * 5).await;
                continue;
            }
            read => read.map_err(|error| explained(&error))?,
        };
        for entry in &part.entries {
            say(&line(entry)?)?;
        }
        next = part.next;
        if !part.entries.is_empty() || (!part.more && !args.follow) {
            say_next(&next)?;
        }
        match (part.more, args.follow) {
            (true, _) => {}
            (false, true) => tokio::time::sleep(poll).await,
            (false, false) => return Ok(()),
        }
    }
}

/// The stream of a store as what became of places, and how often to look at its end.
pub(crate) fn log_of(open: &OpenStore) -> (ChangeLog, Duration) {
    let settings = if open.is_embedded() { FeedSettings::embedded() } else { FeedSettings::default() };
    let stream = Arc::new(TableStream::of(&open.store));
    let poll = if open.is_embedded() { settings.poll } else { Duration::from_secs(1) };
    (ChangeLog::new(stream, Arc::new(SystemClock), settings.list), poll)
}

/// Whether it makes sense to try again.
pub(crate) fn passes(error: &LogError) -> bool {
    !matches!(error, LogError::Gone(_) | LogError::Stream(StreamError::NoStream { .. }))
}

/// What went wrong, and what to do about it.
pub(crate) fn explained(error: &LogError) -> CliError {
    let failure = CliError::failure(error.to_string());
    match error {
        LogError::Gone(_) => {
            failure.hint("take a new token (`cellar changes` without --since), then load the collection anew")
        }
        LogError::Stream(StreamError::NoStream { .. }) => {
            failure.hint("`cellar table create` makes tables with one; see `cellar table create --help`")
        }
        LogError::Stream(_) => failure,
    }
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<Box<RawValue>>,
}

fn line(entry: &Entry) -> Result<String, CliError> {
    let feature = entry.new.as_ref().map(|place| RawValue::from_string(place.feature())).transpose();
    let feature = feature.map_err(|error| CliError::failure(error.to_string()))?;
    let kind = if feature.is_some() { "put" } else { "delete" };
    let line = Line { id: entry.id.as_str(), kind, time: entry.created_ms.map(rfc3339), feature };
    serde_json::to_string(&line).map_err(|error| CliError::failure(error.to_string()))
}

/// An instant as RFC 3339 has it.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(at).to_string()
}

fn say_next(token: &Token) -> Result<(), CliError> {
    #[derive(Serialize)]
    struct Next {
        next: String,
    }
    let next = text(token)?;
    say(&serde_json::to_string(&Next { next }).map_err(|error| CliError::failure(error.to_string()))?)
}

/// The text of a token.
pub(crate) fn text(token: &Token) -> Result<String, CliError> {
    token.encode().map_err(|error| CliError::failure(error.to_string()))
}
