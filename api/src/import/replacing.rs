//! `cellar import --replace`: what the files no longer have goes.

use cellar_cli_kit::{CliError, progress};
use cellar_jobs::import::{Import, Summary};
use cellar_jobs::replace::{Removal, ReplaceError};
use cellar_model::{Collection, grouped};
use cellar_store::Store;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::ImportArgs;
use crate::explain::Explain as _;

/// What is asked for.
pub(super) struct Wish {
    max_removed: f64,
    allow_rejected: bool,
}

impl Wish {
    /// What the arguments ask for.
    pub(super) fn of(args: &ImportArgs) -> Option<Self> {
        args.replace.then_some(Self { max_removed: args.max_removed, allow_rejected: args.allow_rejected })
    }
}

/// What was removed, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
pub(super) struct Removed {
    /// Places that were removed; in a dry run, places that would be.
    removed: u64,
    /// Places that the collection had before the import.
    places_before: u64,
    #[serde(skip)]
    dry_run: bool,
}

/// A summary with what was removed.
#[derive(Serialize)]
pub(super) struct Whole<'a> {
    #[serde(flatten)]
    pub(super) summary: &'a Summary,
    #[serde(flatten)]
    pub(super) removed: Option<Removed>,
}

impl Removed {
    /// For people.
    pub(super) fn text(self) -> String {
        let verb = if self.dry_run { "would be removed" } else { "removed" };
        format!("{} of {} places {verb}", grouped(self.removed), grouped(self.places_before))
    }
}

/// A removal that waits for its import.
pub(super) struct Replacing {
    collection: Collection,
    removal: Removal,
    dry_run: bool,
}

impl Replacing {
    /// Counts what would go, and refuses if that is too much. Nothing is changed.
    pub(super) async fn plan(wish: &Wish, job: &Import, store: &dyn Store) -> Result<Self, CliError> {
        let Some(collection) = job.collection.clone() else {
            return Err(CliError::usage("--replace is for files of one collection")
                .hint("an export of DynamoDB is restored into a new table, or after `cellar delete`"));
        };
        let paths = job.input.paths();
        if paths.is_empty() {
            return Err(CliError::usage("--replace reads its input twice, which a stream cannot be")
                .hint("name a file"));
        }
        let bar = bar("{spinner} {msg} places compared with the file [{elapsed}]");
        let planned = Removal::plan(store, &collection, &paths, &job.options, |places| {
            bar.set_message(grouped(places));
            bar.tick();
        })
        .await;
        bar.finish_and_clear();
        let removal = planned.map_err(explain)?;
        removal.check(wish.max_removed, wish.allow_rejected).map_err(explain)?;
        Ok(Self { collection, removal, dry_run: job.dry_run })
    }

    /// Removes what is to go.
    pub(super) async fn carry_out(self, store: &dyn Store) -> Result<Removed, CliError> {
        let (removed, places_before) = (self.removal.removed, self.removal.total);
        if !self.dry_run {
            let bar = bar("{spinner} {msg} places removed [{elapsed}]");
            let done = self.removal.carry_out(store, &self.collection, |gone| {
                bar.set_message(grouped(gone));
                bar.tick();
            });
            let done = done.await;
            bar.finish_and_clear();
            done.map_err(explain)?;
        }
        Ok(Removed { removed, places_before, dry_run: self.dry_run })
    }
}

/// A share in percent.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.trim_end_matches('%').trim().parse().ok();
    share.filter(|share| (0.0..=100.0).contains(share)).ok_or_else(|| "expected 0 to 100 percent".to_owned())
}

fn bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    progress::spinner().with_style(style)
}

fn explain(error: ReplaceError) -> CliError {
    let hint = match error {
        ReplaceError::Store(error) => return error.explain(),
        ReplaceError::TooMany { .. } => {
            "nothing was written; is the file whole? --max-removed allows more, --dry-run shows what would go"
        }
        ReplaceError::Rejected { .. } => {
            "nothing was written; mend them, or keep the places with their ids by --allow-rejected"
        }
        ReplaceError::Unnamed { .. } => "nothing was written; mend them, or import without --replace",
        ReplaceError::Changed { .. } => "run the same command again",
        ReplaceError::Lists { .. } => "set TMPDIR to a directory with room",
        ReplaceError::Input { .. } => "nothing was written; name a file that can be read to its end",
    };
    CliError::failure(error.to_string()).hint(hint)
}
