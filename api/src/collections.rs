//! `cellar collections`.

use cellar_cli_kit::{CliError, code, say, terminal};
use cellar_store::Store;
use clap::Args;
use serde::Serialize;

use super::store_args::StoreArgs;
use crate::explain::OrExplain as _;

const EXAMPLES: &str = "\
Examples:
  cellar collections
  cellar collections --table cellar --json | jq -r '.collections[].id'

A collection is active, or is being deleted: then the number is what is gone already.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Lists the collections
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CollectionsArgs {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct List {
    collections: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
}

/// Prints the list.
pub async fn run(args: CollectionsArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let rows = rows(&*open.store).await;
    open.close().await;
    let rows = rows?;
    if args.json {
        let json = serde_json::to_string(&List { collections: rows });
        say(&json.map_err(|error| CliError::failure(error.to_string()))?)?;
    } else if rows.is_empty() {
        terminal::note("there are no collections; `cellar import FILE --collection NAME` creates one");
    } else {
        say(&table(&rows))?;
    }
    Ok(code::OK)
}

async fn rows(store: &dyn Store) -> Result<Vec<Row>, CliError> {
    let live = store.collections().await.explained()?.into_iter();
    let deletions = store.maintenance().deletions().await.explained()?.into_iter();
    let live = live.map(|info| Row {
        id: info.name.to_string(),
        title: info.title,
        status: "active",
        deleted: None,
    });
    let mut rows: Vec<_> = live
        .chain(deletions.map(|deletion| Row {
            id: deletion.collection.to_string(),
            title: deletion.title,
            status: "deleting",
            deleted: Some(deletion.record.deleted),
        }))
        .collect();
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    rows.dedup_by(|one, other| one.id == other.id);
    Ok(rows)
}

fn table(rows: &[Row]) -> String {
    let status = |row: &Row| match row.deleted {
        Some(deleted) => format!("{}, {} gone", row.status, cellar_model::grouped(deleted)),
        None => row.status.to_owned(),
    };
    let head = ["collection".to_owned(), "status".to_owned(), "title".to_owned()];
    let lines: Vec<[String; 3]> = std::iter::once(head)
        .chain(rows.iter().map(|row| [row.id.clone(), status(row), row.title.clone().unwrap_or_default()]))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let line = |[name, status, title]: &[String; 3]| {
        format!("{name:first$}  {status:second$}  {title}").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let row = |id: &str, title: Option<&str>, deleted: Option<u64>| Row {
            id: id.to_owned(),
            title: title.map(str::to_owned),
            status: if deleted.is_some() { "deleting" } else { "active" },
            deleted,
        };
        let rows = [row("a", None, None), row("wineries-of-france", Some("Caves é"), Some(12_345))];
        assert_eq!(
            table(&rows),
            "collection          status                 title\n\
             a                   active\n\
             wineries-of-france  deleting, 12,345 gone  Caves é"
        );
    }
}
