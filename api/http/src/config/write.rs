//! Who may write.

use std::fmt;

use cellar_config::{ConfigError, Env, Secret, flag};

const TOKEN_VARIABLE: &str = "CELLAR_WRITE_TOKEN";

/// Protection of everything that changes data.
#[derive(Clone, Debug, Default)]
pub struct WriteConfig {
    /// Token that writers must present. With one, nobody writes without it.
    pub token: Option<WriteToken>,
    /// Whether anybody may write when there is no token: for a server that listens on loopback only.
    pub open: bool,
}

impl WriteConfig {
    /// Reads `CELLAR_WRITE_TOKEN` and `CELLAR_WRITES_OPEN`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::WriteConfig;
    ///
    /// let env = HashMap::from([("CELLAR_WRITE_TOKEN", "a-long-enough-token")]);
    /// let config = WriteConfig::from_env(&env)?;
    /// assert!(config.token.is_some_and(|token| token.matches("a-long-enough-token")));
    /// assert!(!config.open);
    /// # Ok::<(), cellar_config::ConfigError>(())
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let token = Secret::from_env(env, TOKEN_VARIABLE)?.map(WriteToken);
        Ok(Self { token, open: flag(env, "CELLAR_WRITES_OPEN", false)? })
    }
}

/// The secret that writers present as a bearer token. It cannot be printed.
#[derive(Clone)]
pub struct WriteToken(Secret);

impl WriteToken {
    /// Takes a token of 16 to 512 visible ASCII characters.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        Secret::new(TOKEN_VARIABLE, text).map(Self)
    }

    /// Whether a presented token is this one, in time that does not tell how much of it is right.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.matches(presented.as_bytes())
    }
}

impl fmt::Debug for WriteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_bad_token_is_not_repeated_in_the_error() {
        for bad in ["hunter2", "hunter2 hunter2 hunter2", "hunter2-hunter2-é"] {
            let env = HashMap::from([(TOKEN_VARIABLE, bad)]);
            let text = WriteConfig::from_env(&env).unwrap_err().to_string();
            assert!(text.starts_with(TOKEN_VARIABLE) && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_printed_and_must_match_whole() {
        let token = WriteToken::new("0123456789abcdef").unwrap();
        assert!(!format!("{token:?}").contains("0123"));
        assert!(token.matches("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg"] {
            assert!(!token.matches(wrong), "{wrong}");
        }
    }

    #[test]
    fn open_is_true_or_false() {
        let env = HashMap::from([("CELLAR_WRITES_OPEN", "maybe")]);
        let text = WriteConfig::from_env(&env).unwrap_err().to_string();
        assert_eq!(text, r#"CELLAR_WRITES_OPEN is "maybe"; allowed: true or false"#);
    }
}
