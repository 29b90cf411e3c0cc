//! Who reads which variable: flags by what clap knows of them, all others by reading them.

use std::collections::BTreeMap;

use cellar_cli_kit::CliError;
use cellar_config::{Variable, record};
use cellar_http::config::LambdaConfig;
use cellar_uploads::WorkerConfig;
use clap::Command;
use serde::Serialize;

use crate::explain::OrExplain as _;
use crate::{demo, serve, settings, warm};

/// A variable and who reads it.
#[derive(Serialize)]
pub(super) struct ReadVariable {
    pub(super) name: String,
    /// What counts if it is not set.
    pub(super) default: Option<String>,
    pub(super) allowed: Option<String>,
    pub(super) required: bool,
    /// Commands, or the Lambda functions `bootstrap` and `importer`.
    pub(super) read_by: Vec<String>,
}

/// Every variable of all programs, by name; one that programs read differently is there more than once.
pub(super) fn variables(cellar: &Command) -> Result<Vec<ReadVariable>, CliError> {
    let mut all = vec![("cellar".to_owned(), serve::log_variables())];
    flags(cellar, cellar.get_name(), &mut all);
    for (reader, found) in [
        ("cellar demo", record(demo::variables)),
        ("cellar serve", record(serve::variables)),
        ("cellar warm", record(warm::variables)),
        ("bootstrap", LambdaConfig::variables()),
        ("importer", WorkerConfig::variables()),
    ] {
        all.push((reader.to_owned(), found.explained()?));
    }
    Ok(by_name(all))
}

/// Variables that stand in for flags, of a command and all below it.
fn flags(command: &Command, path: &str, all: &mut Vec<(String, Vec<Variable>)>) {
    all.push((path.to_owned(), command.get_arguments().filter_map(settings::variable).collect()));
    for below in command.get_subcommands() {
        flags(below, &format!("{path} {}", below.get_name()), all);
    }
}

fn by_name(all: Vec<(String, Vec<Variable>)>) -> Vec<ReadVariable> {
    let mut found: BTreeMap<String, Vec<ReadVariable>> = BTreeMap::new();
    for (reader, variables) in all {
        for Variable { name, default, allowed, required, .. } in variables {
            let same = found.entry(name.clone()).or_default();
            let alike = |read: &&mut ReadVariable| {
                (&read.default, &read.allowed, read.required) == (&default, &allowed, required)
            };
            match same.iter_mut().find(alike) {
                Some(read) => read.read_by.push(reader.clone()),
                None => same.push(ReadVariable {
                    name,
                    default,
                    allowed,
                    required,
                    read_by: vec![reader.clone()],
                }),
            }
        }
    }
    found.into_values().flatten().collect()
}
