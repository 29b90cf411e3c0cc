//! Settings of `cellar serve`: a flag takes precedence over a variable, that over a file, and that over a default.
//!
//! Flags are clap's. What a file says of them is added to the command line, unless it is said there or in the
//! environment, so that clap checks it as it checks flags. Invariant: what is wrong in the file is told with its line.

mod file;
mod print;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cellar_cli_kit::{CliError, usage};
use cellar_config::{ConfigError, Env, Kind, Layered, ProcessEnv, Variable, is_old_name, old_names};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use self::file::{File, key};
use self::print::Effective;

/// The variable that names the file.
const CONFIG: &str = "CELLAR_CONFIG";
/// The flag that does.
const CONFIG_ID: &str = "config";
/// The subcommand that reads it.
const SUBCOMMAND: &str = "serve";

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Settings {
    file: Option<File>,
    /// What is said by flags or by their variables, by variable.
    given: BTreeMap<String, Given>,
}

#[derive(Debug)]
struct Given {
    /// `--listen`.
    flag: String,
    /// What is known of the variable that stands in for it.
    variable: Variable,
    /// On the command line, or in the environment; `None` if neither.
    value: Option<String>,
    is_flag: bool,
}

/// Reads arguments, and the file of settings if they name one. `known` tells all variables that may be set there.
/// Ends the process if it is asked for help or for the version.
pub fn parse(
    cellar: &Command,
    arguments: Vec<OsString>,
    known: impl FnOnce(&Command) -> Result<Vec<Variable>, CliError>,
) -> Result<(ArgMatches, Settings), CliError> {
    let complain = |error: clap::Error| usage::complaint(&error).unwrap_or_else(|| error.exit());
    let (given, path) = glance(cellar, &arguments);
    let file = path.map(|path| File::read(&path, &known(cellar)?)).transpose()?;
    let settings = Settings { file, given };
    let mut all = arguments;
    all.extend(settings.in_file().map(|(_, given, value)| format!("{}={value}", given.flag).into()));
    let matches =
        cellar.clone().try_get_matches_from(all).map_err(|error| settings.located(complain(error)))?;
    Ok((matches, settings))
}

/// What is said of the flags that have variables, and the file's name. What is wrong is found later.
fn glance(cellar: &Command, arguments: &[OsString]) -> (BTreeMap<String, Given>, Option<PathBuf>) {
    let matches = cellar.clone().ignore_errors(true).try_get_matches_from(arguments);
    let serve = matches.ok().and_then(|matches| matches.subcommand_matches(SUBCOMMAND).cloned());
    let (Some(serve), Some(command)) = (serve, cellar.find_subcommand(SUBCOMMAND)) else {
        return (BTreeMap::new(), None);
    };
    let given = command.get_arguments().filter_map(|argument| {
        let variable = variable(argument).filter(|variable| variable.name != CONFIG)?;
        Some((variable.name.clone(), Given::of(&serve, argument, variable)?))
    });
    let path = serve.try_get_one::<PathBuf>(CONFIG_ID).ok().flatten();
    (given.collect(), path.filter(|path| !path.as_os_str().is_empty()).cloned())
}

impl Given {
    fn of(matches: &ArgMatches, argument: &Arg, variable: Variable) -> Option<Self> {
        let (id, flag) = (argument.get_id().as_str(), argument.get_long()?);
        let source = matches.value_source(id).filter(|source| *source != ValueSource::DefaultValue);
        let value = source.and_then(|_| matches.get_raw(id)?.next()).map(|value| value.to_string_lossy());
        let is_flag = source == Some(ValueSource::CommandLine);
        // Deployment tools like to pass empty variables.
        let value = value.filter(|value| is_flag || !value.is_empty()).map(std::borrow::Cow::into_owned);
        Some(Self { flag: format!("--{flag}"), variable, value, is_flag })
    }
}

/// What is known of the variable that stands in for a flag; `None` if there is none.
pub(crate) fn variable(argument: &Arg) -> Option<Variable> {
    let name = argument.get_env()?.to_string_lossy();
    let texts = |texts: Vec<String>| Some(texts.join(", ")).filter(|text| !text.is_empty());
    let default = argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let allowed = argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    Some(Variable {
        default: texts(default.collect()),
        allowed: texts(allowed),
        required: argument.is_required_set(),
        kind: if argument.is_hide_env_values_set() { Kind::Secret } else { Kind::Text },
        ..Variable::new(name)
    })
}

