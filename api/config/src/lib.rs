//! Settings, read from environment variables before any socket is bound.
//!
//! Invariant: an error names the variable, what is wrong with its value and what is allowed. The value of a
//! secret is never part of it.

mod layered;
mod record;
mod secret;

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::BuildHasher;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

pub use self::layered::Layered;
pub use self::record::{Kind, Variable, record};
pub use self::secret::Secret;

/// What a flag may be.
const FLAG: &str = "true or false";

/// Where variables come from.
pub trait Env {
    /// A variable's value; `None` if it is not set.
    fn var(&self, name: &str) -> Option<String>;

    /// Hears what is known of a variable, before it is read. Only [`record`] listens.
    fn declare(&self, _variable: Variable) {}
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

/// Variables that had another name, which still works where the new one is not set: until version 0.2.
const RENAMED: [(&str, &str); 1] = [("CELLAR_UNTRUSTED_TTL_S", "CELLAR_UNATTENDED_S")];

/// A variable that is set and not empty: deployment tools like to pass empty ones.
fn non_empty(env: &dyn Env, variable: &'static str) -> Option<String> {
    named(env, variable).map(|(_, value)| value)
}

/// What a variable was called before, for as long as that still works.
///
/// ```
/// assert!(cellar_config::old_names("CELLAR_UNTRUSTED_TTL_S").eq(["CELLAR_UNATTENDED_S"]));
/// ```
pub fn old_names(variable: &str) -> impl Iterator<Item = &'static str> {
    RENAMED.iter().filter(move |(new, _)| *new == variable).map(|(_, old)| *old)
}

/// Whether it is a name that a variable had before.
pub fn is_old_name(variable: &str) -> bool {
    RENAMED.iter().any(|(_, old)| *old == variable)
}

/// The same, with the name under which it is set.
fn named(env: &dyn Env, variable: &'static str) -> Option<(&'static str, String)> {
    let mut names = std::iter::once(variable).chain(old_names(variable));
    names.find_map(|name| Some((name, env.var(name).filter(|value| !value.is_empty())?)))
}

/// A text that may be left out; `allowed` says what it may be.
pub fn text(env: &dyn Env, variable: &'static str, allowed: &str) -> Option<String> {
    env.declare(Variable::new(variable).allowed(allowed));
    non_empty(env, variable)
}

/// A text with a default; `allowed` says what it may be.
pub fn text_or(env: &dyn Env, variable: &'static str, default: &str, allowed: &str) -> String {
    env.declare(Variable::new(variable).default(default).allowed(allowed));
    non_empty(env, variable).unwrap_or_else(|| default.to_owned())
}

/// A text that has to be there and hold more than spaces; `allowed` says what it may be.
pub fn required(env: &dyn Env, variable: &'static str, allowed: &str) -> Result<String, ConfigError> {
    env.declare(Variable::new(variable).required().allowed(allowed));
    let error = || ConfigError { variable, problem: "is not set".into(), allowed: allowed.into() };
    non_empty(env, variable).filter(|text| !text.trim().is_empty()).ok_or_else(error)
}

