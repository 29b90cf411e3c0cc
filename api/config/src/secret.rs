//! Secrets that callers present.

use std::fmt;
use std::ops::RangeInclusive;

use subtle::ConstantTimeEq;

use super::{ConfigError, Env, Kind, Variable, non_empty};

const CHARS: RangeInclusive<usize> = 16..=512;

fn allowed() -> String {
    format!("{} to {} visible ASCII characters", CHARS.start(), CHARS.end())
}

/// A secret of 16 to 512 visible ASCII characters. It cannot be printed.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a secret; an error names the variable that it came from and does not repeat it.
    pub fn new(variable: &'static str, text: &str) -> Result<Self, ConfigError> {
        let error = |problem: String| ConfigError { variable, problem, allowed: allowed() };
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(error("holds a space, a control character or a non-ASCII character".into()));
        }
        if !CHARS.contains(&text.len()) {
            return Err(error(format!("has {} characters", text.len())));
        }
        Ok(Self(text.into()))
    }

    /// The secret in a variable, if it is set.
    pub fn from_env(env: &dyn Env, variable: &'static str) -> Result<Option<Self>, ConfigError> {
        env.declare(Variable::new(variable).allowed(allowed()).kind(Kind::Secret));
        non_empty(env, variable).map(|text| Self::new(variable, &text)).transpose()
    }

    /// Whether what is presented is this one, in time that does not tell how much of it is right.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