/// Variables that a file may set, of the flags of a subcommand and of all others that it reads: not those of AWS, which
/// its SDK reads from the environment, and not the file's own name.
pub(crate) fn in_files(cellar: &Command, read: Vec<Variable>) -> Vec<Variable> {
    let flags = cellar.find_subcommand(SUBCOMMAND).into_iter().flat_map(Command::get_arguments);
    let all = flags.filter_map(variable).chain(read);
    all.filter(is_in_files).collect()
}

fn is_in_files(variable: &Variable) -> bool {
    variable.name != CONFIG && !variable.name.starts_with("AWS_") && !is_old_name(&variable.name)
}

impl Settings {
    /// The file of settings, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(File::path)
    }

    /// Flags that the file sets: variable, flag, and value.
    fn in_file(&self) -> impl Iterator<Item = (&str, &Given, &str)> {
        let not_given = self.given.iter().filter(|(_, given)| given.value.is_none());
        not_given.filter_map(|(variable, given)| {
            Some((variable.as_str(), given, self.file.as_ref()?.value(variable)?))
        })
    }

    /// The error with the place in the file, if it is about a flag that is set there.
    pub(crate) fn located(&self, error: CliError) -> CliError {
        let about = |given: &Given| error.message.contains(&given.flag);
        let found = self.in_file().find(|(_, given, _)| about(given));
        let place =
            found.and_then(|(variable, ..)| Some((self.file.as_ref()?.place(variable)?, key(variable))));
        match place {
            Some((place, key)) => {
                let message = format!("{place}: {key}: {}", error.message);
                CliError { message, ..error }
            }
            None => error,
        }
    }

    /// What is wrong with a variable, told where it is set.
    pub(crate) fn explain(&self, error: &ConfigError) -> CliError {
        let ConfigError { variable, problem, allowed } = error;
        match self.place(variable) {
            Some(place) => {
                CliError::usage(format!("{place}: {} {problem}; allowed: {allowed}", key(variable)))
            }
            None => CliError::usage(error.to_string()),
        }
    }

    /// Where in the file the value of a variable that has no flag comes from.
    fn place(&self, variable: &str) -> Option<String> {
        let file = self.file.as_ref()?;
        let both = Layered { upper: &ProcessEnv, lower: file };
        if both.is_upper(variable) {
            return None;
        }
        file.value(variable).and_then(|_| file.place(variable))
    }

    /// Every setting with its value and where that comes from, as a file; `variables` tells those that are no flags.
    pub(crate) fn text(&self, variables: Vec<Variable>) -> String {
        let flags = self.given.values().map(|given| given.variable.clone());
        let all = flags.chain(variables).filter(is_in_files);
        print::text(all.map(|variable| self.effective(variable)).collect())
    }

    /// The value of a variable, and where it is set.
    fn found(&self, name: &str) -> Option<(String, String)> {
        let is_set = |value: &String| !value.is_empty();
        let of = |name: &str| Some((ProcessEnv.var(name).filter(is_set)?, name.to_owned()));
        let set = of(name).or_else(|| old_names(name).find_map(of));
        set.or_else(|| {
            let file = self.file.as_ref()?;
            Some((file.value(name)?.to_owned(), file.place(name)?))
        })
    }

    fn effective(&self, variable: Variable) -> Effective {
        let name = variable.name.clone();
        let given = self.given.get(&name).and_then(|given| Some((given, given.value.clone()?)));
        let (value, source) = match given {
            Some((given, value)) if given.is_flag => (Some(value), given.flag.clone()),
            Some((_, value)) => (Some(value), name),
            None => match self.found(&name) {
                Some((value, source)) => (Some(value), source),
                None if variable.default.is_some() => (variable.default.clone(), print::DEFAULT.to_owned()),
                None => (None, "not set".to_owned()),
            },
        };
        Effective { variable, value, source }
    }
}

impl Env for Settings {
    fn var(&self, name: &str) -> Option<String> {
        match &self.file {
            Some(file) => Layered { upper: &ProcessEnv, lower: file }.var(name),
            None => ProcessEnv.var(name),
        }
    }
}
