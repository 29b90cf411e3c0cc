//! Which variables there are, told by the code that reads them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Env;

/// What stands in for a variable that has to be set.
const STAND_IN: &str = "recorded";

/// What a variable holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    #[default]
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A text that nobody else may see.
    Secret,
}

/// What is known of a variable where it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What counts if it is not set. Where that depends on something, all that it may be, with `or` between them.
    pub default: Option<String>,
    /// What it may be.
    pub allowed: Option<String>,
    /// Whether nothing starts without it.
    pub required: bool,
    /// What it holds.
    pub kind: Kind,
}

impl Variable {
    /// A variable of which nothing but the name is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..<Self as Default>::default() }
    }

    /// Says what counts if it is not set.
    #[must_use]
    pub fn default(self, default: &(impl ToString + ?Sized)) -> Self {
        Self { default: Some(default.to_string()), ..self }
    }

    /// Says what it may be.
    #[must_use]
    pub fn allowed(self, allowed: impl Into<String>) -> Self {
        Self { allowed: Some(allowed.into()), ..self }
    }

    /// Says that nothing starts without it.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Says what it holds.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Adds what another reader says of the same variable.
    fn merge(&mut self, other: Self) {
        self.default = match (self.default.take(), other.default) {
            (Some(one), Some(two)) if one.split(" or ").all(|known| known != two) => {
                Some(format!("{one} or {two}"))
            }
            (one, two) => one.or(two),
        };
        self.allowed = self.allowed.take().or(other.allowed);
        self.required |= other.required;
        if self.kind == Kind::Text {
            self.kind = other.kind;
        }
    }
}

/// An environment in which nothing is set but what has to be, and which takes note of what is asked for.
#[derive(Debug, Default)]
struct Recorder(RefCell<BTreeMap<String, Variable>>);

impl Env for Recorder {
    fn var(&self, name: &str) -> Option<String> {
        let mut variables = self.0.borrow_mut();
        let variable = variables.entry(name.to_owned()).or_insert_with(|| Variable::new(name));
        variable.required.then(|| STAND_IN.to_owned())
    }

    fn declare(&self, variable: Variable) {
        let mut variables = self.0.borrow_mut();
        variables
            .entry(variable.name.clone())
            .or_insert_with(|| Variable::new(&variable.name))
            .merge(variable);
    }
}

/// The variables that `read` asks for, by name.
///
/// # Errors
///
/// Those of `read`, which would have ended it before everything was asked for.
///
/// ```
/// use cellar_config::{Kind, Variable, number, record};
///
/// let found = record(|env| number(env, "CELLAR_SIZE", 3, 1..=9).map(drop))?;
/// assert_eq!(found, [Variable::new("CELLAR_SIZE").default("3").allowed("1 to 9").kind(Kind::Number)]);
/// # Ok::<(), cellar_config::ConfigError>(())
/// ```
pub fn record<E>(read: impl FnOnce(&dyn Env) -> Result<(), E>) -> Result<Vec<Variable>, E> {
    let recorder = Recorder::default();
    read(&recorder)?;
    Ok(recorder.0.into_inner().into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConfigError, Secret, flag, required, text, text_or};

    fn by_name<'a>(variables: &'a [Variable], name: &str) -> &'a Variable {
        variables.iter().find(|variable| variable.name == name).unwrap()
    }

    #[test]
    fn every_way_to_read_is_recorded() {
        let found = record(|env| {
            assert!(!flag(env, "FLAG", false)?);
            assert_eq!(required(env, "REQUIRED", "a name")?, STAND_IN);
            assert_eq!(text(env, "TEXT", "a URL"), None);
            assert_eq!(text_or(env, "TEXT_OR", "here", "a place"), "here");
            assert!(Secret::from_env(env, "SECRET")?.is_none());
            env.var("BARE");
            Ok::<_, ConfigError>(())
        })
        .unwrap();
        assert_eq!(found.len(), 6);
        let flag = Variable::new("FLAG").default("false").allowed("true or false").kind(Kind::Flag);
        assert_eq!(by_name(&found, "FLAG"), &flag);
        assert_eq!(by_name(&found, "REQUIRED"), &Variable::new("REQUIRED").required().allowed("a name"));
        assert_eq!(by_name(&found, "TEXT"), &Variable::new("TEXT").allowed("a URL"));
        assert_eq!(by_name(&found, "TEXT_OR"), &Variable::new("TEXT_OR").default("here").allowed("a place"));
        assert_eq!(by_name(&found, "SECRET").kind, Kind::Secret);
        assert!(by_name(&found, "SECRET").allowed.as_deref().unwrap().starts_with("16 to 512 "));
        assert_eq!(by_name(&found, "BARE"), &Variable::new("BARE"));
    }

    #[test]
    fn defaults_that_differ_are_all_told_once() {
        let found = record(|env| {
            for default in ["a", "b", "a"] {
                text_or(env, "V", default, "a letter");
            }
            Ok::<_, ConfigError>(())
        })
        .unwrap();
        assert_eq!(found, [Variable::new("V").default("a or b").allowed("a letter")]);
    }

    #[test]
    fn a_reading_that_fails_is_no_list() {
        let found = record(|env| {
            let error = |_| ConfigError { variable: "N", problem: "p".into(), allowed: "a".into() };
            required(env, "N", "a number")?.parse::<u8>().map(drop).map_err(error)
        });
        assert_eq!(found.unwrap_err().variable, "N");
    }
}
