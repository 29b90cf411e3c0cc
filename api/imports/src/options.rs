//! Parameters of a request as options of an import: the arguments of `cellar import`, so that both read the same.

use std::error::Error as _;

use cellar_http::imports::{Job, OPTIONS, Refused};
use cellar_input::ReadArgs;
use cellar_jobs::import::{OnRepeat, ReadOptions};
use cellar_model::Collection;
use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, CommandFactory as _, Parser};

#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
struct Asked {
    #[arg(long, value_enum, default_value = "last")]
    on_repeat: OnRepeat,

    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    read: ReadArgs,
}

/// How a file is imported.
#[derive(Clone, Debug)]
pub struct Options {
    /// How it is read.
    pub read: ReadOptions,
    /// Whether nothing is stored.
    pub dry_run: bool,
}

/// The options of a job. Names that this version does not know are left out.
pub fn of_job(job: &Job) -> Result<Options, Refused> {
    let asked = job.options.iter().filter_map(|(name, value)| {
        let name = OPTIONS.into_iter().find(|known| known == name)?;
        Some((name, value.clone()))
    });
    parse(&asked.collect::<Vec<_>>(), &job.collection)
}

/// Reads options; the first that cannot be read is named.
pub fn parse(asked: &[(&'static str, String)], collection: &Collection) -> Result<Options, Refused> {
    let mut arguments = Vec::new();
    for (name, value) in asked {
        let argument = argument(name, value)?;
        Asked::try_parse_from(argument.as_slice()).map_err(|error| refused(name, value, &error))?;
        arguments.extend(argument);
    }
    let asked = Asked::try_parse_from(arguments).map_err(|error| Refused::Option {
        name: "format",
        reason: error.to_string().lines().next().unwrap_or_default().to_owned(),
        allowed: None,
    })?;
    let read =
        ReadOptions { only: Some(collection.clone()), on_repeat: asked.on_repeat, ..asked.read.options() };
    Ok(Options { read, dry_run: asked.dry_run })
}

/// The argument of an option; none of a flag that is not set.
fn argument(name: &'static str, value: &str) -> Result<Option<String>, Refused> {
    if !is_flag(name) {
        return Ok(Some(format!("--{name}={value}")));
    }
    match value {
        "true" => Ok(Some(format!("--{name}"))),
        "false" => Ok(None),
        _ => Err(Refused::Option {
            name,
            reason: format!("`{name}` is neither `true` nor `false`"),
            allowed: Some("true, false".into()),
        }),
    }
}

fn is_flag(name: &str) -> bool {
    let command = Asked::command();
    command
        .get_arguments()
        .any(|known| known.get_long() == Some(name) && matches!(known.get_action(), ArgAction::SetTrue))
}

fn refused(name: &'static str, value: &str, error: &clap::Error) -> Refused {
    let allowed = error.context().find_map(|(kind, found)| match (kind, found) {
        (ContextKind::ValidValue, ContextValue::Strings(values)) => Some(values.join(", ")),
        _ => None,
    });
    let shown: String = value.chars().filter(|c| !c.is_control()).take(64).collect();
    let reason = match error.source() {
        Some(source) => format!("`{name}` is `{shown}`: {source}"),
        None => format!("`{name}` cannot be `{shown}`"),
    };
    Refused::Option { name, reason, allowed: allowed.filter(|allowed| !allowed.is_empty()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cellar_jobs::import::{Format, Kind};

    use super::*;

    fn read(asked: &[(&'static str, &str)]) -> Result<Options, Refused> {
        let asked: Vec<_> = asked.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        parse(&asked, &"places".parse().unwrap())
    }

    #[test]
    fn the_api_has_the_options_of_the_command() {
        let command = Asked::command();
        let of_command: BTreeSet<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        assert_eq!(of_command, OPTIONS.into());
    }

    #[test]
    fn options_are_read_as_the_command_reads_them() {
        let options = read(&[
            ("format", "csv"),
            ("types", "price=number"),
            ("bbox", "-10,40,10,60"),
            ("generate-ids", "true"),
            ("decimal-comma", "false"),
            ("on-repeat", "first"),
            ("dry-run", "true"),
            ("id-column", "--format=json"),
        ])
        .unwrap();
        assert_eq!(options.read.format, Some(Format::Csv));
        assert_eq!(options.read.types, [("price".to_owned(), Kind::Number)]);
        assert!(options.read.generate_ids && !options.read.decimal_comma && options.dry_run);
        assert_eq!(options.read.on_repeat, OnRepeat::First);
        assert_eq!(options.read.columns.id.as_deref(), Some("--format=json"), "a value is no argument");
        assert!(options.read.bbox.is_some());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (name, value, part) in [
            ("format", "shp", "`format` cannot be `shp`"),
            ("types", "price", "expected NAME=TYPE"),
            ("bbox", "1,2,3", "west,south,east,north"),
            ("skip", "-1", "`skip` is `-1`"),
            ("generate-ids", "yes", "neither `true` nor `false`"),
        ] {
            let Err(Refused::Option { name: named, reason, allowed }) = read(&[(name, value)]) else {
                panic!("{name}={value} was read");
            };
            assert!(named == name && reason.contains(part), "{reason}");
            assert_eq!(allowed.is_some_and(|allowed| allowed.contains("geojson")), name == "format");
        }
    }
}
