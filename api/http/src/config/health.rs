//! What health checks may ask for.

use cellar_config::{ConfigError, Env, Secret, flag, number, text};
use cellar_model::{Collection, PlaceId};

const SECRET_VARIABLE: &str = "CELLAR_HEALTH_SECRET";
const ITEM_VARIABLE: &str = "CELLAR_HEALTH_ITEM";
const ITEM: &str = "<collection>/<id>, such as wineries/w-1";

/// How `/health` answers.
#[derive(Clone, Debug)]
pub struct HealthConfig {
    /// Of so many pings in a hundred that do not say how deep they are, the store is asked.
    pub deep_percent: u8,
    /// The secret that a request for a deep ping must present; without one there are no deep pings on request.
    pub secret: Option<Secret>,
    /// Whether every ping fails: a drill of what happens then.
    pub force_fail: bool,
    /// A place that a deep ping has to find; without one it looks for nothing, which shows that the table answers.
    pub item: Option<(Collection, PlaceId)>,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self { deep_percent: 100, secret: None, force_fail: false, item: None }
    }
}

impl HealthConfig {
    /// Reads `CELLAR_DEEP_PING_PERCENT`, `CELLAR_HEALTH_SECRET`, `CELLAR_FORCE_FAIL` and `CELLAR_HEALTH_ITEM`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::HealthConfig;
    ///
    /// let env = HashMap::from([("CELLAR_DEEP_PING_PERCENT", "101")]);
    /// let error = HealthConfig::from_env(&env).unwrap_err();
    /// assert_eq!(error.to_string(), "CELLAR_DEEP_PING_PERCENT is 101; allowed: 0 to 100");
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let default = Self::default();
        Ok(Self {
            deep_percent: number(env, "CELLAR_DEEP_PING_PERCENT", default.deep_percent, 0..=100)?,
            secret: Secret::from_env(env, SECRET_VARIABLE)?,
            force_fail: flag(env, "CELLAR_FORCE_FAIL", default.force_fail)?,
            item: text(env, ITEM_VARIABLE, ITEM).map(|text| item(&text)).transpose()?,
        })
    }
}

/// `<collection>/<id>`; an id may hold slashes itself.
fn item(text: &str) -> Result<(Collection, PlaceId), ConfigError> {
    let named = text.split_once('/');
    let item = named.and_then(|(collection, id)| Some((collection.parse().ok()?, id.parse().ok()?)));
    item.ok_or_else(|| ConfigError {
        variable: ITEM_VARIABLE,
        problem: format!("is {text:?}, which names no place"),
        allowed: ITEM.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_variable_counts() {
        let env = HashMap::from([
            ("CELLAR_DEEP_PING_PERCENT", "7"),
            (SECRET_VARIABLE, "0123456789abcdef"),
            ("CELLAR_FORCE_FAIL", "true"),
            (ITEM_VARIABLE, "wineries/a/b"),
        ]);
        let config = HealthConfig::from_env(&env).unwrap();
        assert_eq!((config.deep_percent, config.force_fail), (7, true));
        assert!(config.secret.unwrap().matches(b"0123456789abcdef"));
        let (collection, id) = config.item.unwrap();
        assert_eq!((collection.as_str(), id.as_str()), ("wineries", "a/b"));
    }

    #[test]
    fn errors_name_the_variable_and_keep_the_secret() {
        for (variable, value) in [
            ("CELLAR_DEEP_PING_PERCENT", "-1"),
            (SECRET_VARIABLE, "hunter2"),
            ("CELLAR_FORCE_FAIL", "perhaps"),
            (ITEM_VARIABLE, "wineries"),
            (ITEM_VARIABLE, "Wineries/1"),
        ] {
            let text = HealthConfig::from_env(&HashMap::from([(variable, value)])).unwrap_err().to_string();
            assert!(text.starts_with(variable) && text.contains("allowed: "), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
