//! `cellar stats`.

use std::path::Path;

use cellar_cli_kit::{CliError, code, progress, say};
use cellar_jobs::stats::{Stats, Walked, known, walk};
use cellar_model::{Collection, grouped};
use cellar_store::{CollectionInfo, DynamoStore, Store as _};
use clap::Args;
use indicatif::ProgressStyle;
use serde::Serialize;

use super::interrupt;
use super::store_args::{OpenStore, StoreArgs};
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar stats
  cellar stats --collection cities --count
  cellar stats --json | jq '.collections[].places'

Without --count it costs a few small reads: places are as many as `cellar categories --count`, `cellar edge-map` or `cellar \
stats --count` counted last, and categories and roots may include some that have none any more. DynamoDB brings its own \
numbers of the table up to date every six hours.

With --count all places are read, which on a table costs a read unit for each 8 KB.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 stopped by a signal.";

/// Tells how much there is: places, categories, pages, bytes
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    /// Collection to tell of [default: all]
    #[arg(long, short, value_name = "NAME")]
    collection: Option<Collection>,

    /// Read all places: their number and bytes, splits, the deepest page, crowded points
    #[arg(long)]
    count: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Report {
    store: Whole,
    collections: Vec<Stats>,
}

/// The store as a whole.
#[derive(Serialize)]
struct Whole {
    place: String,
    /// Of the embedded engine: bytes of its directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_bytes: Option<u64>,
    /// Items of a table, as DynamoDB counted them last.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<u64>,
    /// Bytes of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_bytes: Option<u64>,
}

/// Prints it.
pub async fn run(args: StatsArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let told = || ("nothing is changed".to_owned(), format!("begin again with `{}`", interrupt::command()));
    let report = interrupt::unless_stopped(run_on(&args, &open), told).await;
    open.close().await;
    let report = report?;
    let text = if args.json {
        serde_json::to_string(&report).map_err(|error| CliError::failure(error.to_string()))?
    } else {
        text(&report)
    };
    say(&text)?;
    Ok(code::OK)
}

async fn run_on(args: &StatsArgs, open: &OpenStore) -> Result<Report, CliError> {
    let store = &*open.store;
    let infos = match &args.collection {
        Some(name) => {
            vec![store.collection(name).await.explained()?.ok_or_else(|| no_collection(name))?]
        }
        None => store.collections().await.explained()?,
    };
    let mut collections = Vec::new();
    for info in infos {
        collections.push(of_one(store, info, args.count).await?);
    }
    Ok(Report { store: whole(&args.store, open).await?, collections })
}

async fn of_one(store: &DynamoStore, info: CollectionInfo, count: bool) -> Result<Stats, CliError> {
    let name = info.name.clone();
    let stats = known(store, info).await.explained()?;
    if !count {
        return Ok(stats);
    }
    let style = ProgressStyle::with_template(&format!("{{spinner}} {{msg}} places of {name} [{{elapsed}}]"));
    let bar = progress::spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let walked = walk(store, &name, |places| {
        bar.set_message(grouped(places));
        bar.tick();
    })
    .await;
    bar.finish_and_clear();
    let (places, walked) = walked.explained()?;
    Ok(Stats { places: Some(places), counted_unix_ms: None, walked: Some(walked), ..stats })
}

async fn whole(args: &StoreArgs, open: &OpenStore) -> Result<Whole, CliError> {
    let place = args.describe();
    if open.is_embedded() {
        return Ok(Whole { place, disk_bytes: Some(bytes_below(&args.data)), items: None, item_bytes: None });
    }
    let size = open.store.size().await.explained()?;
    Ok(Whole { place, disk_bytes: None, items: size.items, item_bytes: size.bytes })
}

/// Bytes of the files in a directory. What cannot be read is not counted.
fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

fn text(report: &Report) -> String {
    let unknown = "-".to_owned();
    let number = |number: Option<u64>| number.map_or_else(|| unknown.clone(), grouped);
    let mut lines = vec![line("data", &report.store.place)];
    for (name, value) in [
        ("on disk", report.store.disk_bytes.map(size)),
        ("items", report.store.items.map(grouped)),
        ("of items", report.store.item_bytes.map(size)),
    ] {
        lines.extend(value.map(|value| line(name, &value)));
    }
    for stats in &report.collections {
        lines.push(String::new());
        let title = stats.title.iter().map(|title| format!("  {title}"));
        lines.push(format!("{}{}", stats.collection, title.collect::<String>()));
        let age = stats.counted_unix_ms.and_then(age).map(|age| format!(", counted {age} ago"));
        let places = number(stats.places) + &age.unwrap_or_default();
        lines.push(line("  places", &places));
        lines.push(line("  categories", &number(stats.categories)));
        lines.push(line("  roots", &number(stats.roots)));
        if let Some(Walked { bytes, splits, deepest_page, crowded_points, largest_crowd }) = stats.walked {
            lines.push(line("  as GeoJSON", &size(bytes)));
            lines.push(line("  splits", &grouped(splits)));
            lines.push(line("  deepest page", &format!("resolution {deepest_page}")));
            let largest =
                (crowded_points > 0).then(|| format!(", the largest of {} places", grouped(largest_crowd)));
            lines.push(line("  crowded points", &(grouped(crowded_points) + &largest.unwrap_or_default())));
        }
    }
    lines.join("\n")
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<18}{value}")
}

fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

fn age(unix_ms: u64) -> Option<String> {
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_millis(unix_ms);
    let age = std::time::SystemTime::now().duration_since(then).ok()?;
    let whole = std::time::Duration::from_secs(age.as_secs());
    Some(humantime::format_duration(whole).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash() {
        let stats = Stats {
            collection: "cities".into(),
            title: Some("All of them".into()),
            places: None,
            counted_unix_ms: None,
            categories: Some(3),
            roots: None,
            walked: Some(Walked {
                bytes: 2_048,
                splits: 1_234,
                deepest_page: 9,
                crowded_points: 1,
                largest_crowd: 5_000,
            }),
        };
        let store = Whole { place: "here".into(), disk_bytes: Some(1_024), items: None, item_bytes: None };
        assert_eq!(
            text(&Report { store, collections: vec![stats] }),
            "data              here\n\
             on disk           1.00 KiB\n\
             \n\
             cities  All of them\n\
             \x20 places          -\n\
             \x20 categories      3\n\
             \x20 roots           -\n\
             \x20 as GeoJSON      2.00 KiB\n\
             \x20 splits          1,234\n\
             \x20 deepest page    resolution 9\n\
             \x20 crowded points  1, the largest of 5,000 places"
        );
    }
}
