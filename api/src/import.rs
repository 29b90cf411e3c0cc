//! `cellar import`.

mod args;
mod inputs;
mod preview;
mod replacing;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cellar_cli_kit::{CliError, code, say};
use cellar_jobs::import::{
    Bar, CHUNK_RECORDS, Cause, Format, Import, ImportError, InputError, Progress, Summary, import,
};
use cellar_model::grouped;
use cellar_store::Store;

pub use self::args::ImportArgs;
use self::inputs::Chosen;
use self::replacing::{Removed, Replacing, Whole, Wish};
use super::interrupt;

/// Imports, prints the summary to standard output and returns the exit code.
pub async fn run(args: ImportArgs) -> Result<u8, CliError> {
    if args.preview {
        return preview::run(&args);
    }
    let (json, store, wish) = (args.json, args.store.clone(), Wish::of(&args));
    // Before the store, which is created if it is not there.
    let planned = plan(args)?;
    let open = store.open().await?;
    let outcome = execute(planned, wish, json, &*open.store).await;
    open.close().await;
    outcome
}

/// Imports into a store that is open.
pub async fn run_on(args: ImportArgs, store: &dyn Store) -> Result<u8, CliError> {
    if args.preview {
        return preview::run(&args);
    }
    let (json, wish) = (args.json, Wish::of(&args));
    execute(plan(args)?, wish, json, store).await
}

async fn execute(
    planned: (Import, Option<u64>),
    wish: Option<Wish>,
    json: bool,
    store: &dyn Store,
) -> Result<u8, CliError> {
    let (job, total_bytes) = planned;
    let replacing = match wish {
        Some(wish) => Some(Replacing::plan(&wish, &job, store).await?),
        None => None,
    };
    let resumable = !job.dry_run && !job.input.paths().is_empty();
    let (done, imported) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = async {
        let bar = Counted { bar: Bar::new(total_bytes), done: &done };
        let outcome = import(job, store, &bar).await;
        drop(bar);
        let summary = outcome.map_err(|error| explain(&error))?;
        imported.store(true, Ordering::Relaxed);
        let removed = match replacing {
            Some(replacing) => Some(replacing.carry_out(store).await?),
            None => None,
        };
        Ok((summary, removed))
    };
    // Once all records are in, only what is to be removed is left, and found anew.
    let told = || interrupted(done.load(Ordering::Relaxed), resumable && !imported.load(Ordering::Relaxed));
    let (summary, removed) = interrupt::unless_stopped(work, told).await?;
    print(&summary, removed, json)?;
    Ok(if summary.rejected + summary.repeated == 0 { code::OK } else { code::REJECTED })
}

/// A bar, and how many records are done.
struct Counted<'a> {
    bar: Bar,
    done: &'a AtomicU64,
}

impl Progress for Counted<'_> {
    fn position(&self, read_bytes: u64, records: u64) {
        self.done.store(records, Ordering::Relaxed);
        self.bar.position(read_bytes, records);
    }

    fn notice(&self, text: &str) {
        self.bar.notice(text);
    }

    fn recognised(&self, what: &str) {
        self.bar.recognised(what);
    }
}

/// What is done when a signal comes, and how to go on.
fn interrupted(done: u64, resumable: bool) -> (String, String) {
    let command = interrupt::command();
    let hint = match (resumable, done) {
        (true, 1..) => format!("go on after them with `{command}`"),
        (true, 0) => format!("begin again with `{command}`"),
        (false, _) => {
            format!("begin again with `{command}`: a place that is there already is replaced by itself")
        }
    };
    (format!("{} records are done", grouped(done)), hint)
}

/// What is to be done, and the length of the input if it has one.
fn plan(args: ImportArgs) -> Result<(Import, Option<u64>), CliError> {
    let options = args.read_options();
    let Chosen { input, total_bytes, restores } = inputs::choose(&args)?;
    let restores = restores || args.read.format == Some(Format::DynamodbJson);
    if args.collection.is_none() && !restores {
        return Err(
            CliError::usage("it is not said where the places belong").hint("name it with --collection NAME")
        );
    }
    let job = Import {
        // What an export holds of it decides whether a collection is created.
        collection: args.collection.filter(|_| !restores),
        creates: true,
        input,
        options,
        rejects: args.rejects,
        dry_run: args.dry_run,
        restart: args.restart,
        chunk_records: CHUNK_RECORDS,
    };
    job.check().map_err(|cause| explain(&ImportError { cause, done: 0, resumable: false }))?;
    Ok((job, total_bytes))
}