/// A number with a range.
pub fn number<T>(
    env: &dyn Env,
    variable: &'static str,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, ConfigError>
where
    T: FromStr + PartialOrd + Display,
{
    let allowed = format!("{} to {}", range.start(), range.end());
    env.declare(Variable::new(variable).default(&default).allowed(&allowed).kind(Kind::Number));
    let Some((variable, text)) = named(env, variable) else { return Ok(default) };
    let error = |problem| ConfigError { variable, problem, allowed: allowed.clone() };
    let value: T = text.parse().map_err(|_| error(format!("is {text:?}, which is not such a number")))?;
    if range.contains(&value) { Ok(value) } else { Err(error(format!("is {text}"))) }
}

/// `true` or `false`.
pub fn flag(env: &dyn Env, variable: &'static str, default: bool) -> Result<bool, ConfigError> {
    env.declare(Variable::new(variable).default(&default).allowed(FLAG).kind(Kind::Flag));
    match non_empty(env, variable).as_deref() {
        None => Ok(default),
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(ConfigError { variable, problem: format!("is {other:?}"), allowed: FLAG.into() }),
    }
}

/// Where a service of AWS is, unless it is where the region has it: the variable `service` (`AWS_ENDPOINT_URL_<SERVICE>`), else
/// `AWS_ENDPOINT_URL`, as the SDKs have it; neither with `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true`. Without a slash at the end.
///
/// ```
/// use std::collections::HashMap;
/// use cellar_config::aws_endpoint;
///
/// let env = HashMap::from([("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"), ("AWS_ENDPOINT_URL_S3", "http://s3.example/")]);
/// assert_eq!(aws_endpoint(&env, "AWS_ENDPOINT_URL_S3")?.as_deref(), Some("http://s3.example"));
/// assert_eq!(aws_endpoint(&env, "AWS_ENDPOINT_URL_SQS")?.as_deref(), Some("http://127.0.0.1:4566"));
/// # Ok::<(), cellar_config::ConfigError>(())
/// ```
pub fn aws_endpoint(env: &dyn Env, service: &'static str) -> Result<Option<String>, ConfigError> {
    let ignored = flag(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", false)?;
    let set = [service, "AWS_ENDPOINT_URL"].map(|variable| (variable, text(env, variable, ENDPOINT)));
    let Some((variable, url)) = set.into_iter().find_map(|(variable, url)| Some((variable, url?))) else {
        return Ok(None);
    };
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let is_url = host.is_some_and(|host| !host.is_empty() && !host.contains(['?', '#', ' ', '@']));
    if !is_url {
        let problem = format!("is {url:?}, which is no URL");
        return Err(ConfigError { variable, problem, allowed: ENDPOINT.into() });
    }
    Ok((!ignored).then(|| url.trim_end_matches('/').to_owned()))
}

const ENDPOINT: &str = "http://<host>:<port> or https://<host>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_told_apart_and_can_be_switched_off() {
        use std::collections::HashMap;

        let of = |env: &[(&'static str, &'static str)]| {
            aws_endpoint(&env.iter().copied().collect::<HashMap<_, _>>(), "AWS_ENDPOINT_URL_SQS")
        };
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&[("AWS_ENDPOINT_URL_S3", "http://a")]).unwrap(), None, "another service's");
        let ignored = [("AWS_ENDPOINT_URL", "http://a"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
        assert_eq!(of(&ignored).unwrap(), None);
        for (variable, url) in [("AWS_ENDPOINT_URL", "localhost:4566"), ("AWS_ENDPOINT_URL_SQS", "http://")] {
            let text = of(&[(variable, url)]).unwrap_err().to_string();
            assert!(text.starts_with(variable) && text.contains("allowed: http://<host>"), "{text}");
        }
    }

    #[test]
    fn a_variable_that_was_renamed_is_read_by_its_old_name_as_well() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let env: HashMap<&str, &str> = pairs.iter().copied().collect();
            number(&env, "CELLAR_UNTRUSTED_TTL_S", 10, 0..=3_600)
        };
        assert_eq!(read(&[]), Ok(10));
        assert_eq!(read(&[("CELLAR_UNATTENDED_S", "7")]), Ok(7));
        assert_eq!(read(&[("CELLAR_UNTRUSTED_TTL_S", "8"), ("CELLAR_UNATTENDED_S", "7")]), Ok(8));
        assert_eq!(read(&[("CELLAR_UNTRUSTED_TTL_S", ""), ("CELLAR_UNATTENDED_S", "7")]), Ok(7));
        let error = read(&[("CELLAR_UNATTENDED_S", "-1")]).unwrap_err().to_string();
        assert!(error.starts_with("CELLAR_UNATTENDED_S is "), "{error}");
    }
}
