//! `cellar delete`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use async_trait::async_trait;
use cellar_cli_kit::{CliError, code, progress, say};
use cellar_model::{Collection, Placement, grouped};
use cellar_store::Store;
use cellar_store::deletion::{Deleted, Outcome, Settings, Worker, carry_on, unix_ms};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::interrupt;
use super::store_args::{OpenStore, StoreArgs};
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar delete wineries
  cellar delete wineries --yes --json
  cellar delete wineries --table cellar --no-wait --yes

From its first moment on the collection cannot be read or written. Its places go bit by bit; at the end the table is \
looked through once more for what a late writer may have left, which on a table that other processes use is not before \
90 seconds have passed. Then the name is free. What is interrupted goes on when this command is run again, and by \
itself wherever `cellar serve` or the Lambda function runs on the table.

Exit codes: 0 deleted or marked, 1 failed or not confirmed, 2 wrong usage, 130 and 143 stopped by a signal.";

/// How often to look at what another process deletes.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Deletes a collection with all of its places
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DeleteArgs {
    /// Collection to delete
    #[arg(value_name = "COLLECTION")]
    collection: Collection,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// Mark it, and leave the work to `cellar serve` or the Lambda function
    #[arg(long)]
    no_wait: bool,

    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Summary<'a> {
    collection: &'a str,
    status: &'static str,
    deleted: u64,
}

/// Deletes the collection and says how much that was.
pub async fn run(args: DeleteArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let outcome = run_on(&args, &open).await;
    open.close().await;
    let (status, deleted) = outcome?;
    let name = args.collection.as_str();
    if args.json {
        let summary = serde_json::to_string(&Summary { collection: name, status, deleted });
        say(&summary.map_err(|error| CliError::failure(error.to_string()))?)?;
    } else if status == "deleted" {
        say(&format!("collection `{name}` is deleted: {} items", grouped(deleted)))?;
    } else {
        say(&format!("collection `{name}` is being deleted"))?;
    }
    Ok(code::OK)
}

async fn run_on(args: &DeleteArgs, open: &OpenStore) -> Result<(&'static str, u64), CliError> {
    let store: &dyn Store = &*open.store;
    let name = &args.collection;
    let live = store.collection(name).await.explained()?.is_some();
    if !live && store.maintenance().deletion(name).await.explained()?.is_none() {
        return Err(no_collection(name));
    }
    if live && !args.yes {
        confirm(name)?;
    }
    let marked = store.maintenance().begin_deletion(name, unix_ms()).await.explained()?;
    let Some(marked) = marked else { return Ok(("deleted", 0)) };
    if args.no_wait {
        return Ok(("deleting", marked.record.deleted));
    }
    // Who owns a data directory from its opening on has seen nobody write to it.
    let settings = if live && open.is_alone() {
        Settings { grace: Duration::ZERO, held: Duration::ZERO, ..Settings::default() }
    } else {
        Settings::default()
    };
    let bar = progress::spinner().with_style(style());
    let watched = Watched(bar.clone());
    let told = || {
        let done = format!("collection `{name}` stays out of reach, and what is deleted is gone");
        (done, format!("go on with `{}`; a server on the same data does so, too", interrupt::command()))
    };
    let deleted = interrupt::unless_stopped(to_the_end(store, name, settings, &watched), told).await;
    bar.finish_and_clear();
    deleted.map(|deleted| ("deleted", deleted.items))
}

/// Deletes, or waits for whoever does.
async fn to_the_end(
    store: &dyn Store,
    name: &Collection,
    settings: Settings,
    watched: &Watched,
) -> Result<Deleted, CliError> {
    let mut seen = Deleted::default();
    loop {
        match carry_on(store, name, settings, watched).await.explained()? {
            Outcome::Gone(deleted) => return Ok(deleted),
            Outcome::Unknown => return Ok(seen),
            Outcome::Busy(deleted) | Outcome::Unfinished(deleted) => {
                seen = deleted;
                watched.progress(deleted, false);
                tokio::time::sleep(POLL_EVERY).await;
            }
        }
    }
}

/// Asks for the name, and takes nothing else for a yes.
fn confirm(name: &Collection) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::usage(format!("collection `{name}` would be deleted with all of its places"))
            .hint("confirm it with --yes"));
    }
    eprint!("Collection `{name}` will be deleted with all of its places. Its name, to confirm: ");
    let _ = io::stderr().flush();
    let mut typed = String::new();
    let read = io::stdin().lock().read_line(&mut typed);
    if read.is_ok() && typed.trim() == name.as_str() {
        return Ok(());
    }
    Err(CliError::failure("nothing is deleted").hint(format!("type `{name}`, or pass --yes")))
}

struct Watched(ProgressBar);

#[async_trait]
impl Worker for Watched {
    /// Caches learn of it from the table's stream.
    async fn removed(&self, _: &Collection, _: &[Placement]) {}

    fn progress(&self, deleted: Deleted, settling: bool) {
        let waits = if settling { ", waiting for late writers" } else { "" };
        self.0.set_message(format!("{} items deleted{waits}", grouped(deleted.items)));
        self.0.tick();
    }

    fn is_time_up(&self) -> bool {
        false
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
