//! A file of settings (TOML 1.1): the lower-case name of each variable, without `CELLAR_`, with its value.
//!
//! Invariant: an error names the file and the line, and never repeats a secret.

use std::collections::BTreeMap;
use std::fs::File as Handle;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cellar_cli_kit::CliError;
use cellar_config::{Env, Kind, Variable};
use toml::de::{DeTable, DeValue};

/// Names that are closer than this are most likely meant (Jaro-Winkler).
const ALIKE: f64 = 0.75;

/// What a file sets.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// By variable.
    set: BTreeMap<String, Set>,
}

#[derive(Debug)]
struct Set {
    value: String,
    line: usize,
}

/// The name of a variable in a file.
pub(super) fn key(variable: &str) -> String {
    variable.strip_prefix("CELLAR_").unwrap_or(variable).to_ascii_lowercase()
}

impl File {
    /// Reads a file, in which only known variables may be set.
    pub(super) fn read(path: &Path, known: &[Variable]) -> Result<Self, CliError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            CliError::failure(format!("cannot read {}: {error}", path.display()))
                .hint("name a file of settings with --config")
        };
        let mut handle = Handle::open(path).map_err(|error| unreadable(&error))?;
        let mut text = String::new();
        handle.read_to_string(&mut text).map_err(|error| unreadable(&error))?;
        let file = Self::parse(path, &text, known)?;
        if is_open_to_all(&handle) {
            file.refuse_secrets(known)?;
        }
        Ok(file)
    }

    fn parse(path: &Path, text: &str, known: &[Variable]) -> Result<Self, CliError> {
        let at = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| {
            let line = at(error.span().map_or(0, |span| span.start));
            refused(path, line, &error.message().replace('\n', " "))
        })?;
        let by_key: BTreeMap<String, &Variable> =
            known.iter().map(|variable| (key(&variable.name), variable)).collect();
        let mut set = BTreeMap::new();
        for (name, value) in table.get_ref() {
            let line = at(name.span().start);
            let Some(variable) = by_key.get(name.get_ref().as_ref()) else {
                return Err(unknown(path, line, name.get_ref(), by_key.keys()));
            };
            let value = text_of(value.get_ref(), variable)
                .map_err(|problem| refused(path, line, &format!("{} {problem}", name.get_ref())))?;
            set.insert(variable.name.clone(), Set { value, line });
        }
        Ok(Self { path: path.to_owned(), set })
    }

    /// A secret that everybody on the machine may read is none.
    fn refuse_secrets(&self, known: &[Variable]) -> Result<(), CliError> {
        let secrets = known.iter().filter(|variable| variable.kind == Kind::Secret);
        let exposed = |variable: &&Variable| {
            // A URL is a secret only with a password.
            self.value(&variable.name).is_some_and(|value| !value.contains("://") || value.contains('@'))
        };
        let Some((variable, set)) =
            secrets.filter(exposed).find_map(|found| Some((found, self.set.get(&found.name)?)))
        else {
            return Ok(());
        };
        let problem =
            format!("{} is a secret, and everybody on this machine may read it", key(&variable.name));
        let path = self.path.display();
        Err(refused(&self.path, set.line, &problem)
            .hint(format!("`chmod 640 {path}`, or set {} in the environment", variable.name)))
    }

    /// A variable's value, unless it is empty.
    pub(super) fn value(&self, variable: &str) -> Option<&str> {
        self.set.get(variable).map(|set| set.value.as_str()).filter(|value| !value.is_empty())
    }

    /// Where a variable is set: `cellar.toml:3`.
    pub(super) fn place(&self, variable: &str) -> Option<String> {
        self.set.get(variable).map(|set| format!("{}:{}", self.path.display(), set.line))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Env for File {
    fn var(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }
}

fn refused(path: &Path, line: usize, problem: &str) -> CliError {
    CliError::usage(format!("{}:{line}: {problem}", path.display()))
}

fn unknown<'a>(path: &Path, line: usize, name: &str, known: impl Iterator<Item = &'a String>) -> CliError {
    let asked = key(name).replace('-', "_");
    let alike = known.map(|known| (strsim::jaro_winkler(&asked, known), known));
    let closest = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    let error = refused(path, line, &format!("there is no setting `{name}`"));
    match closest {
        Some((how, known)) if how >= ALIKE => error.hint(format!("the closest is `{known}`")),
        _ if asked.starts_with("aws_") => error.hint("those of AWS are set in the environment"),
        _ => error.hint("`cellar serve --print-config` lists all of them"),
    }
}