fn explain(error: &ImportError) -> CliError {
    let failure = CliError::failure(error.to_string());
    let hint = match (&error.cause, error.resumable) {
        (Cause::RejectsAreInput { .. }, _) => {
            return CliError::usage(error.to_string()).hint("choose another with --rejects");
        }
        (Cause::RejectsAreForeign { .. }, _) => {
            return CliError::usage(error.to_string())
                .hint("move it away, or name another file for the list with --rejects");
        }
        (Cause::NoCollection, _) => {
            return CliError::usage(error.to_string()).hint("use --collection NAME");
        }
        (Cause::Input { error: InputError::Usage(_), .. }, _) => {
            return CliError::usage(error.to_string());
        }
        (Cause::Input { .. }, false) if error.done == 0 => return failure,
        (Cause::Input { .. }, true) => "mend the input after that and run the same command again to go on",
        (_, true) => "run the same command again to go on",
        (_, false) => "importing again is safe: a place that is there already is replaced by itself",
    };
    failure.hint(format!("{} records are done; {hint}", error.done))
}

fn print(summary: &Summary, removed: Option<Removed>, json: bool) -> Result<(), CliError> {
    match (json, removed) {
        (true, removed) => {
            let text = serde_json::to_string(&Whole { summary, removed });
            say(&text.map_err(|error| CliError::failure(error.to_string()))?)
        }
        (false, None) => say(&summary.table()),
        (false, Some(removed)) => say(&format!("{}\n{}", summary.table(), removed.text())),
    }
}

#[cfg(test)]
mod tests {
    use cellar_jobs::import::Kind;
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: ImportArgs,
    }

    fn parse(args: &[&str]) -> Result<ImportArgs, clap::Error> {
        Command::try_parse_from([&["import"], args].concat()).map(|command| command.args)
    }

    #[test]
    fn arguments_are_checked() {
        let args = parse(&["a.csv", "-c", "wineries", "--delimiter", "\\t", "--dry-run"]).unwrap();
        assert_eq!((args.read.options().delimiter, args.dry_run, args.json), (Some(b'\t'), true, false));
        let options = parse(&[
            "a",
            "b",
            "-c",
            "w",
            "--text",
            "zip",
            "--types",
            "price=number",
            "--bbox",
            "-10,40,10,60",
        ]);
        let options = options.unwrap().read_options();
        assert_eq!(options.types, [("zip".to_owned(), Kind::Text), ("price".to_owned(), Kind::Number)]);
        assert!(options.bbox.is_some());
        for wrong in [
            &["a.csv", "-c", "Wineries"][..],
            &["a.csv", "-c", "w", "--delimiter", "ab"],
            &["a.csv", "-c", "w", "--format", "shp"],
            &["a.csv", "-c", "w", "--types", "price"],
            &["a.csv", "-c", "w", "--types", "price=money"],
            &["a.csv", "-c", "w", "--bbox", "1,2,3"],
            &["a.csv", "-c", "w", "--bbox", "0,80,10,70"],
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), i32::from(code::USAGE), "{wrong:?}");
        }
    }

    #[test]
    fn a_missing_file_is_one_line() {
        let empty = tempfile::tempdir().unwrap();
        let error = plan(parse(&["no/such.csv", "-c", "w"]).unwrap()).err().unwrap();
        assert!(error.to_string().starts_with("cannot open no/such.csv: "), "{error}");
        let error = plan(parse(&[empty.path().to_str().unwrap(), "-c", "w"]).unwrap()).err().unwrap();
        assert!(
            error.to_string().contains(" is a directory without a manifest-summary.json; name"),
            "{error}"
        );
        let error = plan(parse(&["Cargo.toml"]).unwrap()).err().unwrap();
        assert_eq!(error.code, code::USAGE);
        assert!(error.to_string().ends_with("name it with --collection NAME"), "{error}");
    }

    #[test]
    fn a_signal_says_how_to_go_on() {
        assert_eq!(interrupted(4_000, true).0, "4,000 records are done");
        assert!(interrupted(4_000, true).1.starts_with("go on after them with `cellar"));
        assert!(interrupted(0, true).1.starts_with("begin again with `cellar"));
        assert!(interrupted(4_000, false).1.contains("is replaced by itself"));
    }

    #[test]
    fn a_failure_says_how_to_go_on() {
        let failed = |resumable, done| {
            let cause = Cause::Store(cellar_store::StoreError::Throttled);
            explain(&ImportError { cause, done, resumable }).to_string()
        };
        assert!(failed(true, 4000).ends_with("4000 records are done; run the same command again to go on"));
        assert!(failed(false, 4000).contains("importing again is safe"));
    }
}
