//! The functions that are compared.

use std::path::Path;
use std::str::FromStr;

use thiserror::Error;

use crate::lambda::Function;

/// A function and its name in tables.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name in tables.
    pub name: String,
    /// The function.
    pub function: Function,
}

/// Why a text does not name a function.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ContenderError {
    /// Not of the form.
    #[error("{0:?} is not a function; allowed: NAME=PATH[,VARIABLE=VALUE...]")]
    Form(String),
    /// No executable at the path.
    #[error("{path} is not an executable; build it first, or correct the path of function {name}")]
    Missing {
        /// The function's name.
        name: String,
        /// The path as given.
        path: String,
    },
}

impl FromStr for Contender {
    type Err = ContenderError;

    /// Parses `NAME=PATH[,VARIABLE=VALUE...]`. Values cannot contain commas.
    ///
    /// ```
    /// use cellar_loadtest::coldstart::Contender;
    ///
    /// let contender: Contender = "shell=/bin/sh,RUST_LOG=warn,CELLAR_OPEN_CONNECTIONS=0".parse()?;
    /// assert_eq!(contender.function.variables.len(), 2);
    /// # Ok::<(), cellar_loadtest::coldstart::contender::ContenderError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ContenderError::Form(text.to_owned());
        let mut parts = text.split(',');
        let (name, path) = parts.next().and_then(|part| part.split_once('=')).ok_or_else(form)?;
        if name.is_empty() {
            return Err(form());
        }
        let path = program(path)
            .ok_or_else(|| ContenderError::Missing { name: name.to_owned(), path: path.to_owned() })?;
        let mut function = Function::new(name, path);
        for part in parts {
            let (variable, value) =
                part.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(form)?;
            function = function.with(variable, value);
        }
        Ok(Self { name: name.to_owned(), function })
    }
}

/// The absolute path of an executable file.
fn program(path: &str) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = Path::new(path).canonicalize().ok()?;
    let data = path.metadata().ok()?;
    (data.is_file() && data.permissions().mode() & 0o111 != 0).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Contender>().unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_function_says_what_is_allowed() {
        for text in ["", "name", "=/bin/sh", "a=/bin/sh,", "a=/bin/sh,=1", "a=/bin/sh,X"] {
            assert!(
                error(text).ends_with("allowed: NAME=PATH[,VARIABLE=VALUE...]"),
                "{text:?}: {}",
                error(text)
            );
        }
    }

    #[test]
    fn a_program_must_be_there_and_runnable() {
        for path in ["/nowhere/bootstrap", "/etc/passwd", "/tmp"] {
            assert_eq!(
                error(&format!("ours={path}")),
                format!("{path} is not an executable; build it first, or correct the path of function ours")
            );
        }
    }
}
