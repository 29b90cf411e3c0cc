//! `cellar hook`: changes of a collection, posted to an address as they happen.
//!
//! Invariant: the checkpoint moves when a message was taken or is in the file of dead letters, on disk. A message that was
//! sent before a crash is sent again with the same id and content as long as the stream has not grown meanwhile.

mod deliver;
mod sign;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use cellar_changes::log::{ChangeLog, Entry, Seen, Shape, Token, seen};
use cellar_cli_kit::{CliError, code};
use cellar_model::Collection;
use cellar_store::Store as _;
use clap::Args;
use geo_index::{BBox, Meters, Position};
use serde::Serialize;
use serde_json::value::RawValue;

use self::deliver::{Delivery, Outcome, message_id};
use self::sign::Secret;
use self::state::State;
use super::changes::{explained, log_of, passes, rfc3339, text};
use super::interrupt;
use super::store_args::{OpenStore, StoreArgs};
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  HOOK_SECRET=whsec_... cellar hook -c cities --url https://example.com/hook --secret-env HOOK_SECRET --state cities.hook
  cellar hook -c cities --url https://example.com/hook --secret-env HOOK_SECRET --state paris.hook --circle 48.86,2.35,5000
  cellar hook -c cities --url http://localhost:9000/ --secret-env HOOK_SECRET --state cities.hook --once

Each message is a POST of JSON: `collection` and `events`, with `event` (enter, exit, move, change), `id`, `time`, `from` \
and `feature`. It is signed as Standard Webhooks has it: webhook-id, webhook-timestamp and webhook-signature, HMAC-SHA256 \
with the secret in the variable that --secret-env names. Any 2xx takes it; a 410 ends the command. What is not taken after \
all attempts goes into the file of dead letters, the state's name with `.dead` behind it, and the next message is sent. \
Messages may come twice, with the same webhook-id. The state is where to go on; without one it begins with what happens \
from now on.

Exit codes: 0 done (--once), 1 failed, refused for good, or the changes are gone, 2 wrong usage, 130 and 143 stopped by a \
signal.";

/// Sends the changes of a collection to an address
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct HookArgs {
    /// Collection whose changes are sent
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// Address that takes them: https, or http on this machine
    #[arg(long, value_name = "URL", value_parser = deliver::url)]
    url: reqwest::Url,

    /// Variable that holds the secret: `whsec_` and base64, or any text, of 24 bytes at least
    #[arg(long, value_name = "NAME")]
    secret_env: String,

    /// File that says where to go on
    #[arg(long, value_name = "FILE")]
    state: PathBuf,

    /// Only changes in this box: west,south,east,north in degrees
    #[arg(long, value_name = "BOX", value_parser = bbox, allow_hyphen_values = true)]
    bbox: Option<BBox>,

    /// Only changes in this circle: latitude,longitude,radius in degrees and metres
    #[arg(long, value_name = "CIRCLE", value_parser = circle, allow_hyphen_values = true, conflicts_with = "bbox")]
    circle: Option<Circle>,

    /// Changes of one message, at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    batch: u16,

    /// Attempts to send a message
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=20))]
    attempts: u32,

    /// First pause between two attempts, in milliseconds; it doubles up to five minutes
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=300_000))]
    pause_ms: u64,

    /// End when there are no more changes for now
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Clone, Copy, Debug)]
struct Circle(Position, Meters);

fn numbers<const N: usize>(text: &str, expected: &str) -> Result<[f64; N], String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| format!("expected {expected}"))
}

fn bbox(text: &str) -> Result<BBox, String> {
    let [west, south, east, north] = numbers(text, "west,south,east,north in degrees")?;
    BBox::new(west, south, east, north).map_err(|error| error.to_string())
}

fn circle(text: &str) -> Result<Circle, String> {
    let [lat, lon, radius] = numbers(text, "latitude,longitude,radius in degrees and metres")?;
    let centre = Position::new(lat, lon).map_err(|error| error.to_string())?;
    let radius = Meters::new(radius).filter(|radius| *radius > Meters::ZERO);
    radius.map(|radius| Circle(centre, radius)).ok_or_else(|| "the radius must be more than 0".to_owned())
}

