//! Who may do what.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use cellar_config::{ConfigError, Env, text, text_or};

use crate::keys::{Keyring, Keys};

const KEYS: &str = "CELLAR_API_KEYS";
const FILE: &str = "CELLAR_API_KEYS_FILE";
const READS: &str = "CELLAR_READS";
const ALLOWED_KEYS: &str = "what is in a file of `cellar key`: JSON, without secrets";
const ALLOWED_FILE: &str = "a file of `cellar key`";
const ALLOWED_READS: &str = "open or keyed";

/// API keys, and what takes one. By default there are none, and reads take none.
#[derive(Clone, Default)]
pub struct AccessConfig {
    /// The keys, if there are to be some.
    pub keys: Option<Arc<Keys>>,
    /// Whether reading takes a key, too.
    pub keyed_reads: bool,
}

impl AccessConfig {
    /// Reads `CELLAR_API_KEYS`, or `CELLAR_API_KEYS_FILE` and that file, and `CELLAR_READS`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::AccessConfig;
    ///
    /// let env = HashMap::from([("CELLAR_READS", "keyed")]);
    /// let error = AccessConfig::from_env(&env).err().map(|error| error.to_string());
    /// assert!(error.is_some_and(|error| error.starts_with("CELLAR_READS is keyed, but there are no keys")));
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let error = |variable, allowed: &str| {
            let allowed = allowed.to_owned();
            move |problem| ConfigError { variable, problem, allowed }
        };
        let fixed = text(env, KEYS, ALLOWED_KEYS);
        let file = text(env, FILE, ALLOWED_FILE).map(PathBuf::from);
        let keys = match (fixed, file) {
            (Some(_), Some(_)) => {
                return Err(error(KEYS, "one of the two")(format!("is set, and so is {FILE}")));
            }
            (Some(json), None) => {
                Some(Keyring::parse(&json).map(Keys::fixed).map_err(error(KEYS, ALLOWED_KEYS))?)
            }
            (None, Some(file)) => Some(Keys::of_file(&file).map_err(error(FILE, ALLOWED_FILE))?),
            (None, None) => None,
        };
        let keyed_reads = match text_or(env, READS, "open", ALLOWED_READS).as_str() {
            "open" => false,
            "keyed" if keys.is_none() => {
                let allowed = format!("open, unless {KEYS} or {FILE} is set");
                return Err(error(READS, &allowed)("is keyed, but there are no keys".to_owned()));
            }
            "keyed" => true,
            other => return Err(error(READS, ALLOWED_READS)(format!("is {other:?}"))),
        };
        Ok(Self { keys: keys.map(Arc::new), keyed_reads })
    }
}

impl fmt::Debug for AccessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, keyed_reads } = self;
        f.debug_struct("AccessConfig")
            .field("keys", &keys.is_some())
            .field("keyed_reads", keyed_reads)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn errors_name_the_variable() {
        for (set, variable) in [
            (vec![(KEYS, "{}")], KEYS),
            (vec![(KEYS, r#"{"keys":[]}"#), (FILE, "/nowhere")], KEYS),
            (vec![(FILE, "/nowhere/keys.json")], FILE),
            (vec![(READS, "closed")], READS),
            (vec![(READS, "keyed")], READS),
        ] {
            let text =
                AccessConfig::from_env(&set.into_iter().collect::<HashMap<_, _>>()).unwrap_err().to_string();
            assert!(text.starts_with(variable) && text.contains("allowed: "), "{text}");
        }
        let keyed = HashMap::from([(KEYS, r#"{"keys":[]}"#), (READS, "keyed")]);
        assert!(AccessConfig::from_env(&keyed).unwrap().keyed_reads);
    }
}
