//! Configuration, one struct per concern, read from environment variables before any socket is bound.
//!
//! Invariant: an error names the variable, what is wrong with its value and what is allowed. The value of a
//! secret is never part of it.

mod api;
mod cache;
mod edge;
mod health;
#[cfg(feature = "lambda")]
mod lambda;
mod purge;
mod secret;
mod write;

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::BuildHasher;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

pub use self::api::ApiConfig;
pub use self::cache::{TABLE_SETTLES, cache_policy};
pub use self::edge::EdgeConfig;
pub use self::health::HealthConfig;
#[cfg(feature = "lambda")]
pub use self::lambda::LambdaConfig;
pub use self::purge::{EdgeKind, purge_settings};
pub use self::secret::Secret;
pub use self::write::{WriteConfig, WriteToken};

/// Where variables come from.
pub trait Env {
    /// A variable's value; `None` if it is not set.
    fn var(&self, name: &str) -> Option<String>;
}

/// The environment of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

/// A fake for tests.
impl<S: BuildHasher> Env for HashMap<&str, &str, S> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).map(ToString::to_string)
    }
}

/// A variable that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{variable} {problem}; allowed: {allowed}")]
pub struct ConfigError {
    /// Name of the variable.
    pub variable: &'static str,
    /// What is wrong with its value.
    pub problem: String,
    /// What it may be.
    pub allowed: String,
}

/// A variable that is set and not empty: deployment tools like to pass empty ones.
fn non_empty(env: &dyn Env, variable: &str) -> Option<String> {
    env.var(variable).filter(|value| !value.is_empty())
}

/// A number with a range.
fn number<T>(
    env: &dyn Env,
    variable: &'static str,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, ConfigError>
where
    T: FromStr + PartialOrd + Display,
{
    let Some(text) = non_empty(env, variable) else { return Ok(default) };
    let error =
        |problem| ConfigError { variable, problem, allowed: format!("{} to {}", range.start(), range.end()) };
    let value: T = text.parse().map_err(|_| error(format!("is {text:?}, which is not such a number")))?;
    if range.contains(&value) { Ok(value) } else { Err(error(format!("is {text}"))) }
}

/// `true` or `false`.
fn flag(env: &dyn Env, variable: &'static str, default: bool) -> Result<bool, ConfigError> {
    match non_empty(env, variable).as_deref() {
        None => Ok(default),
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => {
            Err(ConfigError { variable, problem: format!("is {other:?}"), allowed: "true or false".into() })
        }
    }
}