/// A value as a variable would hold it.
fn text_of(value: &DeValue<'_>, variable: &Variable) -> Result<String, String> {
    let wanted = match variable.kind {
        Kind::Text | Kind::Secret => "a text in quotes",
        Kind::Number => "a number without quotes",
        Kind::Flag => "true or false, without quotes",
    };
    match (value, variable.kind) {
        (DeValue::String(text), Kind::Text | Kind::Secret) => Ok(text.to_string()),
        (DeValue::Boolean(flag), Kind::Flag) => Ok(flag.to_string()),
        (DeValue::Float(float), Kind::Number) => Ok(float.as_str().to_owned()),
        (DeValue::Integer(integer), Kind::Number) => {
            let number = i128::from_str_radix(integer.as_str(), integer.radix());
            number.map(|number| number.to_string()).map_err(|_| "is too long a number".to_owned())
        }
        (other, kind) => {
            let found = match other {
                DeValue::String(_) => "a text",
                DeValue::Integer(_) | DeValue::Float(_) => "a number",
                DeValue::Boolean(_) => "true or false",
                DeValue::Datetime(_) => "a date",
                DeValue::Array(_) => "a list",
                DeValue::Table(_) => "a table",
            };
            let allowed = variable.allowed.as_deref().filter(|_| kind != Kind::Flag);
            let allowed = allowed.map(|allowed| format!(": {allowed}")).unwrap_or_default();
            Err(format!("is {found}; allowed: {wanted}{allowed}"))
        }
    }
}

/// Whether everybody on the machine may read what is open.
#[cfg(unix)]
fn is_open_to_all(handle: &Handle) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    handle.metadata().is_ok_and(|found| found.is_file() && found.mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &Handle) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Variable> {
        vec![
            Variable::new("CELLAR_LISTEN").allowed("an address"),
            Variable::new("CELLAR_MAX_RADIUS_M").allowed("1 to 9").kind(Kind::Number),
            Variable::new("CELLAR_WRITES_OPEN").allowed("true or false").kind(Kind::Flag),
            Variable::new("CELLAR_WRITE_TOKEN").kind(Kind::Secret),
            Variable::new("CELLAR_REDIS_URL").kind(Kind::Secret),
            Variable::new("RUST_LOG"),
        ]
    }

    fn parse(text: &str) -> Result<File, String> {
        File::parse(Path::new("c.toml"), text, &known()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_as_variables_hold_them() {
        let file = parse(
            "# where\nlisten = ':8080'\nmax_radius_m = 5_000.5\n\nwrites_open = true\nrust_log = \"\"\n",
        )
        .unwrap();
        assert_eq!(file.value("CELLAR_LISTEN"), Some(":8080"));
        assert_eq!(file.value("CELLAR_MAX_RADIUS_M"), Some("5000.5"));
        assert_eq!(file.value("CELLAR_WRITES_OPEN"), Some("true"));
        assert_eq!(file.value("RUST_LOG"), None, "what is empty is not set");
        assert_eq!(file.place("CELLAR_WRITES_OPEN").unwrap(), "c.toml:5");
        assert_eq!(parse("max_radius_m = 0xff").unwrap().value("CELLAR_MAX_RADIUS_M"), Some("255"));
    }

    #[test]
    fn whatever_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("\nmax_radius = 3", "c.toml:2: there is no setting `max_radius`; the closest is `max_radius_m`"),
            (
                "CELLAR_LISTEN = ':1'",
                "c.toml:1: there is no setting `CELLAR_LISTEN`; the closest is `listen`",
            ),
            (
                "max-radius-m = 3",
                "c.toml:1: there is no setting `max-radius-m`; the closest is `max_radius_m`",
            ),
            (
                "aws_region = 'a'",
                "c.toml:1: there is no setting `aws_region`; those of AWS are set in the environment",
            ),
            (
                "zzz = 3",
                "c.toml:1: there is no setting `zzz`; `cellar serve --print-config` lists all of them",
            ),
            (
                "max_radius_m = '3'",
                "c.toml:1: max_radius_m is a text; allowed: a number without quotes: 1 to 9",
            ),
            ("writes_open = 1", "c.toml:1: writes_open is a number; allowed: true or false, without quotes"),
            ("\n\nlisten = 8080", "c.toml:3: listen is a number; allowed: a text in quotes: an address"),
            ("listen = ['a']", "c.toml:1: listen is a list; allowed: a text in quotes: an address"),
            ("[listen]\na = 1", "c.toml:1: listen is a table; allowed: a text in quotes: an address"),
            ("write_token = 12345", "c.toml:1: write_token is a number; allowed: a text in quotes"),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
        for (text, line) in [("listen = ", 1), ("\nlisten", 2), ("listen = ':1'\nlisten = ':2'", 2)] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("c.toml:{line}: ")) && !error.contains('\n'), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_in_no_file_that_everybody_may_read() {
        use std::fs::{Permissions, set_permissions, write};
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        let read = |mode| {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            File::read(&path, &known()).map_err(|error| error.to_string())
        };
        for secret in ["write_token = 'hunter2'", "redis_url = 'redis://:hunter2@host'"] {
            write(&path, secret).unwrap();
            assert!(read(0o600).is_ok() && read(0o640).is_ok());
            let error = read(0o644).unwrap_err();
            assert!(error.contains(":1: ") && error.contains("chmod 640"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        write(&path, "redis_url = 'redis://host'\nlisten = ':1'").unwrap();
        assert!(read(0o644).is_ok());
    }
}