/// Sends until a signal, or once.
pub async fn run(args: HookArgs) -> Result<u8, CliError> {
    let secret = Secret::from_env(&args.secret_env)?;
    let open = args.store.open_existing().await?;
    let told = || {
        let done = "what was taken is noted".to_owned();
        (done, format!("go on with `{}`", interrupt::command()))
    };
    let done = interrupt::unless_stopped(follow(&args, secret, &open), told).await;
    open.close().await;
    done.map(|()| code::OK)
}

async fn follow(args: &HookArgs, secret: Secret, open: &OpenStore) -> Result<(), CliError> {
    if open.store.collection(&args.collection).await.explained()?.is_none() {
        return Err(no_collection(&args.collection));
    }
    let (log, poll) = log_of(open);
    let mut state = State::open(&args.state, &args.collection)?;
    let mut next = if let Some(token) = state.token() {
        token.clone()
    } else {
        let now = log.now().await.map_err(|error| explained(&error))?;
        state.save(&now)?;
        now
    };
    let pause = Duration::from_millis(args.pause_ms);
    let delivery = Delivery::new(args.url.clone(), secret, args.attempts, pause)?;
    loop {
        let Some((token, more)) = step(args, &log, &delivery, &state, &next).await? else {
            tokio::time::sleep(poll * 5).await;
            continue;
        };
        state.save(&token)?;
        next = token;
        match (more, args.once) {
            (true, _) => {}
            (false, true) => return Ok(()),
            (false, false) => tokio::time::sleep(poll).await,
        }
    }
}

/// Reads a part and sends it; `None` if the stream cannot be read for the moment.
async fn step(
    args: &HookArgs,
    log: &ChangeLog,
    delivery: &Delivery,
    state: &State,
    from: &Token,
) -> Result<Option<(Token, bool)>, CliError> {
    let part = match log.read(&args.collection, from, usize::from(args.batch)).await {
        Err(error) if passes(&error) && !args.once => {
            tracing::warn!(%error, "the stream cannot be read; trying again");
            return Ok(None);
        }
        read => read.map_err(|error| explained(&error))?,
    };
    let shape = shape(args);
    let events = part.entries.iter().filter_map(|entry| Some(Event::of(entry, seen(&shape, entry)?)));
    let events: Vec<Event<'_>> = events.collect();
    if !events.is_empty() {
        let message = Message { collection: args.collection.as_str(), events };
        let body = serde_json::to_string(&message).map_err(|error| CliError::failure(error.to_string()))?;
        let id = message_id(&text(from)?, &body);
        match delivery.send(&id, &body).await {
            Outcome::Taken => {}
            Outcome::Refused => {
                return Err(CliError::failure(format!("{} wants no more messages (410)", args.url))
                    .hint("remove the hook, or give another --url"));
            }
            Outcome::Failed(reason) => state.bury(&id, &reason, &body)?,
        }
    }
    Ok(Some((part.next, part.more)))
}

fn shape(args: &HookArgs) -> Shape {
    match (args.bbox, args.circle) {
        (Some(bbox), _) => Shape::Box(bbox),
        (_, Some(Circle(centre, radius))) => Shape::Circle(centre, radius),
        _ => Shape::World,
    }
}

#[derive(Serialize)]
struct Message<'a> {
    collection: &'a str,
    events: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "event")]
    kind: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<Box<RawValue>>,
}

impl<'a> Event<'a> {
    fn of(entry: &'a Entry, seen: Seen) -> Self {
        let moved = entry.old.as_ref().filter(|old| {
            seen != Seen::Change && entry.new.as_ref().is_none_or(|new| new.position != old.position)
        });
        Self {
            kind: seen.name(),
            id: entry.id.as_str(),
            time: entry.created_ms.map(rfc3339),
            from: moved.map(|old| [old.position.lon(), old.position.lat()]),
            feature: entry.new.as_ref().and_then(|place| RawValue::from_string(place.feature()).ok()),
        }
    }
}
